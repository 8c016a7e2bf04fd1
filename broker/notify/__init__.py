"""Subscriptions at work: matched when something changes, composed, delivered. No SQL, no web framework here."""
