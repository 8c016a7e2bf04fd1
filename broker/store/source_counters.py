"""What has been sent to each registered source, and what came of it, over all processes (table 5.2.9-2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from broker.store.database import Database

# a platform that is gone by now is left out; one that is there stays until this is written
_ADD: Final = """
INSERT INTO source_counters AS known (platform, sent, failed, last_success, last_failure)
SELECT told.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
    AS told (platform, sent, failed, last_success, last_failure)
JOIN platforms ON platforms.id = told.platform
ORDER BY told.platform FOR KEY SHARE OF platforms
ON CONFLICT (platform) DO UPDATE SET
    sent = known.sent + excluded.sent,
    failed = known.failed + excluded.failed,
    last_success = greatest(known.last_success, excluded.last_success),
    last_failure = greatest(known.last_failure, excluded.last_failure)"""
_OF: Final = """
SELECT platform, sent, failed, last_success, last_failure FROM source_counters WHERE platform = ANY($1::text[])"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that were sent to a source, those of them that failed, and when the last of each kind ended."""

    sent: int = 0
    failed: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None


class SourceCounters:
    """Methods raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, told: Mapping[str, Counted]) -> None:
        """What came to what is known, by platform."""
        rows = [(name, one.sent, one.failed, one.last_success, one.last_failure) for name, one in told.items()]
        async with self._database.connection() as connection:
            await connection.execute(_ADD, *[list(column) for column in zip(*rows, strict=True)])

    async def of(self, platforms: Collection[str]) -> dict[str, Counted]:
        """What is known of these; of those that nothing was sent to nothing."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_OF, list(platforms))
        return {row["platform"]: Counted(*row[1:]) for row in rows}
