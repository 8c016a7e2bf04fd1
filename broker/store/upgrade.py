"""Running Alembic: imported only when a migration is missing."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from broker.store.database import store_errors
from broker.store.engine import make_engine
from schemas.errors import SettingsError, StoreUnavailable


async def upgrade(url: str, lock: int) -> None:
    """One process at a time does it: under the advisory lock `lock`. Errors as of `migrate`."""
    engine = make_engine(url, pool_size=1)
    try:
        with store_errors():
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock})
                await connection.run_sync(_upgrade)
    except CommandError as error:
        raise SettingsError(
            f"The database's schema is not of this version's history; was it used by a newer one? ({error})",
            field="KAKEHASHI_DATABASE_URL",
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable("The connection to the database was lost.") from error
        raise
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
