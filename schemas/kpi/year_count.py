"""A fiscal year of a project counted from entries of the ledger, as far as a report had got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from schemas.kpi.basis import Counted
from schemas.kpi.definition import Kind, KpiDefinition
from schemas.kpi.document import measured_figures
from schemas.kpi.facts import Facts
from schemas.kpi.periods import year_of
from schemas.kpi.project import Project
from schemas.kpi.quality import hours_of, look
from schemas.kpi.series import Figure, Recount
from schemas.kpi.usage import TOKYO, Key
from schemas.ledger.correction import Replacement
from schemas.ledger.entry import EventEntry, FlowEntry, instant, written

Corrections = Mapping[str, Sequence[tuple[int, Replacement | None]]]
"""By flow: the number of each correction's entry, in order, and what counts instead."""
Keys = dict[tuple[Any, ...], Key]
"""Equal keys are one object."""


class YearCount:
    """`until`: the day after the last that counts. `looked`: whether its data's quality is asked for."""

    def __init__(
        self,
        counted: Counted,
        project: Project,
        kpis: Mapping[str, Sequence[KpiDefinition]],
        until: date,
        corrections: Corrections,
        *,
        looked: bool,
    ) -> None:
        self.counted = counted
        measured = {name: versions for name, versions in kpis.items() if versions[-1].kind is Kind.MEASURED}
        self._names = list(measured)
        self._recount = Recount(project, list(measured.values()), year_of(counted.year))
        self._project = project
        self._services, self._areas = frozenset(project.services), frozenset(project.areas)
        self._last = until
        self._since = written(_midnight(date(counted.year, 4, 1)))
        self._until = written(_midnight(until))
        self._corrections = corrections
        self._looked = looked
        self._facts = Facts()
        self._uses: dict[tuple[UUID, datetime], tuple[int, set[Key]]] = {}

    def take(self, entry: FlowEntry, keys: Keys) -> None:
        if not (entry.seq < self.counted.flows and self._since <= entry.time < self._until):
            return
        batch, entities, size = entry.batch, entry.entities, entry.bytes
        for seq, replacement in self._corrections.get(entry.id, ()):
            if seq < self.counted.events:
                if replacement is None:
                    return
                batch, entities, size = replacement.batch, replacement.entities, replacement.bytes
        key = _key(entry, batch, entities, keys)
        mine = self._looked and self._mine(key)
        if mine or self._recount.counts(key):
            request, at = UUID(entry.request), instant(entry.time)
            self._recount.take(key, request, at, entities, size)
            if mine:
                self._look(key, request, at)

    def tell(self, entry: EventEntry) -> None:
        if entry.seq < self.counted.events:
            self._facts.tell(entry.event, instant(entry.time), entry.subject, entry.body)

    def concerns(self, entry: FlowEntry, keys: Keys) -> bool:
        """Whether the flow is one of the project's services or areas."""
        key = _key(entry, entry.batch, entry.entities, keys)
        return self._mine(key) or key.provider_area in self._areas

    def figures(self) -> dict[str, dict[str, Figure]]:
        """By KPI, of every period that has begun."""
        return {
            name: measured_figures(one, self.counted.year, self._last)
            for name, one in zip(self._names, self._recount.series(self._facts), strict=True)
        }

    def quality(self) -> list[dict[str, Any]]:
        return [one.as_dict() for one in look(*hours_of(self._uses))]

    def _mine(self, key: Key) -> bool:
        return key.project == self._project.id or key.service in self._services

    def _look(self, key: Key, request: UUID, at: datetime) -> None:
        place = (request, at.replace(minute=0, second=0, microsecond=0))
        minutes, known = self._uses.get(place, (0, set()))
        known.add(key)
        self._uses[place] = (minutes | 1 << at.minute, known)


def _key(entry: FlowEntry, batch: bool, entities: int, keys: Keys) -> Key:
    told = (
        entry.consumer_service, entry.consumer_organisation, entry.consumer_project, entry.consumer_area, batch,
        entry.platform, entry.provider_organisation, entry.provider_area, entry.cross_area, entry.types,
        entry.operation, entities > 0, entry.replay_of is not None,
    )  # fmt: skip
    key = keys.get(told)
    if key is None:
        key = keys[told] = Key(*told)
    return key


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), TOKYO)
