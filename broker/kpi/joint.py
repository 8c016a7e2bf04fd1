"""合同会: all projects of a year side by side, and what flowed between areas. What is a project's own stays masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from broker.kpi.show import to_dict
from schemas.kpi.figures import KpiReport

_OPEN = ("id", "name_ja", "name_en", "unit_ja", "unit_en", "kind")
"""Of a KPI; reasons, remarks, evidence and signs in the data are for the 個別会."""


def joint_document(reports: Iterable[Mapping[str, Any]], areas: KpiReport, as_of: str) -> dict[str, Any]:
    """`reports`: documents of the same year, in order."""
    figures = to_dict(areas)
    return {
        "kind": "joint",
        "year": figures["year"],
        "label": figures["label"],
        "as_of": as_of,
        "projects": [_masked(report) for report in reports],
        "pairs": [
            {name: pair[name] for name in ("provider_area", "consumer_area", "entities", "api_uses")}
            for pair in figures["pairs"]
        ],
    }


def _masked(report: Mapping[str, Any]) -> dict[str, Any]:
    project = report["project"]
    number = report["year"] - project["first_year"] + 1
    now = f"year{number}" if number in (1, 2) else None
    return {
        **{name: project[name] for name in ("id", "name_ja", "name_en", "kind", "areas")},
        "closed": report["closed"] is not None,
        "kpis": [
            {
                **{name: kpi[name] for name in _OPEN},
                "target": None if now is None else kpi[now]["target"],
                "actual": None if now is None else kpi[now]["actual"],
                "achievement": kpi["achievement"],
            }
            for kpi in report["kpis"]
        ],
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
