"""The table of keys, in step with the entities: `entity_values` has a row for each key of each entity (`entity_keys`).

A lane is what one tenant's entities of one type have on one way: its rows stand in the order of key and id. Entities of
several types are in the lanes of the type "". Lanes are numbered once and stay, so that processes may remember them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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

_MAKE = """
INSERT INTO entity_lanes (place, kind, role, tenant, path)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::int[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING"""
_FIND = """
SELECT l.lane FROM unnest($1::bytea[], $2::text[], $3::int[]) WITH ORDINALITY AS given (place, kind, role, n)
JOIN entity_lanes l USING (place, kind, role) ORDER BY n"""
_WRITE = """
WITH removed AS (
    DELETE FROM entity_values v USING unnest($1::int[], $2::bytea[], $3::text[]) AS given (lane, key, id)
    WHERE v.lane = given.lane AND v.key = given.key AND v.id = given.id
)
INSERT INTO entity_values (lane, key, id) SELECT * FROM unnest($4::int[], $5::bytea[], $6::text[])
ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class Keyed:
    """Keys of one entity. `kind`: its type as lanes have it."""

    id: str
    kind: str
    keys: Collection[Key]


class Lanes:
    """The numbers of lanes, as far as this process has met them."""

    def __init__(self) -> None:
        self._known: dict[_Lane, int] = {}

    async def places(self, connection: asyncpg.Connection, tenant: str, keyed: Iterable[Keyed]) -> list[Place]:
        """Their rows, sorted. Lanes that are not there yet are made and committed: call it outside of any transaction
        that may be rolled back."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        known = self._known
        wanted = [((tenant, one.kind, key.path, _role(key)), key.key, one.id) for one in keyed for key in one.keys]
        missing = {lane for lane, _, _ in wanted if lane not in known}
        if missing:
            await self._make(connection, missing)
        return sorted((known[lane], key, name) for lane, key, name in wanted if lane[3] != UNKEYED)

    async def _make(self, connection: asyncpg.Connection, missing: Iterable[_Lane]) -> None:
        # One order for everyone, so that nobody waits in a circle.
        ordered = sorted((place_of(tenant, path), kind, role, tenant, path) for tenant, kind, path, role in missing)
        columns = list(map(list, zip(*ordered, strict=True)))
        await connection.execute(_MAKE, *columns)
        found = await connection.fetch(_FIND, *columns[:3])
        for (_, kind, role, tenant, path), row in zip(ordered, found, strict=True):
            self._known[tenant, kind, path, role] = row[0]


def keyed(entity: Mapping[str, Any], created_at: datetime, modified_at: datetime) -> Keyed:
    """All that a stored entity has."""
    return Keyed(entity["id"], kind_of(types_of(entity)), keys_of(entity, created_at, modified_at))


@dataclass(frozen=True, slots=True)
class Stored:
    """An entity as it is stored, createdAt and modifiedAt."""

    entity: Mapping[str, Any]
    created_at: datetime
    modified_at: datetime


def changed(before: Stored | None, after: Stored | None) -> tuple[list[Keyed], list[Keyed]]:
    """Of one entity the keys that go, and those that come. Members that are the same object are not looked at."""
    if before is not None and after is not None:
        kinds = kind_of(types_of(before.entity)), kind_of(types_of(after.entity))
        if kinds[0] == kinds[1]:
            same = {name for name, member in after.entity.items() if before.entity.get(name) is member}
            old = keys_of(before.entity, before.created_at, before.modified_at, apart_from=same)
            new = keys_of(after.entity, after.created_at, after.modified_at, apart_from=same)
            name = after.entity["id"]
            return [Keyed(name, kinds[0], old - new)], [Keyed(name, kinds[0], new - old)]
    return _all(before), _all(after)


def _all(one: Stored | None) -> list[Keyed]:
    return [] if one is None else [keyed(one.entity, one.created_at, one.modified_at)]


def kind_of(types: Sequence[str]) -> str:
    """The one type, as column `kind` of the entities has it, or that of those of several."""
    return types[0] if len(types) == 1 and len(types[0].encode()) <= _LONGEST_KIND else SEVERAL


async def write_keys(connection: asyncpg.Connection, removed: Sequence[Place], added: Sequence[Place]) -> None:
    """The caller holds the rows of the entities."""
    if removed or added:
        await connection.execute(_WRITE, *_columns(removed), *_columns(added))


def _columns(places: Sequence[Place]) -> list[list[Any]]:
    return [list(column) for column in zip(*places, strict=True)] or [[], [], []]


def _role(key: Key) -> int:
    return UNKEYED if key.unkeyed else SIDE if key.side else MAIN
