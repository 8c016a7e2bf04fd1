"""What figures take from events of the ledger instead of flows: roll-outs to other areas, and how usable assets are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from schemas.kpi.definition import KpiDefinition, Measure, Scope, Source
from schemas.kpi.project import Project
from schemas.kpi.usage import TOKYO, Daily

ROLLED_OUT = "area.applied"
JUDGED = "catalog.judged"
KINDS = (ROLLED_OUT, JUDGED)
Scores = Mapping[str, Mapping[str, int]]
"""Platform → entity type (IRI) → 0 to 100; 0 for what is gone, or another's duplicate."""


class Facts:
    """`tell` every event, in order."""

    def __init__(self) -> None:
        self._rollouts: list[tuple[date, str, str, str | None]] = []
        self._days: dict[tuple[str, str], list[date]] = {}
        self._scores: dict[tuple[str, str], list[int]] = {}
        self.judged: date | None = None
        """The day of Tokyo of the last judgement."""

    def tell(self, kind: str, time: datetime, subject: str, body: Mapping[str, Any]) -> None:
        """An event of one of `KINDS`. What of its body makes no sense is passed over."""
        day = time.astimezone(TOKYO).date()
        if kind == ROLLED_OUT:
            origin, project = body.get("from"), body.get("project")
            self._rollouts.append((day, str(origin), subject, None if project is None else str(project)))
        elif kind == JUDGED:
            self.judged = day
            told = body.get("scores")
            scores = {
                (platform, name): score
                for platform, types in (told.items() if isinstance(told, dict) else ())
                for name, score in (types.items() if isinstance(types, dict) else ())
                if isinstance(score, int)
            }
            if body.get("full") is True:
                scores = dict.fromkeys(self._scores, 0) | scores
            for asset, score in scores.items():
                self._days.setdefault(asset, []).append(day)
                self._scores.setdefault(asset, []).append(score)

    def score(self, platform: str, name: str, day: date) -> int | None:
        """By the last judgement up to that day; None before the first."""
        place = bisect_right(self._days.get((platform, name), []), day)
        return self._scores[platform, name][place - 1] if place else None

    def changes(self, now: Scores, *, full: bool) -> dict[str, dict[str, int]]:
        """What a judgement has to tell: the assets whose score is another than it was told last; `full`: all."""
        known = {asset: scores[-1] for asset, scores in self._scores.items()}
        found = {(platform, name): score for platform, types in now.items() for name, score in types.items()}
        if not full:
            gone = {asset: 0 for asset, score in known.items() if score and asset not in found}
            found = {asset: score for asset, score in (found | gone).items() if known.get(asset) != score}
        told: dict[str, dict[str, int]] = {}
        for (platform, name), score in sorted(found.items()):
            told.setdefault(platform, {})[name] = score
        return told

    def apply(self, source: Source, daily: Daily, scope: Scope, project: Project, since: date, until: date) -> Daily:
        """A source's days, with what these events say of them."""
        if source.measure is Measure.ROLLOUTS:
            return self._rolled_out(scope, project, since, until)
        least = source.filter.least_quality
        if source.measure is not Measure.ASSETS or least is None:
            return daily
        return {day: self._usable(items, day, least) for day, items in daily.items()}

    def _usable(self, items: Iterable[tuple[str, str | None]], day: date, least: int) -> set[Hashable]:
        # which data it was is not known of a platform that was asked without a type
        return {
            (platform, name)
            for platform, name in items
            if name is not None and (self.score(platform, name, day) or -1) >= least
        }

    def _rolled_out(self, scope: Scope, project: Project, since: date, until: date) -> Daily:
        """Pairs of areas: the same roll-out done again is one."""
        found: dict[date, set[Hashable]] = {}
        for day, origin, area, mine in self._rollouts:
            wanted = {
                Scope.CONSUMER: mine == project.id,
                Scope.PROVIDER: origin in project.areas and area not in project.areas,
                Scope.ALL: True,
            }[scope]
            if wanted and origin != area and since <= day < until:
                found.setdefault(day, set()).add((origin, area))
        return found


def needs_facts(definitions: Iterable[KpiDefinition]) -> bool:
    """Whether any of them counts by such events."""
    sources = [source for one in definitions for source in (one.of, one.per) if source is not None]
    return any(s.measure is Measure.ROLLOUTS or s.filter.least_quality is not None for s in sources)
