"""Evolutions of several sources: asked at once, merged, filtered, paged. No HTTP, SQL, metering.

Clauses 5.7.3 and 5.7.4. What the sources are asked leaves q, the geoquery, aggregation and pages to us, so that these
see an entity whole, wherever its instances are (4.3.6, 4.5.5).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.contract import Historical, Page, SourceContext
from broker.federation.execute import Collected, Limits, ask
from broker.federation.plan import Step
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.ngsi_ld.temporal import Form, TemporalQuery
from schemas.ngsi_ld.temporal_filter import named, passes, selected
from schemas.ngsi_ld.temporal_merge import Chapter, History, Share, directed, latest
from schemas.ngsi_ld.temporal_older import amended
from schemas.ngsi_ld.temporal_view import Entity, Point, Range, cut, present
from schemas.outcome import Outcome, Status
from schemas.platform import Mode


@dataclass(slots=True)
class Gathered:
    """What one source gave."""

    collected: Collected
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def share(self) -> Share:
        """All of it, for the merge."""
        histories = [history for chapter in self.chapters for history in chapter.histories]
        return Share(histories, self.collected.step.source.platform.mode is Mode.AUXILIARY)

    def credit(self, shown: frozenset[str]) -> None:
        """Its flow tells how many entities of the answer it gave something of."""
        self.collected.outcome.entities = len(shown.intersection(self.collected.ids()))


async def gather(
    query: TemporalQuery, sources: Sequence[Source], limits: Limits, *, entity: str | None, most: int
) -> list[Gathered]:
    """Ask all sources at once; what they gave, in order of their registrations' ids. Raises nothing."""
    found = [Gathered(c) for c in _none_yet(sources)]

    async def one(gathered: Gathered) -> None:
        async def work(collected: Collected, ctx: SourceContext) -> None:
            adapter = collected.step.source.adapter
            if isinstance(adapter, Historical):
                told = adapter.evolutions(query, ctx, entity=entity, whole=needs_all(query), most=most)
                async for chapter in told:
                    gathered.chapters.append(chapter)
                    rows = [{"id": history.head.id} for history in chapter.histories]
                    collected.pages.append(Page(entities=rows))

        gathered.collected = await ask(gathered.collected.step, limits, work)

    await asyncio.gather(*map(one, found))
    return found


def needs_all(query: TemporalQuery) -> bool:
    """Whether every instance in the window has a say in the answer, not those of a page alone."""
    return query.filtered or query.form is Form.AGGREGATED


def takes(history: History, query: TemporalQuery) -> bool:
    """Whether a merged evolution is one that the query asks for."""
    needed = {named(query, name) for name in query.needed}
    told = [point for point in history.points if not point.static]
    if needed and not any(point.attribute in needed for point in told):
        return False
    return bool(told) and selected(history.head, query) and passes(history.head, history.points, query)


def bound(chapters: Sequence[Chapter], query: TemporalQuery) -> datetime | None:
    """Until when all of them have told everything; None if they have told all."""
    ends = [chapter.until for chapter in chapters if chapter.until is not None]
    if not ends:
        return None
    return max(ends) if query.window.backwards else min(ends)


def shown(
    histories: Sequence[History],
    absent: Mapping[str, Sequence[tuple[str, str]]],
    query: TemporalQuery,
    until: datetime | None,
    page: int,
) -> tuple[list[Entity], Range | None, bool]:
    """As they leave, with at most `page` instances of each and nothing later than `until`, which range of time that is
    if it is not everything, and whether an earlier version of the specification changed it. `absent`: attributes that
    may have no instance on this page, with their types."""
    window = query.window
    only, hidden = ({named(query, name) for name in names} for names in (query.shown, query.omit))
    seen = {
        h.head.id: [
            p for p in h.points if not p.static and p.attribute not in hidden and (not only or p.attribute in only)
        ]
        for h in histories
    }
    points = {name: directed(latest(rows, window.last_n), window, until) for name, rows in seen.items()}
    partial: Range | None = None
    if query.form is not Form.AGGREGATED:
        points, partial = cut(points, window, page)
        if partial is None and until is not None:
            partial = _range(points, query, until)
    made = []
    altered = False
    for history in histories:
        name = history.head.id
        without = _absent(history, absent.get(name, ()), only, hidden) if partial else ()
        head, rows, changed = amended(history.head, points[name], query)
        made.append(present(head, rows, without, query))
        altered = altered or changed
    return [one for one in made if one], partial, altered


def _range(points: Mapping[str, Sequence[Point]], query: TemporalQuery, until: datetime) -> Range:
    window = query.window
    times = [point.at for rows in points.values() for point in rows] or [until]
    if window.backwards:
        return Range(window.until or max(times), until, window.last_n)
    return Range(window.since or min(times), until, None)


def _absent(
    history: History, local: Sequence[tuple[str, str]], only: Collection[str], hidden: Collection[str]
) -> list[tuple[str, str]]:
    kinds = dict.fromkeys(sorted(history.told), "Property") | dict(local)
    kinds |= {p.attribute: str(p.body.get("type", "Property")) for p in history.points if not p.static}
    return [(name, kind) for name, kind in kinds.items() if name not in hidden and (not only or name in only)]


def _none_yet(sources: Sequence[Source]) -> list[Collected]:
    return [Collected(Step(s, Pushdown(None, text="evolutions")), Outcome(s.id, Status.OK)) for s in sources]
