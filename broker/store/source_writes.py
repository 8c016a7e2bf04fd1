"""Told among the processes that share the database: to which platforms something was written through one of them, so
that the others keep no answer from before. Nothing of it is stored; whoever did not listen forgets all (`Feed`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from secrets import token_hex

from broker.store.database import Database

CHANNEL = "kakehashi_source_writes"
_TELL = """
SELECT pg_notify($1, $2 || platform) FROM unnest($3::text[]) AS platform WHERE octet_length(platform) < 7000"""


class SourceWrites:
    """One per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own = token_hex(8) + ":"

    async def tell(self, platforms: Collection[str]) -> None:
        """The others hear it at once. StoreUnavailable."""
        async with self._database.connection() as connection:
            await connection.execute(_TELL, CHANNEL, self._own, list(platforms))

    def heard(self, forget: Callable[[str | None], None]) -> Callable[[str | None], None]:
        """For `Feed`: calls `forget` with the platform that another process has written to; None: with any."""

        def hear(payload: str | None) -> None:
            if payload is None:
                forget(None)
            elif not payload.startswith(self._own):
                forget(payload[len(self._own) :])

        return hear
