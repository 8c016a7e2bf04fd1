"""A report's document as tables of cells: what CSV, XLSX and PDF have in common. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.language import Words
from schemas.tokyo import BY_AREA

Json = Mapping[str, Any]
Cell = str | Decimal | int | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """`id` is a key of the texts (`sheet.…`); `columns` are keys too, or labels of their own."""

    id: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def heads(self, words: Words) -> list[str]:
        return [words.or_same("", column) for column in self.columns]


KPI_COLUMNS = (
    "id", "name", "text", "unit", "baseline", "target1", "actual1", "target2", "actual2", "achievement", "weight",
    "most", "points", "unmet_reason", "improvement", "remark", "basis",
)  # fmt: skip


def language_of(words: Words) -> str:
    return "ja" if words("id") == "ID" else "en"


def heading(document: Json, words: Words) -> list[tuple[str, str]]:
    """The lines above the tables: what, of whom, of when."""
    side = language_of(words)
    lines = [(words("year"), year_text(document, side)), (words("as_of"), document["as_of"])]
    project = document.get("project")
    if project is not None:
        lines = [
            (words("project"), f"{project[f'name_{side}']}({words('kind.' + project['kind'])})"),
            (words("organisations"), "、".join(project["organisations"])),
            (words("areas"), _areas(project["areas"], words)),
            *lines,
            (
                words("closed"),
                words("closed.no")
                if document["closed"] is None
                else words("closed.yes", number=document["closed"]["number"]),
            ),
        ]
    if "ledger" in document:
        names = "、".join(document["ledger"]["witnesses"])
        lines.append((words("witnesses"), names or words("unwitnessed")))
    return lines


def year_text(document: Json, side: str) -> str:
    return f"{document['label']}({document['year']})" if side == "ja" else f"FY{document['year']}"


def sheets(document: Json, words: Words) -> list[Sheet]:
    """In the order in which they are read."""
    if document["kind"] == "joint":
        return [_projects(document, words), _pairs(document, words)]
    made = [_kpis(document, words), _quarters(document, words), _months(document, words), _basis(document, words)]
    if document.get("changes") is not None:
        made.append(_changes(document, words))
    return [*made, _quality(document, words)]


def _kpis(document: Json, words: Words) -> Sheet:
    side = language_of(words)
    rows = [
        (
            k["id"], k[f"name_{side}"], k[f"text_{side}"], k[f"unit_{side}"], k["baseline"], k["year1"]["target"],
            k["year1"]["actual"], k["year2"]["target"], k["year2"]["actual"], k["achievement"], k["weight"],
            k["most_percent"], k["points"], k["unmet_reason"], k["improvement"], k["remark"], _in_words(k, words),
        )
        for k in document["kpis"]
    ]  # fmt: skip
    return Sheet("sheet.kpis", KPI_COLUMNS, tuple(rows))


def _in_words(kpi: Json, words: Words) -> str:
    if kpi["kind"] == "entered":
        return words("basis.entered")
    return words("basis.measured", version=kpi["basis"]["version"])


def _quarters(document: Json, words: Words) -> Sheet:
    side = language_of(words)
    rows = [
        (k["id"], k[f"name_{side}"], q[f"label_{side}"], q["value"], q["cumulative"], q["target"], q["achievement"])
        for k in document["kpis"]
        for q in k["quarters"]
    ]
    columns = ("id", "name", "period", "value", "cumulative", "target", "achievement")
    return Sheet("sheet.quarters", columns, tuple(rows))


def _months(document: Json, words: Words) -> Sheet:
    side = language_of(words)
    months = document["kpis"][0]["months"] if document["kpis"] else []
    rows = [
        (k["id"], k[f"name_{side}"], k[f"unit_{side}"], *(m["value"] for m in k["months"])) for k in document["kpis"]
    ]
    return Sheet("sheet.months", ("id", "name", "unit", *(m[f"label_{side}"] for m in months)), tuple(rows))


def _basis(document: Json, words: Words) -> Sheet:
    side = language_of(words)
    rows = []
    for k in document["kpis"]:
        b = k["basis"]
        counted = b.get("counted") or {}
        of, per = counted.get("of"), counted.get("per")
        evidence = " / ".join(f"{e['period']}: {e['value']} — {e['evidence']}" for e in b.get("evidence", ()))
        ledger = b.get("ledger") or {}
        entries, checkpoint = ledger.get("entries"), ledger.get("checkpoint")
        rows.append(
            (
                k["id"],
                k[f"name_{side}"],
                b["version"],
                b["digest"],
                None if of is None else str(of) if per is None else f"{of} / {per}",
                b.get("query"),
                None if entries is None else f"{entries['first']}–{entries['after_last'] - 1}",
                None if checkpoint is None else f"{checkpoint['size']} {checkpoint['root']}",
                evidence,
            )
        )
    columns = ("id", "name", "version", "digest", "counted", "query", "ledger", "checkpoint", "evidence")
    return Sheet("sheet.basis", columns, tuple(rows))


def _quality(document: Json, words: Words) -> Sheet:
    rows = [
        (q["service"], words("quality." + q["sign"]), q["times"], q["requests"], q["first"], q["last"])
        for q in document["quality"]
    ]
    note = words("quality.note") if rows else words("quality.none")
    return Sheet("sheet.quality", ("service", "sign", "times", "requests", "first", "last"), tuple(rows), note)


def _changes(document: Json, words: Words) -> Sheet:
    side = language_of(words)
    rows = [(c["id"], c[f"name_{side}"], c["before"], c["now"], c["difference"]) for c in document["changes"]]
    note = "" if rows else words("changes.none")
    return Sheet("sheet.changes", ("id", "name", "before", "now", "difference"), tuple(rows), note)


def _projects(document: Json, words: Words) -> Sheet:
    side = language_of(words)
    rows = [
        (
            p[f"name_{side}"], words("kind." + p["kind"]), _areas(p["areas"], words), k[f"name_{side}"],
            k[f"unit_{side}"], k["target"], k["actual"], k["achievement"],
        )
        for p in document["projects"]
        for k in p["kpis"]
    ]  # fmt: skip
    columns = ("project", "kind", "areas", "name", "unit", "aim", "value", "achievement")
    return Sheet("sheet.projects", columns, tuple(rows))


def _pairs(document: Json, words: Words) -> Sheet:
    homes: list[str | None] = sorted({p["consumer_area"] for p in document["pairs"]}, key=_order)
    areas: list[str | None] = sorted({p["provider_area"] for p in document["pairs"]}, key=_order)
    cells = {(p["provider_area"], p["consumer_area"]): p["entities"] for p in document["pairs"]}
    rows: Sequence[tuple[Cell, ...]] = [
        (_named(area, words), *(cells.get((area, home), 0) for home in homes)) for area in areas
    ]
    return Sheet("sheet.pairs", ("provider", *(_named(home, words) for home in homes)), tuple(rows))


def _named(area: str | None, words: Words) -> str:
    if area is None:
        return words("unknown")
    place = BY_AREA.get(area)
    return "・".join(place.names[:3]) if place is not None and language_of(words) == "ja" else area


def _areas(areas: Sequence[str], words: Words) -> str:
    return ("、" if language_of(words) == "ja" else ", ").join(_named(area, words) for area in areas)


def _order(area: str | None) -> tuple[bool, str]:
    return area is None, area or ""
