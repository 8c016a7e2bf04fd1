"""What a figure needs of the roll-ups: keys, sets of keys, and their sums by day of Tokyo."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from broker.store.database import Database
from broker.store.usage_rollup import kept_days
from schemas.errors import OperationNotSupported
from schemas.kpi.usage import TOKYO, Key

_TIMEOUT = 120.0
_CHUNK = 5000
_NAMES = (
    "service", "organisation", "project", "consumer_area", "batch", "platform", "provider_organisation",
    "provider_area", "cross_area", "types", "operation", "delivered", "replay",
)  # fmt: skip
_USES = """
    SELECT request, time, entities, bytes, types, service, organisation, project, consumer_area, batch, platform,
        provider_organisation, provider_area, cross_area, types::text, operation, entities > 0, replay_of IS NOT NULL
    FROM counted_flows WHERE time >= $1 AND time < $2 AND txid < $3::text::xid8
"""
_HOURS = "hour >= $1 AND hour < $2"
_DAYS = "day >= $1 AND day < $2"
_JOINED = "request_hourly JOIN unnest($3::int[], $4::int[]) AS g (keyset, grp) USING (keyset)"
_JOINED += f" WHERE {_HOURS} AND keyset = ANY($3)"
_REQUESTS = f"""
    SELECT day, grp, sum(requests)::bigint
    FROM request_daily JOIN unnest($3::int[], $4::int[]) AS g (keyset, grp) USING (keyset)
    WHERE {_DAYS} AND keyset = ANY($3) GROUP BY day, grp
"""  # noqa: S608
_MINUTES = f"""
    SELECT (hour AT TIME ZONE 'Asia/Tokyo')::date, grp, sum(bit_count(({{folded}})::bit(64)))::bigint
    FROM (SELECT hour, grp, bit_or(minutes) AS m FROM {_JOINED} GROUP BY hour, grp) AS hours GROUP BY 1, 2
"""  # noqa: S608
_WINDOWS = f"""
    SELECT (hour AT TIME ZONE 'Asia/Tokyo')::date, grp,
        count(DISTINCT extract(hour FROM hour AT TIME ZONE 'Asia/Tokyo')::int / {{hours}})
    FROM {_JOINED} GROUP BY 1, 2
"""  # noqa: S608


# as the index has it
_TOLD = (
    "SELECT kind, time, subject, body FROM ledger_events WHERE kind IN ('area.applied', 'catalog.judged')"
    " ORDER BY txid, seq"
)

Use = tuple[Key, UUID, datetime, int, int]
"""Key, request, time, entities, bytes."""


@dataclass(slots=True)
class Keys:
    """All keys, and all sets of keys, by id. They are only ever added to, so they may be kept and refreshed."""

    keys: dict[int, Key] = field(default_factory=dict)
    sets: dict[int, tuple[int, ...]] = field(default_factory=dict)
    sets_of: dict[int, list[int]] = field(default_factory=dict)
    """By key, the sets that it is in."""

    def add_set(self, keyset: int, members: tuple[int, ...]) -> None:
        if keyset not in self.sets:
            self.sets[keyset] = members
            for member in members:
                self.sets_of.setdefault(member, []).append(keyset)


class UsageReader:
    """Reads within one snapshot. Days: from `since` on and before `until`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, database: Database) -> AsyncIterator[UsageReader]:
        """Raises StoreUnavailable."""
        async with (
            database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            # what is joined is of thousands of rows on both sides, which the planner can't know of an array
            await connection.execute("SET LOCAL enable_nestloop = off")
            yield cls(connection)

    async def below(self) -> int:
        """Flows of transactions with lesser numbers are in what is read here."""
        found: int = await self._connection.fetchval("SELECT below FROM usage_progress")
        return found

    async def refresh(self, known: Keys) -> None:
        """Add what is new to `known`. Ids rise in the order in which they are committed: one process at a time adds."""
        statement = f"SELECT id, {', '.join(_NAMES)} FROM usage_keys WHERE id > $1"  # noqa: S608
        rows = await self._connection.fetch(statement, max(known.keys, default=0), timeout=_TIMEOUT)
        sets = await self._connection.fetch(
            "SELECT id, keys FROM usage_sets WHERE id > $1 ORDER BY id", max(known.sets, default=0), timeout=_TIMEOUT
        )
        for row in rows:
            known.keys[row["id"]] = Key(**{name: row[name] for name in _NAMES} | {"types": tuple(row["types"])})
        for row in sets:
            known.add_set(row["id"], tuple(row["keys"]))

    async def requests(
        self, sets: Sequence[int], groups: Sequence[int], since: date, until: date, window: int = 0
    ) -> list[tuple[date, int, int]]:
        """Day, group, requests of the sets; `groups` goes along with `sets`. `window`: the windows of so many minutes
        in which a group had requests, instead of these."""
        if not window:
            statement = _REQUESTS
        elif window < 60:
            statement = _MINUTES.format(folded=_folded(window))
        else:
            statement = _WINDOWS.format(hours=window // 60)
        bounds = (midnight(since), midnight(until)) if window else (since, until)
        return await self._fetch(statement, *bounds, sets, groups)

    async def sums(self, column: str, keys: Sequence[int], since: date, until: date) -> list[tuple[date, int, int]]:
        """Day, key, and its flows, entities or bytes (`column`)."""
        if column not in ("flows", "entities", "bytes"):
            raise ValueError(column)
        statement = f"SELECT day, key, {column} FROM flow_daily WHERE {_DAYS} AND key = ANY($3)"  # noqa: S608
        return await self._fetch(statement, since, until, keys)

    async def days(self, keys: Sequence[int], since: date, until: date) -> list[tuple[int, list[date]]]:
        """Key, the days on which it was there."""
        statement = f"SELECT key, array_agg(day) FROM flow_daily WHERE {_DAYS} AND key = ANY($3) GROUP BY key"  # noqa: S608
        return await self._fetch(statement, since, until, keys)

    async def busy_hours(self, sets: Sequence[int], since: date, until: date) -> list[tuple[datetime, int, int, int]]:
        """Hour, set, requests, minutes with one (a mask): for what looks at how requests are spread."""
        statement = (
            f"SELECT hour, keyset, requests, minutes FROM request_hourly WHERE {_HOURS} AND keyset = ANY($3)"  # noqa: S608
            " ORDER BY hour, keyset"
        )
        return await self._fetch(statement, midnight(since), midnight(until), sets)

    async def told(self) -> list[tuple[str, datetime, str, dict[str, Any]]]:
        """Kind, time, subject and body of the ledger's events by which figures are counted, in order."""
        rows = await self._connection.fetch(_TOLD)
        return [(r["kind"], r["time"], r["subject"], orjson.loads(r["body"])) for r in rows]

    async def uses(self, since: date, until: date, below: int) -> AsyncIterator[list[Use]]:
        """The flows themselves, as corrected, of transactions below a number; in pieces. Equal keys are one object.

        OperationNotSupported if some of them have gone to an archive.
        """
        if any(first < until and since < after for first, after in await kept_days(self._connection)):
            raise OperationNotSupported(
                "Flows of that time have gone to an archive, so only the roll-ups can tell.", field="raw"
            )
        known: dict[tuple[Any, ...], Key] = {}
        cursor = await self._connection.cursor(_USES, midnight(since), midnight(until), str(below))
        while rows := await cursor.fetch(_CHUNK):
            found = []
            for row in rows:
                request, time, entities, size, types, *dimensions = row
                key = known.get(tuple(dimensions))
                if key is None:
                    made = dict(zip(_NAMES, dimensions, strict=True)) | {"types": tuple(types)}
                    key = known[tuple(dimensions)] = Key(**made)
                found.append((key, request, time, entities, size))
            yield found

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        return [tuple(row) for row in await self._connection.fetch(statement, *arguments, timeout=_TIMEOUT)]


def midnight(day: date) -> datetime:
    """The first instant of a day of Tokyo."""
    return datetime.combine(day, time(), TOKYO)


def _folded(window: int) -> str:
    """Of a mask of minutes: one bit for each window that has one."""
    ors = " | ".join(f"(m >> {shift})" for shift in range(window))
    firsts = sum(1 << start for start in range(0, 60, window))
    return f"({ors}) & {firsts}::bigint"
