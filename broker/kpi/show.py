"""A KPI report for people (tables, Japanese or English) and for programs (a JSON object)."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas.kpi.figures import KpiReport, ProviderFigures, Uses
from schemas.kpi.fiscal import month_label, year_label
from schemas.kpi.names import NAMES
from schemas.language import Language, Words

_WORDS = {
    "title": ("KPI(定量)", "KPI (quantitative)"),
    "month": ("月", "Month"),
    "interactive": NAMES["api-uses.interactive"],
    "batch": NAMES["api-uses.batch"],
    "services": NAMES["connected-services"],
    "assets": NAMES["linked-assets"],
    "year": ("年度計", "Year"),
    "providers": ("提供者別", "By provider"),
    "platform": ("プラットフォーム", "Platform"),
    "organisation": ("提供者", "Provider"),
    "area": ("エリア", "Area"),
    "entities": ("提供データ件数", "Entities delivered"),
    "pairs": (
        "提供データ件数:提供エリア(行)×利用エリア(列)",
        "Entities delivered: provider area (rows) × consumer area (columns)",
    ),
    "unknown": ("(不明)", "(unknown)"),
    "definitions": ("定義", "Definitions"),
    "only_area": ("提供エリア", "provider area"),
    "only_service": ("サービス", "service"),
}


def to_dict(report: KpiReport) -> dict[str, Any]:
    """JSON-able. Lists called `by_month` go along with `months`. Instants are UTC, months `YYYY-MM`."""
    months = [f"{month:%Y-%m}" for month in report.months]
    return {
        "year": report.year,
        "label": year_label(report.year),
        "since": report.since.isoformat().replace("+00:00", "Z"),
        "until": report.until.isoformat().replace("+00:00", "Z"),
        "area": report.area,
        "service": report.service,
        "months": [
            {
                "month": month,
                "label": month_label(first),
                "api_uses": _uses(figures.uses),
                "services": figures.services,
                "assets": figures.assets,
            }
            for month, first, figures in zip(months, report.months, report.monthly, strict=True)
        ],
        "total": {
            "api_uses": _uses(report.total.uses),
            "services": report.total.services,
            "assets": report.total.assets,
        },
        "providers": [
            {"platform": one.platform, "organisation": one.organisation, "area": one.area, **_provided(one)}
            for one in report.providers
        ],
        "areas": [{"area": one.area, **_provided(one)} for one in report.areas],
        "pairs": [
            {
                "provider_area": pair.provider_area,
                "consumer_area": pair.consumer_area,
                "entities": pair.entities,
                "api_uses": pair.uses,
                "by_month": list(pair.months),
            }
            for pair in report.pairs
        ],
        "definitions": {
            one.id: {"ja": f"{one.name_ja}({one.unit_ja}):{one.text_ja}", "en": f"{one.name_en}: {one.text_en}"}
            for one in report.definitions
        },
    }


def _uses(uses: Uses) -> dict[str, int]:
    return {"interactive": uses.interactive, "batch": uses.batch, "total": uses.total}


def _provided(one: ProviderFigures) -> dict[str, Any]:
    return {"api_uses": _uses(one.uses), "entities": one.entities, "by_month": [_uses(uses) for uses in one.months]}


def tables(report: KpiReport, language: str = "ja") -> RenderableType:
    """For a `rich` console; `language` is "ja" or "en"."""
    words = Words(_WORDS, Language(language))
    delivered = [_providers(report, words), _pairs(report, words)] if report.providers else []
    return Group(_months(report, words, language), *delivered, _definitions(report, words, language))


def _months(report: KpiReport, words: Words, language: str) -> Table:
    title = f"{year_label(report.year, language)} {words('title')}"
    for name, value in (("only_area", report.area), ("only_service", report.service)):
        if value is not None:
            title += f" — {words(name)}: {escape(value)}"
    table = Table(title=title, show_footer=True)
    total = report.total
    table.add_column(words("month"), footer=words("year"), no_wrap=True)
    footers = (total.uses.interactive, total.uses.batch, total.services, total.assets)
    for name, footer in zip(("interactive", "batch", "services", "assets"), footers, strict=True):
        table.add_column(words(name), footer=f"{footer:,}", justify="right")
    for month, figures in zip(report.months, report.monthly, strict=True):
        cells = (figures.uses.interactive, figures.uses.batch, figures.services, figures.assets)
        table.add_row(month_label(month, language), *(f"{cell:,}" for cell in cells))
    return table


def _providers(report: KpiReport, words: Words) -> Table:
    table = Table(title=words("providers"))
    for name in ("area", "organisation", "platform"):
        table.add_column(words(name), overflow="fold")
    for name in ("interactive", "batch", "entities"):
        table.add_column(words(name), justify="right")
    for one in report.providers:
        names = (escape(name or words("unknown")) for name in (one.area, one.organisation, one.platform))
        table.add_row(*names, f"{one.uses.interactive:,}", f"{one.uses.batch:,}", f"{one.entities:,}")
    return table


def _pairs(report: KpiReport, words: Words) -> Table:
    homes = list(dict.fromkeys(pair.consumer_area for pair in report.pairs))
    homes.sort(key=lambda name: (name is None, name or ""))
    cells = {(pair.provider_area, pair.consumer_area): pair.entities for pair in report.pairs}
    table = Table(title=words("pairs"))
    table.add_column("")
    for home in homes:
        table.add_column(escape(home or words("unknown")), justify="right")
    for area in dict.fromkeys(pair.provider_area for pair in report.pairs):
        row = (f"{cells.get((area, home), 0):,}" for home in homes)
        table.add_row(escape(area or words("unknown")), *row)
    return table


def _definitions(report: KpiReport, words: Words, language: str) -> RenderableType:
    lines = Text(f"{words('definitions')}\n", style="dim")
    for one in report.definitions:
        name, unit, text = (
            (one.name_ja, one.unit_ja, one.text_ja) if language == "ja" else (one.name_en, one.unit_en, one.text_en)
        )
        lines.append(f"{name} ({unit}): {text}\n")
    return Padding(lines, (1, 0, 0, 0))
