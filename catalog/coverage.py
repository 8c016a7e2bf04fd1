"""Where and when the data of a dataset is of, by its words where it tells nothing else: for finding it. Pure."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from schemas.dataset import BBox, Dataset
from schemas.tokyo import extent_named

_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
_YEAR = re.compile(r"(?:(?P<era>令和|平成|昭和)(?P<of>元|\d{1,2})|(?<!\d)(?P<plain>19\d\d|20\d\d))年(?P<fiscal>度)?")


def extent(dataset: Dataset) -> BBox | None:
    """The box that it tells, else that of the place that it names: a ward's data is in the ward."""
    return dataset.bbox or extent_named(dataset.spatial) or extent_named(f"{dataset.publisher.name} {dataset.title}")


def period(dataset: Dataset) -> tuple[str | None, str | None]:
    """First and last day, as RFC 3339 or dates: those that it tells, else the year or years that its title names.
    年度 begins in April."""
    if dataset.start or dataset.end:
        return dataset.start or None, dataset.end or None
    years = [days for found in _YEAR.finditer(unicodedata.normalize("NFKC", dataset.title)) if (days := _days(found))]
    if not years:
        return None, None
    return min(first for first, _ in years).isoformat(), max(last for _, last in years).isoformat()


def _days(found: re.Match[str]) -> tuple[date, date] | None:
    if found["plain"]:
        year = int(found["plain"])
    else:
        year = _ERAS[found["era"]] + (1 if found["of"] == "元" else int(found["of"]))
    if not 1926 <= year <= 2100:
        return None
    return (date(year, 4, 1), date(year + 1, 3, 31)) if found["fiscal"] else (date(year, 1, 1), date(year, 12, 31))
