"""Linked entity retrieval over all sources (clause 4.5.23): the entities that were found, and those that they lead to.

A Relationship that names types (objectType) is followed wherever such entities may be; one that doesn't, in the local
store only (clause 4.5.23.1). However often a source is asked on the way, it has one outcome, and so one flow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from broker.federation.engine import Result
from broker.federation.execute import Collected
from broker.federation.warn import warnings
from schemas.errors import TooManyResults
from schemas.ngsi_ld.linked import Entity, Join, Link, inline, links
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import TypeSelection
from schemas.outcome import Outcome, Status

Ask = Callable[[EntityQuery], Awaitable[Result]]
_IDS_LOCAL = 1000
_IDS_FEDERATED = 100
"""They stand in the URLs of questions."""
_WHOLE = (Status.OK, Status.EMPTY)


async def joined(query: EntityQuery, ask: Ask, *, most: int) -> Result:
    """The answer to a query with a join: `Result.entities`, and in `Result.linked` those they lead to.

    A q along Relationships is decided when they are there, before order and page. TooManyResults if more than `most`
    entities are linked.
    """
    join = query.join
    if join is None:
        raise ValueError("the query has no join")
    along = query.q is not None and "join" in query.q.operators
    if along:
        first = query.alter(join=None, q=None, order=None, offset=0, limit=most, count=False)
        # what q looks at need not be shown
        reach = Join(join.inline, join.level, join.contained_by)
    else:
        first, reach = query.alter(join=None), join
    result = await ask(first)
    parts = [result]
    entities = result.entities or []
    result.linked = await follow(entities, reach, query, ask, parts, most)
    if along:
        _decide(query, reach, result)
    result.collected = combined([c for part in parts for c in part.collected])
    result.notices = noticed(parts)
    result.warnings = warnings(c.outcome for c in result.collected)
    return result


async def follow(
    entities: Sequence[Entity], join: Join, query: EntityQuery, ask: Ask, parts: list[Result], most: int
) -> dict[str, Entity]:
    """By id what the entities lead to. The answers are added to `parts`, to be recorded. TooManyResults."""
    found: dict[str, Entity] = {}
    asked: set[str] = set()
    ahead = list(dict.fromkeys(links(entities, join)))
    while ahead:
        wanted = [link for link in ahead if link.target not in asked]
        asked.update(link.target for link in wanted)
        if len(asked) > most:
            raise TooManyResults(f"more than {most} entities are linked", field="joinLevel", clause="4.5.23.1")
        answers = await asyncio.gather(*[ask(question) for question in _questions(wanted, query)])
        parts.extend(answers)
        found.update((entity["id"], entity) for answer in answers for entity in answer.entities or ())
        ahead = list(
            dict.fromkeys(
                following
                for link in ahead
                if link.target in found
                for following in links([found[link.target]], link.join)
            )
        )
    return found


def _questions(wanted: Sequence[Link], query: EntityQuery) -> Iterator[EntityQuery]:
    typed = {link.target for link in wanted if link.types}
    types = TypeSelection(tuple(frozenset((name,)) for name in sorted({t for link in wanted for t in link.types})))
    for ids in _cut(sorted({link.target for link in wanted} - typed), _IDS_LOCAL):
        yield _by_id(query, ids, None, local=True)
    for ids in _cut(sorted(typed), _IDS_FEDERATED):
        yield _by_id(query, ids, types, local=query.local)


def _by_id(query: EntityQuery, ids: tuple[str, ...], types: TypeSelection | None, *, local: bool) -> EntityQuery:
    return EntityQuery(
        context=query.context,
        ids=ids,
        types=types,
        csf=query.csf,
        limit=len(ids),
        sys_attrs=query.sys_attrs,
        local=local,
        tenant=query.tenant,
        provenance=query.provenance,
    )


def _cut(ids: list[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(ids), size):
        yield tuple(ids[start : start + size])


def _decide(query: EntityQuery, reach: Join, result: Result) -> None:
    """Filter by q, sort and cut what was read without them."""
    entities = result.entities or []
    whole = inline(entities, result.linked, Join(True, reach.level, reach.contained_by), decided=True)
    matching = [
        entity for entity, seen in zip(entities, whole, strict=True) if query.q is not None and query.q.matches(seen)
    ]
    if query.order is not None:
        matching = query.order.sort(matching)
    end = query.offset + query.limit
    result.count, result.more = len(matching), len(matching) > end
    result.entities = matching[query.offset : end]
    shown = {entity["id"] for entity in result.entities}
    for c in result.collected:
        c.outcome.entities = len(shown.intersection(c.ids()))


def noticed(parts: Iterable[Result]) -> tuple[str, ...]:
    """What was kept back of any part, once."""
    return tuple(dict.fromkeys(notice for part in parts for notice in part.notices))


def combined(collected: Iterable[Collected]) -> list[Collected]:
    """One of each source, in the order in which they were first asked: what it gave and took in all, and the worst that
    befell it."""
    by_source: dict[str, Collected] = {}
    for c in collected:
        known = by_source.get(c.outcome.platform)
        if known is None:
            by_source[c.outcome.platform] = c
        else:
            _add(known.outcome, c.outcome)
    return list(by_source.values())


def _add(total: Outcome, more: Outcome) -> None:
    if more.status not in _WHOLE and total.status in _WHOLE:
        # it gave something, if not everything
        total.status = Status.PARTIAL if total.received else more.status
        total.detail = more.detail
    elif total.status is Status.EMPTY and more.status is Status.OK:
        total.status = Status.OK
    elif total.status not in _WHOLE and more.received:
        total.status = Status.PARTIAL
    total.cache_hit = total.cache_hit and more.cache_hit
    if more.age is not None:
        total.age = max(more.age, total.age or 0.0)
        total.detail = total.detail or more.detail
    total.contacted = total.contacted or more.contacted
    total.received += more.received
    total.entities += more.entities
    total.bytes += more.bytes
    total.ms += more.ms
