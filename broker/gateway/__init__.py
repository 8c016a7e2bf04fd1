"""The ways of a request: who may, whom to ask, what it costs; federated, settled, and only then answered. No HTTP."""
