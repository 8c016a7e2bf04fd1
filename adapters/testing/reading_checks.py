"""Checks of what comes at all: types, shape, ids, names, deadline."""

from __future__ import annotations

import asyncio

from adapters.testing.session import Entity, Failed, Session, Skipped, only
from adapters.testing.shape import faults, is_uri
from schemas.errors import SourceTimeout
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.types import TypeSelection

NOWHERE = "urn:ngsi-ld:KakehashiContract:doesNotExist"
NO_TYPE = "KakehashiContractNoSuchType"


async def types_listed(session: Session) -> str:
    listed = await session.adapter.types(session.new_context())
    if not session.adapter.capabilities.types:
        raise Skipped("listing types is not claimed")
    wrong = [iri for iri in listed if not is_uri(iri.encode("ascii", "ignore").decode())]
    if wrong:
        raise Failed(f"types are IRIs, but it lists {wrong[0]!r}")
    if len(set(listed)) < len(listed):
        raise Failed("a type is listed twice")
    if not listed:
        raise Skipped("the platform holds no entities now")
    return f"{len(listed)} type(s)"


async def shape(session: Session) -> str:
    entities = [entity for sample in (await session.samples()).values() for entity in sample]
    wrong = [fault for entity in entities for fault in faults(entity)]
    if wrong:
        raise Failed(f"{len(wrong)} fault(s) in {len(entities)} entities, the first: {wrong[0]}")
    return f"{len(entities)} entities are normalized NGSI-LD"


async def by_type(session: Session) -> str:
    for name, sample in (await session.samples()).items():
        strangers = [entity["id"] for entity in sample if name not in types_of(entity)]
        if strangers:
            raise Failed(f"asked for type {name} it gives {strangers[0]}, which is none")
    samples = await session.samples()
    names = sorted(samples)[:2]
    if len(names) == 2:
        both = TypeSelection((frozenset({names[0]}), frozenset({names[1]})))
        taken = await session.ask(session.query(types=both, limit=1000))
        missing = {e["id"] for n in names for e in samples[n]} - set(taken.ids)
        if missing and all(session.is_whole(n) for n in names):
            raise Failed(f"asked for {' or '.join(names)} it leaves out {min(missing)}")
    return f"{len(samples)} type(s)"


async def unknown_type(session: Session) -> str:
    taken = await session.ask(session.query(types=only(NO_TYPE)))
    if taken.kept:
        raise Failed(f"asked for a type that does not exist it gives {len(taken.kept)} entities")
    return "nothing, as it should be"


async def by_id(session: Session) -> str:
    name, sample = await session.main_type()
    wanted = sorted({entity["id"] for entity in sample[:: max(1, len(sample) // 3)]})
    taken = await session.ask(session.query(ids=tuple(wanted), types=only(name)))
    if sorted(taken.ids) != wanted:
        raise Failed(f"asked for {len(wanted)} known ids it gives {len(taken.kept)} entities")
    return f"{len(wanted)} known ids"


async def unknown_id(session: Session) -> str:
    listed = await session.ask(session.query(ids=(NOWHERE,)))
    single = await session.ask(session.query(ids=(NOWHERE,), retrieve=True, limit=1))
    if listed.kept or single.kept:
        raise Failed("asked for an id that does not exist it gives an entity")
    return "nothing, as it should be"


async def retrieve(session: Session) -> str:
    _, sample = await session.main_type()
    wanted = sample[len(sample) // 2]
    taken = await session.ask(session.query(ids=(wanted["id"],), retrieve=True, limit=1))
    if len(taken.kept) != 1:
        raise Failed(f"asked for one known id it gives {len(taken.kept)} entities")
    if set(taken.kept[0]) != set(wanted):
        raise Failed(f"{wanted['id']} has other members when retrieved than when queried")
    if taken.received <= 0:
        raise Failed("the bytes that came are not counted (SourceContext.received)")
    return str(wanted["id"])


async def names_in_context(session: Session) -> str:
    if len(session.contexts) < 2:
        raise Skipped("only one working context was given")
    _, sample = await session.main_type()
    chosen = sample[:10]
    for context in session.contexts[1:]:
        ids = tuple(entity["id"] for entity in chosen)
        taken = await session.ask(session.query(context=context, ids=ids))
        answered = {entity["id"]: entity for entity in taken.kept}
        for entity in chosen:
            if entity["id"] not in answered:
                raise Failed(f"{entity['id']} does not come in the context {context!r}")
            _same_names(entity, session.working, answered[entity["id"]], context)
    return f"{len(chosen)} entities in {len(session.contexts)} contexts"


def _same_names(entity: Entity, home: Context, other: Entity, context: Context) -> None:
    odd = [name for name in _names(other) if context.canonical(name) != name]
    if odd:
        raise Failed(f"{entity['id']}: {odd[0]!r} is not how {context!r} writes that name")
    if {home.expand(name) for name in _names(entity)} != {context.expand(name) for name in _names(other)}:
        raise Failed(f"{entity['id']} has other names (as IRIs) in {context!r} than in {home!r}")


def _names(entity: Entity) -> set[str]:
    return {name for name in entity if name not in ENTITY_MEMBERS} | set(types_of(entity))


async def deadline(session: Session) -> str:
    pushdown = session.adapter.plan(session.query(limit=1))
    if pushdown is None:
        raise Skipped("it has no plan for a query without conditions")
    ctx = session.new_context()
    ctx.deadline = asyncio.get_running_loop().time() - 1
    try:
        async for _ in session.adapter.fetch(pushdown.request, ctx):
            raise Failed("it answers after the deadline has passed")
    except SourceTimeout:
        return "a deadline that has passed is a SourceTimeout"
    raise Failed("it ends quietly when the deadline has passed, as if there were nothing")
