"""Entities in the order of their main keys on one way, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import asyncpg

from broker.store.database import Database
from broker.store.entity_filter import Sql, Where
from broker.store.entity_keys import ANY, NAMED, place_of
from broker.store.entity_lanes import MAIN, SEVERAL, UNKEYED
from broker.store.entity_lookup import MANY, Lookup, kinds_of
from broker.store.entity_read import COLUMNS, StoredEntity, nearby, page, stored
from broker.store.text import storable
from schemas.ngsi_ld.sort_key import exact

_FEW: Final = 1000
"""Where no more than this many may match, they are sooner read all than met along the order."""

_LANES = f"""
SELECT l.place, l.kind, l.lane, l.role = {UNKEYED} OR EXISTS (
    SELECT FROM entity_values v WHERE v.lane = l.lane AND v.key >= $3) AS odd
FROM entity_lanes l WHERE l.place = ANY($1::bytea[]) AND l.role IN ({MAIN}, {UNKEYED})
AND ($2::text[] IS NULL OR l.kind = ANY($2))"""  # noqa: S608
_UP = """
SELECT v.key, v.id FROM unnest($1::int[]) AS l (lane) CROSS JOIN LATERAL (
    SELECT key, id FROM entity_values WHERE lane = l.lane AND (key, id) > ($2, $3) ORDER BY key, id LIMIT $4) AS v
ORDER BY v.key, v.id LIMIT $4 OFFSET $5"""
_DOWN = """
SELECT v.key, v.id FROM unnest($1::int[]) AS l (lane) CROSS JOIN LATERAL (
    (SELECT key, id FROM entity_values WHERE lane = l.lane AND key = $2 AND id > $3 ORDER BY id LIMIT $4)
    UNION ALL
    (SELECT key, id FROM entity_values WHERE lane = l.lane AND key < $2 ORDER BY key DESC, id LIMIT $4)) AS v
ORDER BY v.key DESC, v.id LIMIT $4 OFFSET $5"""
_TIES = """
SELECT v.id FROM unnest($1::int[]) AS l (lane) CROSS JOIN LATERAL (
    SELECT id FROM entity_values WHERE lane = l.lane AND key = $2 AND id > $3 LIMIT $4) AS v LIMIT $4"""

_ENDED = "SELECT EXISTS (SELECT FROM entities WHERE next_expiry <= now())"


@dataclass(frozen=True, slots=True)
class By:
    """The ways (`entity_keys`) that the attribute to sort by may be on. `whole`: what has equal values is not to be
    parted, since other attributes decide on its order."""

    ways: Sequence[str]
    descending: bool = False
    whole: bool = False


class Walk:
    """Asked with `next` again and again: whatever comes later stands behind what came before.

    Within one answer entities are in order of id: the caller sorts them, which is also what decides where keys are cut.
    """

    def __init__(self, database: Database, tenant: str, where: Where, by: By) -> None:
        self._database = database
        self._tenant = tenant
        self._where = where
        self._by = by
        self._told: bool | None = None
        """Whether keys tell the order; None: nobody has looked."""
        self._lanes: list[int] = []
        self._several = False
        """Some of the lanes may have entities of other types."""
        self._statement = _DOWN if by.descending else _UP
        self._key, self._id = (ANY if by.descending else b""), ""
        self._valued = True
        self.ended = False

    async def skip(self, number: int) -> bool:
        """Pass over the first `number` without reading them; False if keys alone can't tell which those are."""
        async with self._database.connection() as connection:
            if not await self._begins(connection) or self._by.whole or self._several:
                return False
            # Whoever stands in the order has the attribute.
            there = {way.partition("\n")[0] for way in self._by.ways}.intersection(self._where.attrs_any)
            if not (replace(self._where, attrs_any=()) if there else self._where).types_only:
                return False
            found = await connection.fetchrow(self._statement, self._lanes, self._key, self._id, number, number - 1)
            # Who is past its end, but not yet gone, still has its keys.
            if found is None or not exact(found["key"]) or await connection.fetchval(_ENDED):
                return False
            self._key, self._id = found
            return True

    async def next(self, most: int) -> list[StoredEntity] | None:
        """About `most` more, fewer where conditions sort some out; look at `ended`. None if keys can't tell the order,
        or reading all is cheaper."""
        async with self._database.connection() as connection:
            if not await self._begins(connection):
                return None
            if self._valued:
                rows = await self._ahead(connection, most)
            else:
                rows = await self._valueless(connection, most)
        now = datetime.now(UTC)
        if rows is None or any(row["stale"] for row in rows):
            # Of what has expired, but is still there, the keys are too.
            return None
        return [stored(row, now) for row in rows]

    async def _begins(self, connection: asyncpg.Connection) -> bool:
        if self._told is None:
            self._told = await self._begin(connection)
        return self._told

    async def _begin(self, connection: asyncpg.Connection) -> bool:
        if not storable(self._tenant):
            return False
        self._where = where = await nearby(connection, self._tenant, self._where)
        if where.ids is not None:
            return False
        if where.covers:
            lookup = await Lookup.make(connection, self._tenant, where, None)
            found = None if lookup is None else await lookup.next(connection, _FEW)
            if lookup is not None and lookup.ended and found is not None:
                return False
        places = [place_of(self._tenant, way) for way in self._by.ways]
        rows = await connection.fetch(_LANES, places, kinds_of(where), NAMED)
        self._lanes = [row["lane"] for row in rows]
        self._several = bool(where.types) and any(row["kind"] == SEVERAL for row in rows)
        # An entity may have both of two ways, and a place on each.
        return not any(row["odd"] for row in rows) and len({row["place"] for row in rows}) < 2

    async def _ahead(self, connection: asyncpg.Connection, most: int) -> list[asyncpg.Record] | None:
        found = await connection.fetch(self._statement, self._lanes, self._key, self._id, most, 0)
        ids = [name for _, name in found]
        if len(found) < most:
            self._valued = False
            self._id = ""
        else:
            self._key, self._id = found[-1]
            if self._by.whole or not exact(self._key):
                ties = await connection.fetch(_TIES, self._lanes, self._key, self._id, MANY)
                if len(ties) == MANY:
                    return None
                ids += [name for (name,) in ties]
                self._id = max(ids[-len(ties) - 1 :])
        return await self._read(connection, ids) if ids else []

    async def _read(self, connection: asyncpg.Connection, ids: list[str]) -> list[asyncpg.Record]:
        sql = Sql(self._tenant, replace(self._where, ids=ids))
        if not sql.possible:
            return []
        statement = f"SELECT {COLUMNS} FROM entities e WHERE {sql.text} ORDER BY e.id"  # noqa: S608
        return list(await connection.fetch(statement, *sql.arguments))

    async def _valueless(self, connection: asyncpg.Connection, most: int) -> list[asyncpg.Record]:
        """Those that have nothing to sort by, in order of id."""
        sql = Sql(self._tenant, self._where, self._id)
        if not sql.possible:
            self.ended = True
            return []
        sql.also(
            "NOT EXISTS (SELECT FROM entity_values v"
            f" WHERE v.lane = ANY({sql.add(self._lanes)}::int[]) AND v.id = e.id)"
        )
        rows = await connection.fetch(page(sql, most, 0), *sql.arguments)
        self.ended = len(rows) < most
        if rows:
            self._id = rows[-1]["id"]
        return list(rows)
