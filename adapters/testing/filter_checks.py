"""Checks of filters: what the platform says of the sample must be what we find when we filter the sample ourselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.query_memory import EntityTable
from adapters.testing.questions import geo_queries, id_pattern, q_texts
from adapters.testing.session import Entity, Failed, Session, Skipped, only
from schemas.capability import Residual
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery

Q_OPERATORS = ("==", "!=", ">", ">=", "<", "<=", "~=", "!~=", "exists", "range", "list", "and", "or", "path")
GEO_RELATIONS = ("near", "within", "contains", "intersects", "equals", "disjoint", "overlaps")
_CHOSEN = 25
"""Entities whose ids go along in a question that must be answered completely."""


def q_check(operator: str) -> Callable[[Session], Awaitable[str]]:
    async def check(session: Session) -> str:
        for name, sample in sorted((await session.samples()).items(), key=lambda item: -len(item[1])):
            text = q_texts(sample).get(operator)
            if text is not None:
                query = session.query(types=only(name), q=parse_q(text, context=session.working))
                claimed = operator in session.adapter.capabilities.q_operators
                return await _compare(session, query, name, sample, f"q={text}", "q", claimed)
        raise Skipped("the data have no attribute to ask this of")

    return check


def geo_check(relation: str) -> Callable[[Session], Awaitable[str]]:
    async def check(session: Session) -> str:
        for name, sample in sorted((await session.samples()).items(), key=lambda item: -len(item[1])):
            geo = geo_queries(sample).get(relation)
            if geo is not None:
                query = session.query(types=only(name), geo=geo)
                claimed = relation in session.adapter.capabilities.geo_relations
                return await _compare(session, query, name, sample, geo.georel_text, "geo", claimed)
        raise Skipped("the data have no geometry to ask this of")

    return check


async def pattern(session: Session) -> str:
    name, sample = await session.main_type()
    query = session.query(types=only(name), id_pattern=id_pattern(sample))
    claimed = session.adapter.capabilities.id_pattern
    return await _compare(session, query, name, sample, f"idPattern={query.id_pattern}", "id_pattern", claimed)


async def projection(session: Session) -> str:
    name, sample = await session.main_type()
    attribute = next((n for e in sample for n in e if n not in ENTITY_MEMBERS), None)
    if attribute is None:
        raise Skipped("the entities have no attributes")
    taken = await session.ask(session.query(types=only(name), attrs=(attribute,)))
    if taken.pushdown is None:
        raise Failed("it has no plan for a query with attrs")
    _honest(taken.pushdown.residual, "projection", session.adapter.capabilities.projection, "attrs")
    expected = {entity["id"] for entity in sample if attribute in entity}
    if not expected <= set(taken.ids):
        raise Failed(f"attrs={attribute}: {len(expected - set(taken.ids))} entities that have it are missing")
    if taken.pushdown.residual.projection:
        return f"attrs={attribute} is left to the gateway"
    others = {n for e in taken.kept for n in e} - ENTITY_MEMBERS - {attribute}
    if others:
        raise Failed(f"attrs={attribute} gives {min(others)} too")
    return f"attrs={attribute}: {len(taken.kept)} entities"


async def _compare(
    session: Session, query: EntityQuery, type_name: str, sample: list[Entity], words: str, part: str, claimed: bool
) -> str:
    """The same question twice: bound to some ids of the sample (must be complete), and free (must be sound)."""
    pushdown = session.adapter.plan(query)
    if pushdown is None:
        raise Failed(f"{words}: it has no plan for a question about entities that it holds")
    _honest(pushdown.residual, part, claimed, words)
    chosen = sample[:: max(1, len(sample) // _CHOSEN)][:_CHOSEN]
    bound = query.alter(ids=tuple(entity["id"] for entity in chosen))
    expected = _matching(chosen, bound)
    got = set((await session.ask(bound)).ids)
    if got != expected:
        missing, surplus = sorted(expected - got), sorted(got - expected)
        raise Failed(f"{words}: {len(missing)} missing {missing[:1]}, {len(surplus)} too many {surplus[:1]}")
    free = await session.ask(query)
    wrong = {entity["id"] for entity in free.kept} - _matching(free.kept, query)
    if wrong:
        raise Failed(f"{words}: {min(wrong)} does not fulfil it")
    if session.is_whole(type_name) and set(free.ids) != _matching(sample, query):
        raise Failed(f"{words}: {len(free.kept)} come, {len(_matching(sample, query))} of the sample fulfil it")
    where = "left to the gateway" if getattr(pushdown.residual, part) else "done by the platform"
    return f"{words}: {len(expected)} of {len(chosen)} ({where})"


def _matching(entities: list[Entity], query: EntityQuery) -> set[str]:
    table = EntityTable(entities)
    chosen = table.select(query.alter(limit=len(entities), offset=0, count=False))
    return {table.entities[i]["id"] for i in chosen.positions}


def _honest(residual: Residual, part: str, claimed: bool, words: str) -> None:
    if not claimed and not getattr(residual, part):
        raise Failed(f"{words} is not claimed, but the plan leaves nothing of it to the gateway")
