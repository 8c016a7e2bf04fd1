"""The Japanese fiscal year (会計年度): April to March in Asia/Tokyo, and its names in Japanese eras."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

TOKYO = ZoneInfo("Asia/Tokyo")

_ERAS = ((date(2019, 5, 1), "令和"), (date(1989, 1, 8), "平成"), (date(1926, 12, 25), "昭和"))
"""First day and name; the newest first."""


def fiscal_year(at: datetime) -> int:
    """The fiscal year in which an aware datetime lies: that of its April."""
    local = at.astimezone(TOKYO)
    return local.year if local.month >= 4 else local.year - 1


def bounds(year: int) -> tuple[datetime, datetime]:
    """The first instant of the fiscal year and the first one after it, in UTC."""
    first, after = (datetime(y, 4, 1, tzinfo=TOKYO).astimezone(UTC) for y in (year, year + 1))
    return first, after


def months(year: int) -> tuple[date, ...]:
    """The first days of its twelve months, April first."""
    return tuple(date(year + (month < 4), month, 1) for month in (*range(4, 13), 1, 2, 3))


def year_label(year: int, language: str = "ja") -> str:
    """令和8年度, or FY2026.

    The year in which the era changed goes by the new one: fiscal 2019, though it began in 平成, is 令和元年度, as the
    government decided for its own year.
    """
    if language != "ja":
        return f"FY{year}"
    first, era = next((era for era in _ERAS if era[0].year <= year), _ERAS[-1])
    return f"{era}{_ordinal(year - first.year + 1)}年度"


def month_label(month: date, language: str = "ja") -> str:
    """令和8年11月, or 2026-11. A month in which the era changes goes by the era of its first day."""
    if language != "ja":
        return f"{month:%Y-%m}"
    first, era = next((era for era in _ERAS if era[0] <= month), _ERAS[-1])
    return f"{era}{_ordinal(month.year - first.year + 1)}年{month.month}月"


def _ordinal(number: int) -> str:
    return "元" if number == 1 else str(number)
