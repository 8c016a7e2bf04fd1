"""Alembic's environment and the migrations in order, one step of the schema each. Run by `broker.store.migrate`."""
