"""Run by Alembic for each upgrade, inside the transaction that `broker.store.migrate` has opened."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
