"""The operations on subscriptions. What a subscription means and how it is notified is not here."""
