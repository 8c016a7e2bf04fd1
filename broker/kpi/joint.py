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
