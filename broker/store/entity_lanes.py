"""The table of keys, in step with the entities: `entity_values` has a row for each key of each entity (`entity_keys`).

A lane is what one tenant's entities of one type have on one way: its rows stand in the order of key and id. Entities of
several types are in the lanes of the type "". Lanes are numbered once and stay, so that processes may remember them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import asyncpg

from broker.store.entity_keys import Key, keys_of, place_of
from broker.store.entity_rows import types_of

MAIN, SIDE, UNKEYED = range(3)
"""Roles of a lane; one of the last has no rows: it tells that entities there have what keys can't tell."""
SEVERAL: Final = ""
_LONGEST_KIND: Final = 500
_REMEMBERED: Final = 100_000

_Lane: TypeAlias = tuple[str, str, str, int]
Place: TypeAlias = tuple[int, bytes, str]
"""A row of the table: lane, key, id."""
Keyed: TypeAlias = tuple[str, str, Key]
"""Id and kind of an entity, and one of its keys."""

_MAKE = """
INSERT INTO entity_lanes (place, kind, role, tenant, path)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::int[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING"""
_FIND = """
SELECT l.lane FROM unnest($1::bytea[], $2::text[], $3::int[]) WITH ORDINALITY AS given (place, kind, role, n)
JOIN entity_lanes l USING (place, kind, role) ORDER BY n"""
_REMOVE = """
DELETE FROM entity_values v USING unnest($1::int[], $2::bytea[], $3::text[]) AS given (lane, key, id)
WHERE v.lane = given.lane AND v.key = given.key AND v.id = given.id"""
_ADD = """
INSERT INTO entity_values (lane, key, id) SELECT * FROM unnest($1::int[], $2::bytea[], $3::text[])
ON CONFLICT DO NOTHING"""


class Lanes:
    """The numbers of lanes, as far as this process has met them."""

    def __init__(self) -> None:
        self._known: dict[_Lane, int] = {}

    async def places(self, connection: asyncpg.Connection, tenant: str, keyed: Collection[Keyed]) -> list[Place]:
        """The rows of (id, kind, key), sorted. Lanes that are not there yet are made and committed: call it outside of
        any transaction that may be rolled back."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        lanes = [(tenant, kind, key.path, _role(key)) for _, kind, key in keyed]
        missing = {lane for lane in lanes if lane not in self._known}
        if missing:
            await self._make(connection, missing)
        known = self._known
        rows = zip(lanes, keyed, strict=True)
        return sorted((known[lane], key.key, name) for lane, (name, _, key) in rows if not key.unkeyed)

    async def _make(self, connection: asyncpg.Connection, missing: Iterable[_Lane]) -> None:
        # One order for everyone, so that nobody waits in a circle.
        ordered = sorted((place_of(tenant, path), kind, role, tenant, path) for tenant, kind, path, role in missing)
        columns = list(map(list, zip(*ordered, strict=True)))
        await connection.execute(_MAKE, *columns)
        found = await connection.fetch(_FIND, *columns[:3])
        for (_, kind, role, tenant, path), row in zip(ordered, found, strict=True):
            self._known[tenant, kind, path, role] = row[0]


def keyed(name: str, entity: Mapping[str, Any], created_at: datetime, modified_at: datetime) -> set[Keyed]:
    """Id, kind and key of all that a stored entity has."""
    kind = kind_of(types_of(entity))
    return {(name, kind, key) for key in keys_of(entity, created_at, modified_at)}


def kind_of(types: Sequence[str]) -> str:
    """The one type, as column `kind` of the entities has it, or that of those of several."""
    return types[0] if len(types) == 1 and len(types[0].encode()) <= _LONGEST_KIND else SEVERAL


async def write_keys(connection: asyncpg.Connection, removed: Sequence[Place], added: Sequence[Place]) -> None:
    """The caller holds the rows of the entities."""
    if removed:
        await connection.execute(_REMOVE, *map(list, zip(*removed, strict=True)))
    if added:
        await connection.execute(_ADD, *map(list, zip(*added, strict=True)))


def _role(key: Key) -> int:
    return UNKEYED if key.unkeyed else SIDE if key.side else MAIN
