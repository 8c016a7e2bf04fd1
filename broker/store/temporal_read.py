"""Reading temporal evolutions: which entities have one in a window of time, and its instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import orjson

from broker.store.database import Database
from broker.store.text import storable
from schemas.ngsi_ld.temporal import Window
from schemas.ngsi_ld.temporal_view import Head, Point

_COLUMN_OF: Final = {
    # an instance with observed_at is filed under it, which is what partitions and the index go by
    "observedAt": "v.time",
    "createdAt": "v.created_at",
    "modifiedAt": "v.modified_at",
    "deletedAt": "v.deleted_at",
    None: "v.time",
}

_NAMES: Final = """(WITH RECURSIVE names (name) AS (
    (SELECT v.attribute FROM temporal_values v WHERE v.tenant = $1 AND v.entity = e.id ORDER BY v.attribute LIMIT 1)
    UNION ALL
    SELECT (SELECT v.attribute FROM temporal_values v WHERE v.tenant = $1 AND v.entity = e.id
        AND v.attribute > names.name ORDER BY v.attribute LIMIT 1) FROM names WHERE names.name IS NOT NULL
) SELECT name FROM names WHERE name IS NOT NULL) AS a"""
"""The attributes of an entity, each by one look into the index, however many instances there are."""


_LATEST: Final = 16
_STATIC: Final = """
SELECT e.id, n.name, v.* FROM unnest($2::text[]) AS e (id) CROSS JOIN unnest($3::text[]) AS n (name)
CROSS JOIN LATERAL (
    SELECT v.dataset, v.instance, v.time, v.observed_at, v.created_at, v.modified_at, v.deleted_at, v.body
    FROM temporal_values v WHERE v.tenant = $1 AND v.entity = e.id AND v.attribute = n.name
    ORDER BY v.time DESC, v.instance DESC LIMIT $4) v
ORDER BY e.id, n.name, v.time DESC, v.instance DESC"""


@dataclass(frozen=True, slots=True)
class Which:
    """Ids and type alternatives (an entity is of all types of one); an entity fits any of `any_of`, empty for all."""

    any_of: Sequence[tuple[Sequence[str], Sequence[frozenset[str]]]] = ()
    attributes: Sequence[str] = ()
    """It has an instance of one of these in the window; empty for any."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Attributes that are wanted; `only` empty for all but `hidden`."""

    only: Sequence[str] = ()
    hidden: Sequence[str] = ()


class EvolutionReads:
    """All methods raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def heads(
        self,
        tenant: str,
        which: Which,
        window: Window | None,
        *,
        limit: int,
        offset: int = 0,
        after: str | None = None,
        descending: bool = False,
    ) -> list[Head]:
        """In order of id; without a `window` also those that have no instance. `after`: the last id before."""
        sql = _Sql(tenant)
        sql.entities(which, window)
        if after is not None:
            sql.parts.append(f"e.id {'<' if descending else '>'} {sql.add(after)}::text")
        if not sql.possible:
            return []
        statement = (
            f"SELECT e.id, e.types, e.created_at, e.modified_at, e.deleted_at FROM temporal_entities e WHERE {sql.text}"  # noqa: S608
            f" ORDER BY e.id {'DESC' if descending else ''} LIMIT {sql.add(limit)} OFFSET {sql.add(offset)}"
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, *sql.arguments)
        return [Head(name, tuple(types), *times) for name, types, *times in rows]

    async def count(self, tenant: str, which: Which, window: Window) -> int:
        """How many `heads` gives without a limit."""
        sql = _Sql(tenant)
        sql.entities(which, window)
        if not sql.possible:
            return 0
        async with self._database.connection() as connection:
            counted: int = await connection.fetchval(
                f"SELECT count(*) FROM temporal_entities e WHERE {sql.text}",  # noqa: S608
                *sql.arguments,
            )
        return counted

    async def instances(
        self, tenant: str, ids: Sequence[str], window: Window, shown: Shown, *, limit: int
    ) -> dict[str, list[Point]]:
        """Of each entity at most `limit`, in order of time from where pages begin: forwards the earliest first, else
        the latest first."""
        sql = _Sql(tenant)
        at = _COLUMN_OF[window.looked_at]
        way = "DESC" if window.backwards else "ASC"
        columns = f"v.attribute, v.dataset, v.instance, {at} AS at, v.created_at, v.modified_at, v.deleted_at, v.body"
        where = f"v.tenant = $1 AND v.entity = e.id{sql.window(window, shown)}"
        source = f"SELECT {columns} FROM temporal_values v WHERE {where}"  # noqa: S608
        # the latest few of all are among the last ones of their attributes
        if window.last_n is not None and window.last_n < limit:
            source = (
                f"SELECT v.* FROM {_NAMES} CROSS JOIN LATERAL ({source} AND v.attribute = a.name"  # noqa: S608
                f" ORDER BY {at} DESC LIMIT {sql.add(window.last_n)}) v"
            )
        statement = (
            f"SELECT e.id, v.* FROM unnest({sql.add(list(ids))}::text[]) AS e (id)"  # noqa: S608
            f" CROSS JOIN LATERAL ({source} ORDER BY at {way} LIMIT {sql.add(limit)}) v"
            f" ORDER BY e.id, at {way}, instance {way}"
        )
        found: dict[str, list[Point]] = {name: [] for name in ids}
        async with self._database.connection() as connection:
            for name, attribute, dataset, instance, *times, body in await connection.fetch(statement, *sql.arguments):
                time, created, modified, deleted = times
                found[name].append(
                    Point(attribute, dataset, instance, time, created, modified, deleted, orjson.loads(body))
                )
        return found

    async def static(self, tenant: str, ids: Sequence[str], names: Sequence[str]) -> dict[str, list[Point]]:
        """Of each entity the latest instances of those of these attributes that are never observed, as far back as
        matters: they have no evolution in time, and are what they are."""
        found: dict[str, list[Point]] = {name: [] for name in ids}
        async with self._database.connection() as connection:
            rows = await connection.fetch(_STATIC, tenant, list(ids), _storable(names), _LATEST)
        for (name, attribute), group in groupby(rows, key=itemgetter(0, 1)):
            latest: dict[str, Point] = {}
            several = list(group)
            if any(row["observed_at"] is not None for row in several):
                continue
            for _, _, dataset, instance, time, _, created, modified, deleted, body in several:
                one = Point(attribute, dataset, instance, time, created, modified, deleted, orjson.loads(body))
                latest.setdefault(dataset, replace(one, static=True))
            found[name] += [point for point in latest.values() if point.deleted_at is None]
        return found

    async def scopes(self, tenant: str, entity: str, window: Window) -> list[Point]:
        """The scopes that were set before the end of the window, also long before it, in order of time."""
        from_ever = replace(
            window, timerel="before" if window.until else None, time_at=window.until, end_at=None, last_n=None
        )
        return (await self.instances(tenant, [entity], from_ever, Shown(("scope",)), limit=10_000))[entity]

    async def attributes(
        self, tenant: str, ids: Sequence[str], window: Window, shown: Shown
    ) -> dict[str, list[tuple[str, str]]]:
        """Of each entity the attributes that have an instance in the window, with the type of one of them."""
        sql = _Sql(tenant)
        statement = (
            f"SELECT e.id, a.name, v.kind FROM unnest({sql.add(list(ids))}::text[]) AS e (id)"  # noqa: S608
            f" CROSS JOIN LATERAL {_NAMES} CROSS JOIN LATERAL (SELECT v.body ->> 'type' AS kind FROM temporal_values v"
            f" WHERE v.tenant = $1 AND v.entity = e.id AND v.attribute = a.name{sql.window(window, shown)} LIMIT 1) v"
            " ORDER BY 1, 2"
        )
        found: dict[str, list[tuple[str, str]]] = {name: [] for name in ids}
        async with self._database.connection() as connection:
            for name, attribute, kind in await connection.fetch(statement, *sql.arguments):
                found[name].append((attribute, kind))
        return found


class _Sql:
    """Conditions with their arguments; `$1` is the tenant."""

    def __init__(self, tenant: str) -> None:
        self.arguments: list[Any] = [tenant]
        self.possible = storable(tenant)
        """False if nothing can match, so that there is nothing to ask."""
        self.parts = ["e.tenant = $1"]

    @property
    def text(self) -> str:
        return " AND ".join(self.parts)

    def add(self, argument: object) -> str:
        self.arguments.append(argument)
        return f"${len(self.arguments)}"

    def entities(self, which: Which, window: Window | None) -> None:
        fits = [self._selected(ids, types) for ids, types in which.any_of]
        if fits:
            self.parts.append(f"({' OR '.join(fits)})")
        if window is not None:
            # EXISTS would be planned as a join, which without fresh statistics reads all values for every entity
            self.parts.append(
                "(SELECT true FROM temporal_values v WHERE v.tenant = e.tenant AND v.entity = e.id"  # noqa: S608
                f"{self.window(window, Shown(which.attributes))} LIMIT 1)"
            )

    def window(self, window: Window, shown: Shown) -> str:
        """Conditions on `v`, each with AND before it."""
        name = window.looked_at
        at = _COLUMN_OF[name]
        parts = [f"{'v.observed_at' if name == 'observedAt' else at} IS NOT NULL"] if name else []
        if window.since is not None:
            parts.append(f"{at} >= {self.add(window.since)}")
        if window.until is not None:
            parts.append(f"{at} < {self.add(window.until)}")
        if window.datasets:
            parts.append(f"v.dataset = ANY({self.add(_storable(window.datasets))}::text[])")
        if shown.only:
            parts.append(f"v.attribute = ANY({self.add(_storable(shown.only))}::text[])")
        if shown.hidden:
            parts.append(f"v.attribute <> ALL({self.add(_storable(shown.hidden))}::text[])")
        return "".join(f" AND {part}" for part in parts)

    def _selected(self, ids: Sequence[str], types: Sequence[frozenset[str]]) -> str:
        parts = []
        if ids:
            parts.append(f"e.id = ANY({self.add(_storable(ids))}::text[])")
        if types:
            known = [sorted(wanted) for wanted in types if all(map(storable, wanted))]
            single = [wanted[0] for wanted in known if len(wanted) == 1]
            several = [f"e.types @> {self.add(wanted)}::text[]" for wanted in known if len(wanted) > 1]
            parts.append(f"({' OR '.join([f'e.types && {self.add(single)}::text[]', *several])})")
        return f"({' AND '.join(parts)})" if parts else "true"


def _storable(texts: Sequence[str]) -> list[str]:
    return [text for text in texts if storable(text)]
