"""Looking ids up in the order of keys: what may match a q or a scope query, in order of id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from broker.store.entity_filter import Where
from broker.store.entity_keys import ANY, place_of
from broker.store.entity_lanes import SEVERAL, SIDE, UNKEYED, kind_of
from broker.store.entity_spans import Cover, Span

MANY: Final = 10_000
"""Ids that one look gives at most: where more may match, walking the entities soon meets enough of them."""
_SAMPLED: Final = 300
"""Keys that are counted of a lane, to tell which of several covers is the narrowest."""

# A lane of entities that may have any value gives those, whatever is looked for.
_LANES = f"""
FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bytea[]) AS s (cover, place, low, high)
JOIN entity_lanes l ON l.place = s.place AND (s.low <> '\\xff' OR l.role = {SIDE}) AND ($5::text[] IS NULL OR l.kind = ANY($5))"""  # noqa: E501
_COUNT = f"""
SELECT s.cover, bool_or(l.role = {UNKEYED}), sum((SELECT count(*) FROM (
    SELECT FROM entity_values v WHERE v.lane = l.lane AND v.key >= s.low AND v.key <= s.high LIMIT {_SAMPLED}) AS few))
{_LANES} GROUP BY s.cover ORDER BY 2, 3"""  # noqa: S608
# The limit within keeps the lanes apart, the one around them ends it all as soon as it is too much.
_RANGES = f"""
SELECT (SELECT bool_or(l.role = {UNKEYED}) {_LANES}), ARRAY(
    SELECT v.id {_LANES} CROSS JOIN LATERAL (
        SELECT id FROM entity_values WHERE lane = l.lane AND key >= s.low AND key <= s.high LIMIT $6) AS v LIMIT $6)"""  # noqa: S608
_POINTS = f"""
SELECT l.role = {UNKEYED}, ARRAY(
    SELECT v.id FROM entity_values v WHERE v.lane = l.lane AND v.key = s.low AND v.id > $7 ORDER BY v.id LIMIT $6)
{_LANES}"""  # noqa: S608


class Lookup:
    """One cover of what is wanted. Made with `make`, asked with `next` until that gives None."""

    def __init__(self, tenant: str, cover: Cover, kinds: list[str] | None, after: str | None) -> None:
        self._arguments = _arguments(tenant, [cover], kinds)
        self._points = all(span.low == span.high for span in cover)
        self._after = after or ""
        self._ids: list[str] | None = None
        self.ended = False

    @classmethod
    async def make(cls, connection: asyncpg.Connection, tenant: str, where: Where, after: str | None) -> Lookup | None:
        """None if keys can't tell."""
        kinds = kinds_of(where)
        covers = where.covers
        if len(covers) > 1:
            rows = await connection.fetch(_COUNT, *_arguments(tenant, covers, kinds))
            counted = {cover: (unkeyed, number) for cover, unkeyed, number in rows}
            # On what nobody has a way to, nobody has a key.
            best = min(range(len(covers)), key=lambda n: counted.get(n, (False, 0)))
            covers = [covers[best]]
        return cls(tenant, covers[0], kinds, after) if covers else None

    async def next(self, connection: asyncpg.Connection, most: int) -> list[str] | None:
        """The next ids, in order; [] at the end. None if keys can't tell, or too many may match."""
        if self.ended:
            return []
        if self._points:
            return await self._point(connection, most)
        if self._ids is None:
            unkeyed, ids = await connection.fetchrow(_RANGES, *self._arguments, MANY)
            if unkeyed or len(ids) >= MANY:
                return None
            self._ids = sorted({name for name in ids if name > self._after})
        taken, self._ids = self._ids[:most], self._ids[most:]
        self.ended = not self._ids
        return taken

    async def _point(self, connection: asyncpg.Connection, most: int) -> list[str] | None:
        rows = await connection.fetch(_POINTS, *self._arguments, most, self._after)
        if any(unkeyed for unkeyed, _ in rows):
            return None
        found = sorted({name for _, ids in rows for name in ids})
        # What was cut may have more before the ends of the others.
        whole = min((ids[-1] for _, ids in rows if len(ids) == most), default=None)
        if whole is None:
            self.ended = True
            return found
        self._after = whole
        return [name for name in found if name <= whole]


def kinds_of(where: Where) -> list[str] | None:
    """The types in whose lanes all that is wanted has its keys; None: in those of any."""
    if not where.types:
        return None
    return sorted({kind_of(tuple(wanted)) for wanted in where.types} | {SEVERAL})


def _arguments(tenant: str, covers: Sequence[Cover], kinds: list[str] | None) -> list[Any]:
    rows: list[tuple[int, bytes, bytes, bytes]] = []
    for n, cover in enumerate(covers):
        anything = {Span(span.path, ANY, ANY) for span in cover}
        rows += [(n, place_of(tenant, span.path), span.low, span.high) for span in {*cover, *anything}]
    return [*map(list, zip(*rows, strict=True)), kinds]
