"""A report as one JSON document, of which every other form is made. Pure: the same inputs give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from schemas.kpi.achievement import achievement, points
from schemas.kpi.definition import Kind, KpiDefinition, Measure, Scope, Source, Traffic, YearTargets
from schemas.kpi.entry import Entry, entered_value
from schemas.kpi.fiscal import year_label
from schemas.kpi.periods import Period, cumulative_of, months_of, quarters_of, year_of
from schemas.kpi.project import Project
from schemas.kpi.reading import dump
from schemas.kpi.series import Figure, Series

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
Figures = Mapping[str, Figure]
"""By the id of a period."""


@dataclass(frozen=True, slots=True)
class KpiState:
    """One KPI as a report needs it. `versions`: number, digest and definition of those that were agreed."""

    versions: Sequence[tuple[int, str, KpiDefinition]]
    figures: Figures
    entries: Mapping[str, Entry]

    @property
    def definition(self) -> KpiDefinition:
        return self.versions[-1][2]


def encode(document: Any) -> bytes:
    """Keys in order, decimals as written: the same document is the same bytes."""
    return _ENCODER.encode(document)


def periods_of(year: int) -> tuple[Period, ...]:
    return (*months_of(year), *quarters_of(year), *cumulative_of(year), year_of(year))


def measured_figures(series: Series, year: int, until: date) -> dict[str, Figure]:
    """Of every period that has begun."""
    return {p.id: series.figure(p, until) for p in periods_of(year) if p.since < until}


def entered_figures(entries: Mapping[str, Entry], year: int) -> dict[str, Figure]:
    first = date(year, 4, 1)
    found = {p.id: entered_value(entries, p, first) for p in periods_of(year)}
    return {name: Figure(value) for name, value in found.items() if value is not None}


def report_document(
    kind: str,
    year: int,
    as_of: date,
    project: tuple[Project, int],
    states: Sequence[KpiState],
    *,
    quality: list[dict[str, Any]],
    ledger: Mapping[str, Any],
    closed: Mapping[str, Any] | None,
    changes: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    """`project`: with its version. `as_of`: the last day that counts. `ledger`: where it stands. `changes`: since the
    last meeting, in a pack for one. `closed`: number and digest of the closing that the year's figures are of."""
    one, version = project
    kpis = [kpi_document(state, one, year, ledger) for state in states]
    return {
        "kind": kind,
        "year": year,
        "label": year_label(year),
        "as_of": as_of.isoformat(),
        "closed": None if closed is None else dict(closed),
        "project": {
            "id": one.id,
            "version": version,
            "name_ja": one.name_ja,
            "name_en": one.name_en or one.name_ja,
            "kind": one.kind.value,
            "organisations": list(one.organisations),
            "areas": list(one.areas),
            "services": list(one.services),
            "first_year": one.first_year,
        },
        "kpis": kpis,
        "score": score_of(kpis),
        "quality": quality,
        "ledger": dict(ledger),
        "changes": changes,
    }


def kpi_document(state: KpiState, project: Project, year: int, ledger: Mapping[str, Any]) -> dict[str, Any]:
    one = state.definition
    number = year - project.first_year + 1
    texts = state.entries.get(str(year), Entry())
    years = {f"year{n}": _year(state, project.first_year + n - 1, _target(one, n)) for n in (1, 2)}
    target, so_far = _target(one, number), state.figures.get(str(year))
    rate = achievement(one, None if so_far is None else so_far.value, None if target is None else target.year)
    return {
        "id": one.id,
        "name_ja": one.name_ja,
        "name_en": one.name_en or one.name_ja,
        "text_ja": one.text_ja,
        "text_en": one.text_en or one.text_ja,
        "unit_ja": one.unit_ja,
        "unit_en": one.unit_en or one.unit_ja,
        "kind": one.kind.value,
        "decimals": one.decimals,
        "lower_is_better": one.lower_is_better,
        "baseline": one.baseline,
        **years,
        "achievement": rate,
        "weight": one.weight,
        "most_percent": one.most_percent,
        "points": points(one, rate),
        "months": [_period(p, state.figures) for p in months_of(year)],
        "quarters": _quarters(state, one, number, year),
        "unmet_reason": texts.unmet_reason,
        "improvement": texts.improvement,
        "remark": texts.remark,
        "basis": _basis(state, project, year, ledger),
    }


def _year(state: KpiState, year: int, target: YearTargets | None) -> dict[str, Any]:
    figure = state.figures.get(str(year))
    actual = None if figure is None else figure.value
    aim = None if target is None else target.year
    return {
        "label": year_label(year),
        "target": aim,
        "actual": actual,
        "achievement": achievement(state.definition, actual, aim),
    }


def _quarters(state: KpiState, one: KpiDefinition, number: int, year: int) -> list[dict[str, Any]]:
    target = _target(one, number)
    found = []
    for n, (quarter, cumulative) in enumerate(zip(quarters_of(year), cumulative_of(year), strict=True)):
        due = target.quarters[n] if target is not None and target.quarters else None
        so_far = state.figures.get(cumulative.id)
        value = None if so_far is None else so_far.value
        found.append(
            _period(quarter, state.figures)
            | {"cumulative": value, "target": due, "achievement": achievement(one, value, due)}
        )
    return found


def _period(period: Period, figures: Figures) -> dict[str, Any]:
    figure = figures.get(period.id)
    return {
        "period": period.id,
        "label_ja": period.label_ja,
        "label_en": period.label_en,
        "value": None if figure is None else figure.value,
    }


def _target(one: KpiDefinition, number: int) -> YearTargets | None:
    return one.targets[number - 1] if 1 <= number <= len(one.targets) else None


def _basis(state: KpiState, project: Project, year: int, ledger: Mapping[str, Any]) -> dict[str, Any]:
    """算出根拠."""
    one = state.definition
    figure = state.figures.get(str(year))
    version, digest, _ = state.versions[-1]
    basis: dict[str, Any] = {
        "version": version,
        "digest": digest,
        "versions": [
            {"version": n, "digest": d, "valid_from": None if k.valid_from is None else k.valid_from.isoformat()}
            for n, d, k in state.versions
        ],
    }
    if one.kind is Kind.ENTERED:
        basis["evidence"] = [
            {"period": name, "value": entry.value, "evidence": entry.evidence}
            for name, entry in sorted(state.entries.items())
            if entry.value is not None and name.startswith((str(year), str(year + 1)))
        ]
        return basis
    basis |= {
        "scope": one.scope.value,
        "of": dump(one.of),
        "per": dump(one.per),
        "counted": None if figure is None else {"of": figure.of, "per": figure.per},
        "query": None if one.of is None or one.of.measure is Measure.ROLLOUTS else _query(one, one.of, project, year),
        "ledger": dict(ledger),
    }
    return basis


def _query(one: KpiDefinition, source: Source, project: Project, year: int) -> str:
    """The flows among which it counts, as `GET /flows` gives them; what that can't filter is left to the reader."""
    where = source.filter
    query = {"from": f"{year}-04-01T00:00:00+09:00", "to": f"{year + 1}-04-01T00:00:00+09:00"}
    for name, chosen in (
        ("consumer", where.services or where.consumer_organisations),
        ("consumer_area", where.consumer_areas),
        ("provider", where.platforms or where.provider_organisations),
        ("provider_area", where.provider_areas or (project.areas if one.scope is Scope.PROVIDER else ())),
        ("type", where.types),
        ("operation", where.operations),
    ):
        if len(chosen) == 1:
            query[name] = chosen[0]
    if where.cross_area_only:
        query["cross_area"] = "true"
    if where.traffic is not Traffic.ANY:
        query["batch"] = str(where.traffic is Traffic.BATCH).lower()
    return "/flows?" + urlencode(query, safe=":/")


def score_of(kpis: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    """定量評価: points, and those at full achievement."""
    return {
        "points": sum((k["points"] for k in kpis), Decimal(0)),
        "full": sum((k["weight"] for k in kpis), Decimal(0)),
    }


def changes_since(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each KPI the year's figure at the last 個別会 and now; empty where there was none."""
    if before is None:
        return []
    earlier = {kpi["id"]: kpi for kpi in before["kpis"]}
    found = []
    for kpi in now["kpis"]:
        old, new = _actual(before, earlier.get(kpi["id"])), _actual(now, kpi)
        found.append(
            {
                "id": kpi["id"],
                "name_ja": kpi["name_ja"],
                "name_en": kpi["name_en"],
                "before": old,
                "now": new,
                "difference": None if old is None or new is None else new - old,
            }
        )
    return found


def _actual(report: Mapping[str, Any], kpi: Mapping[str, Any] | None) -> Any:
    number = report["year"] - report["project"]["first_year"] + 1
    if kpi is None or number not in (1, 2):
        return None
    return kpi[f"year{number}"]["actual"]
