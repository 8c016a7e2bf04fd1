"""Temporal reads: what the local store has recorded and what the platforms have, by the rights of the caller, settled.

Where the local store is alone and all of it may be seen, SQL does the paging; else everything comes together first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter

import orjson

from adapters.contract import Historical, Page
from broker.federation.agreed import Agreed
from broker.federation.csf import chosen
from broker.federation.engine import Result
from broker.federation.entity_map import LOCAL
from broker.federation.evolutions import Gathered, bound, gather, needs_all, shown, takes
from broker.federation.execute import Collected
from broker.federation.join import combined
from broker.federation.modes import unpassed
from broker.federation.plan import Step
from broker.federation.warn import warnings
from broker.gateway.gateway import Delivery, Envelope, Gateway
from broker.local.temporal import Evolved, TemporalReads
from broker.registry.matching import judge_past
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.narrowing_past import visible_past
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_merge import Chapter, Share, merged
from schemas.ngsi_ld.temporal_view import Head
from schemas.ngsi_ld.types import TypeSelection
from schemas.outcome import Outcome, Status

_NOTHING = Evolved([])


@dataclass(slots=True)
class Told:
    """A settled answer: it may be sent."""

    found: Evolved
    delivery: Delivery


@dataclass(slots=True)
class Answered:
    """What was found, and what the sources did for it. `ids`: of all that match, in order, where holders were named;
    `holders`: of a survey, by entity who has it."""

    found: Evolved
    collected: list[Collected]
    ids: list[str] = field(default_factory=list)
    holders: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    notices: tuple[str, ...] = ()


class FederatedEvolutions:
    """One per worker."""

    def __init__(self, gateway: Gateway, reads: TemporalReads) -> None:
        self._gateway = gateway
        self._reads = reads

    async def retrieve(self, envelope: Envelope, tenant: str, entity: str, query: TemporalQuery) -> Told:
        """Clause 5.7.3; nothing found is an empty answer. Errors: LoopDetected, StoreUnavailable, TooManyResults,
        MeteringUnavailable, IdempotencyConflict, Forbidden."""
        return await self.settle(await self.ask(envelope, tenant, query, entity), envelope, query, entity)

    async def query(self, envelope: Envelope, tenant: str, query: TemporalQuery) -> Told:
        """Clause 5.7.4. Errors as of `retrieve`."""
        return await self.settle(await self.ask(envelope, tenant, query), envelope, query)

    async def ask(
        self,
        envelope: Envelope,
        tenant: str,
        query: TemporalQuery,
        entity: str | None = None,
        *,
        holders: Collection[str] | None = None,
        survey: bool = False,
    ) -> Answered:
        """What is found, to be settled yet. `holders`: ask these registrations only (`@none`: the local store).
        `survey`: everything that matches is looked for, and nothing shown but its ids and who has it."""
        sight = self._gateway.sight(envelope)
        limits = self._gateway.limits(envelope, tenant)
        own = await self._gateway.registry.own(tenant)
        here = next(iter(sight.past([own] if holders is None or LOCAL in holders else [])), None)
        found = unpassed(self._sources(tenant, query, entity, own), limits.via)
        sources = sight.past(s for s in found if holders is None or s.id in holders)
        whole = here is None or not here.clauses or here.clauses[0].whole
        alone = whole and not sources and not survey and holders is None
        most = 1 if entity is not None else query.limit
        async with self._gateway.by_right(sight, sources if here is None else [here, *sources], None, most) as both:
            admitted = [_bare(source) for source in both]
            here = next((s for s in admitted if s.id == own.id), None)
            sources = [s for s in admitted if s.id != own.id]
            if not alone:
                gathered = await gather(query, sources, limits, entity=entity, most=self._gateway.max_collect)
                for one in gathered:
                    one.chapters = [_visible(chapter, one.collected.step.source) for chapter in one.chapters]
                answered = await self._together(here, tenant, query, entity, gathered, survey)
            elif here is not None:
                answered = await self._alone(here, tenant, query, entity)
            else:
                answered = Answered(_NOTHING, [])
        answered.notices = sight.notices
        return answered

    async def settle(
        self, answered: Answered, envelope: Envelope, query: TemporalQuery, entity: str | None = None
    ) -> Told:
        """Record what the sources did; the answer may leave when this returns."""
        collected = combined(answered.collected)
        result = Result(
            collected,
            warnings=warnings(c.outcome for c in collected),
            notices=answered.notices,
            count=answered.found.count,
        )
        types = {name for one in query.selectors if one.types is not None for name in one.types.names}
        flows = await self._gateway.settle(
            result, envelope, "query" if entity is None else "retrieve", tuple(sorted(map(query.context.expand, types)))
        )
        return Told(answered.found, Delivery(result, flows))

    def _sources(self, tenant: str, query: TemporalQuery, entity: str | None, own: Source) -> list[Source]:
        if query.local:
            return []
        question = _question(tenant, query, entity)
        types = None if question.types is None else frozenset(map(query.context.expand, question.types.names))
        found = [
            source
            for source in self._gateway.registry.sources(tenant)
            if source.id != own.id
            and isinstance(source.adapter, Historical)
            and source.adapter.capabilities.temporal
            and not judge_past(source, question, types, query.window)
        ]
        return found if query.csf is None else chosen(found, query.csf, query.context)

    async def _alone(self, here: Source, tenant: str, query: TemporalQuery, entity: str | None) -> Answered:
        began = perf_counter()
        if entity is None:
            found = await self._reads.query(tenant, query)
        else:
            found = await self._reads.find(tenant, entity, query)
        ids = [str(one.get("id", "")) for one in found.entities]
        answer = found.entities if entity is None else next(iter(found.entities), {})
        collected = _local(here, ids, len(orjson.dumps(answer)), began)
        collected.outcome.entities = len(ids)
        return Answered(found, [collected])

    async def _together(
        self,
        here: Source | None,
        tenant: str,
        query: TemporalQuery,
        entity: str | None,
        gathered: Sequence[Gathered],
        survey: bool,
    ) -> Answered:
        """The page that the sources and the local store make. Of the local store no more is read than the page needs,
        unless its instances decide what is on it."""
        began = perf_counter()
        most = self._gateway.max_collect
        heads = [] if here is None else await self._reads.candidates(tenant, query, entity=entity, most=most)
        shares = [one.share for one in gathered]
        limited = here is not None and bool(here.clauses) and not here.clauses[0].whole
        chapter = Chapter(())
        if query.filtered or limited:
            chapter = await self._read(here, tenant, heads, query, whole=True)
        first = merged([Share(chapter.histories), *shares])
        ids = [name for name, history in first.items() if entity is not None or takes(history, query)]
        if not (query.filtered or limited):
            ids = sorted({*ids, *(head.id for head in heads)})
        if query.descending:
            ids.reverse()
        if survey:
            locally = {h.head.id for h in chapter.histories} if query.filtered or limited else {h.id for h in heads}
            return _surveyed(here, ids, locally, gathered, began)
        end = query.offset + query.limit
        page = ids[:1] if entity is not None else ids[query.offset : end]
        if not (query.filtered or limited):
            wanted = [head for head in heads if head.id in set(page)]
            chapter = await self._read(here, tenant, wanted, query, whole=needs_all(query))
        everything = merged([Share(chapter.histories), *shares])
        histories = [everything[name] for name in page if name in everything]
        absent = {} if here is None else await self._reads.absent(tenant, page, query)
        until = bound([chapter, *(c for one in gathered for c in one.chapters)], query)
        entities, partial, altered = shown(histories, absent, query, until, self._reads.page)
        given = frozenset(page)
        for one in gathered:
            one.credit(given)
        collected = [one.collected for one in gathered]
        if here is not None:
            bodies = [point.body for history in chapter.histories for point in history.points]
            local = _local(here, [h.head.id for h in chapter.histories], len(orjson.dumps(bodies)), began)
            local.outcome.entities = len(given.intersection(local.ids()))
            collected.append(local)
        count = len(ids) if query.count else None
        return Answered(Evolved(entities, partial, count, len(ids) > end and entity is None, altered), collected, ids)

    async def _read(
        self, here: Source | None, tenant: str, heads: Sequence[Head], query: TemporalQuery, *, whole: bool
    ) -> Chapter:
        if here is None or not heads:
            return Chapter(())
        return _visible(await self._reads.chapter(tenant, heads, query, whole=whole), here)


def _surveyed(
    here: Source | None, ids: Sequence[str], locally: Collection[str], gathered: Sequence[Gathered], began: float
) -> Answered:
    """Of each entity who has it. Nothing of the evolutions is delivered."""
    given = [(one.collected.step.source.id, frozenset(one.collected.ids())) for one in gathered]
    rows = []
    for name in ids:
        names = [LOCAL] if name in locally else []
        rows.append((name, (*names, *(source for source, known in given if name in known))))
    collected = [one.collected for one in gathered]
    if here is not None:
        collected.append(_local(here, [name for name in ids if name in locally], 0, began))
    return Answered(_NOTHING, collected, holders=rows)


def _local(here: Source, ids: Sequence[str], size: int, began: float) -> Collected:
    outcome = Outcome(here.id, Status.OK if ids else Status.EMPTY, ms=(perf_counter() - began) * 1000)
    outcome.received, outcome.bytes = len(ids), size
    return Collected(Step(here, Pushdown(None)), outcome, [Page(entities=[{"id": name} for name in ids])])


def _visible(chapter: Chapter, source: Source) -> Chapter:
    """What the rights by which a source is asked leave of what it gave."""
    if not source.clauses or source.clauses[0].whole:
        return chapter
    cut = (visible_past(history, source.clauses) for history in chapter.histories)
    return Chapter([history for history in cut if history is not None], chapter.until)


def _bare(source: Source) -> Source:
    """Without what narrows questions about the present: what is told of the past is cut when it is here."""
    return replace(source, adapter=source.adapter.behind) if isinstance(source.adapter, Agreed) else source


def _question(tenant: str, query: TemporalQuery, entity: str | None) -> EntityQuery:
    """What registrations are matched against (clause 5.12)."""
    datasets = frozenset(name or "@none" for name in query.window.datasets)
    if entity is not None:
        return EntityQuery(
            context=query.context,
            ids=(entity,),
            attrs=query.attrs,
            pick=query.pick,
            retrieve=True,
            tenant=tenant,
            datasets=datasets,
        )
    selectors = query.selectors
    types = [one.types for one in selectors]
    every = None if not types or None in types else tuple(a for t in types if t is not None for a in t.alternatives)
    named = bool(selectors) and all(one.ids for one in selectors)
    only = selectors[0].pattern if len(selectors) == 1 else None
    return EntityQuery(
        context=query.context,
        ids=tuple(name for one in selectors for name in one.ids) if named else (),
        types=None if every is None else TypeSelection(tuple(dict.fromkeys(every))),
        id_pattern=None if only is None else only.text,
        attrs=query.attrs,
        pick=query.pick,
        q=query.q,
        geo=query.geo,
        scope=query.scope,
        tenant=tenant,
        datasets=datasets,
    )
