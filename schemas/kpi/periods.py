"""The periods of a fiscal year: months, quarters, and from April to each quarter's end (cumulative)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from schemas.kpi.fiscal import month_label, months, year_label


@dataclass(frozen=True, slots=True)
class Period:
    """Days of Tokyo; `until` is the day after the last."""

    id: str
    label_ja: str
    label_en: str
    since: date
    until: date


def year_of(year: int) -> Period:
    return Period(f"{year}", year_label(year), year_label(year, "en"), date(year, 4, 1), date(year + 1, 4, 1))


def months_of(year: int) -> tuple[Period, ...]:
    firsts = (*months(year), date(year + 1, 4, 1))
    return tuple(
        Period(f"{first:%Y-%m}", month_label(first), month_label(first, "en"), first, after)
        for first, after in pairwise(firsts)
    )


def quarters_of(year: int) -> tuple[Period, ...]:
    edges = _edges(year)
    return tuple(
        Period(f"{year}-Q{n}", f"第{n}四半期", f"Q{n}", since, until)
        for n, (since, until) in enumerate(pairwise(edges), 1)
    )


def cumulative_of(year: int) -> tuple[Period, ...]:
    first, *ends = _edges(year)
    return tuple(
        Period(f"{year}-C{n}", f"第{n}四半期までの累計", f"April to the end of Q{n}", first, until)
        for n, until in enumerate(ends, 1)
    )


def _edges(year: int) -> tuple[date, ...]:
    return (date(year, 4, 1), date(year, 7, 1), date(year, 10, 1), date(year + 1, 1, 1), date(year + 1, 4, 1))
