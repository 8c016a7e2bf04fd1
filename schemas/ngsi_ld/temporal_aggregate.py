"""Aggregation of instances over periods (clause 4.5.19): durations, methods, and which values a method fits."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from schemas.errors import BadRequestData, TooManyResults
from schemas.ngsi_ld.instants import read_date, read_datetime, read_time

METHODS: Final = ("totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq")
MAX_PERIODS: Final = 100_000
_DURATION = re.compile(
    r"P(?:(?P<weeks>[0-9]{1,6})W|(?:(?P<years>[0-9]{1,4})Y)?(?:(?P<months>[0-9]{1,5})M)?(?:(?P<days>[0-9]{1,6})D)?"
    r"(?:T(?:(?P<hours>[0-9]{1,6})H)?(?:(?P<minutes>[0-9]{1,7})M)?(?:(?P<seconds>[0-9]{1,9}(?:\.[0-9]{1,6})?)S)?)?)"
)

_RELATIONSHIPS: Final = frozenset({"Relationship", "ListRelationship"})
_COUNTED: Final = _RELATIONSHIPS | {"VocabProperty"}
"""Types whose values are URIs, which can be counted and nothing else."""

Timed = tuple[datetime, Any]
"""When, and the value."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months, and what has a fixed length."""

    months: int = 0
    rest: timedelta = timedelta()

    @property
    def whole(self) -> bool:
        """No length: one period over the whole range."""
        return not self.months and not self.rest

    def after(self, start: datetime, times: int) -> datetime:
        """The end of `times` periods from `start`. OverflowError beyond what calendars have."""
        total = start.month - 1 + self.months * times
        year, month = start.year + total // 12, total % 12 + 1
        if year > 9999:
            raise OverflowError
        day = min(start.day, calendar.monthrange(year, month)[1])
        return start.replace(year=year, month=month, day=day) + self.rest * times

    def number(self, start: datetime, at: datetime) -> int:
        """In which period `at` lies, the first being 0."""
        if not self.months:
            return (at - start) // self.rest
        average = self.months * 30.436875 * 86400 + self.rest.total_seconds()
        guess = max(0, int((at - start).total_seconds() / average) - 1)
        while self.after(start, guess + 1) <= at:
            guess += 1
        while guess and self.after(start, guess) > at:
            guess -= 1
        return guess


@dataclass(frozen=True, slots=True)
class Aggregation:
    """`methods` of `METHODS`, each once."""

    methods: tuple[str, ...]
    period: Duration = Duration()


def parse_aggregation(methods: str, duration: str | None) -> Aggregation:
    """Parameters aggrMethods and aggrPeriodDuration. BadRequestData names the one at fault."""
    found = tuple(dict.fromkeys(part.strip() for part in methods.split(",")))
    for name in found:
        if name not in METHODS:
            raise BadRequestData(
                f"aggrMethods has no such method; there are {', '.join(METHODS)}",
                field="aggrMethods",
                value=name,
                clause="4.5.19.1",
            )
    return Aggregation(found, Duration() if duration is None else parse_duration(duration))


def parse_duration(text: str) -> Duration:
    """An ISO 8601 duration as clause 4.5.19.1 restricts it."""
    seen = _DURATION.fullmatch(text) if len(text) <= 60 else None
    parts = {} if seen is None else {name: value for name, value in seen.groupdict().items() if value is not None}
    if not parts or text.endswith("T"):
        raise BadRequestData(
            "aggrPeriodDuration is a duration such as PT1H or P1D",
            field="aggrPeriodDuration",
            value=text,
            clause="4.5.19.1",
        )
    fixed = {name: float(value) for name, value in parts.items() if name not in ("years", "months")}
    return Duration(int(parts.get("years", 0)) * 12 + int(parts.get("months", 0)), timedelta(**fixed))


def aggregate(
    values: Sequence[Timed], wanted: Aggregation, *, since: datetime | None, until: datetime | None, kind: str
) -> dict[str, list[list[Any]]]:
    """Per method that fits these values: [value, start, end] for each period that has any. `values` in order of time,
    of an attribute of type `kind`.

    Periods begin at `since`, or at the first value. TooManyResults beyond `MAX_PERIODS`.
    """
    periods = _periods(values, wanted.period, since, until)
    made: dict[str, list[list[Any]]] = {}
    for method in wanted.methods:
        rows: list[list[Any]] = []
        for start, end, inside in periods:
            value = _apply(method, inside, kind)
            if value is not None:
                rows.append([value, instant(start), instant(end)])
        if rows:
            made[method] = rows
    return made


def instant(at: datetime) -> str:
    """As NGSI-LD writes it, with no more digits than it has."""
    text = at.strftime("%Y-%m-%dT%H:%M:%S").zfill(19)
    return f"{text}.{at.microsecond:06d}".rstrip("0") + "Z" if at.microsecond else text + "Z"


def _periods(
    values: Sequence[Timed], period: Duration, since: datetime | None, until: datetime | None
) -> list[tuple[datetime, datetime, list[Any]]]:
    if not values:
        return []
    start = since or values[0][0]
    if period.whole:
        return [(start, until or values[-1][0], [value for _, value in values])]
    found: dict[int, list[Any]] = {}
    try:
        for at, value in values:
            found.setdefault(period.number(start, at), []).append(value)
        if len(found) > MAX_PERIODS:
            raise TooManyResults(f"more than {MAX_PERIODS} periods have values", field="aggrPeriodDuration")
        return [(period.after(start, n), period.after(start, n + 1), inside) for n, inside in found.items()]
    except OverflowError:
        raise BadRequestData("the periods go beyond the year 9999", field="aggrPeriodDuration") from None


def _apply(method: str, given: list[Any], kind: str) -> Any:
    """None where the method does not fit any of the values (tables 4.5.19.1-1 to 3)."""
    if method == "totalCount":
        return len(given)
    if method == "distinctCount":
        # of Relationships their targets are counted, however many of them one instance has
        seen = [target for value in given for target in _targets(value)] if kind in _RELATIONSHIPS else given
        return len({orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in seen})
    if kind in _COUNTED:
        return None
    values = [_untyped(value) for value in given]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if method not in ("stddev", "sumsq"):
        numbers += [float(len(value)) for value in values if isinstance(value, list)]
    if numbers:
        made = _FORMULAE[method](numbers)
        return made if math.isfinite(made) else None
    texts = [value for value in values if isinstance(value, str)]
    if method in ("min", "max"):
        return _extreme(method, texts)
    return _mean_time(texts) if method == "avg" else None


def _targets(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _untyped(value: Any) -> Any:
    """The text of a DateTime, Date or Time that says its type (clause 4.6.3)."""
    return value["@value"] if isinstance(value, dict) and value.keys() == {"@type", "@value"} else value


def _extreme(method: str, texts: list[str]) -> str | None:
    choose: Callable[..., str] = min if method == "min" else max
    if not texts:
        return None
    for read in (read_datetime, read_date, read_time):
        if all(read(text) is not None for text in texts):
            return choose(texts, key=read)
    return choose(texts)


def _mean_time(texts: list[str]) -> str | None:
    times = [read_time(text) for text in texts]
    seconds = [t.hour * 3600 + t.minute * 60 + t.second for t in times if t is not None]
    if not seconds or len(seconds) != len(texts):
        return None
    mean = round(sum(seconds) / len(seconds))
    return f"{mean // 3600:02d}:{mean // 60 % 60:02d}:{mean % 60:02d}Z"


def _square_sum(numbers: list[float]) -> float:
    # a product may be too large where a power raises
    return math.fsum(n * n for n in numbers) if all(abs(n) < 1e150 for n in numbers) else math.inf


def _deviation(numbers: list[float]) -> float:
    mean = _sum(numbers) / len(numbers)
    return math.sqrt(_square_sum([n - mean for n in numbers]) / len(numbers))


def _sum(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return math.inf


_FORMULAE: Final[dict[str, Callable[[list[float]], float]]] = {
    "sum": _sum,
    "avg": lambda numbers: _sum(numbers) / len(numbers),
    "min": min,
    "max": max,
    "stddev": _deviation,
    "sumsq": _square_sum,
}
