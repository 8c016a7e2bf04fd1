"""Two counts of the same flows laid side by side: a party's own and ours, by flow or by hour. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from schemas.errors import BadRequestData

MOST_LINES = 100_000
_TOKYO = ZoneInfo("Asia/Tokyo")
_NUMBERS = ("requests", "flows", "entities", "bytes")
_BIG = 2**53


class Match(StrEnum):
    """What comes of one line."""

    MATCHED = "matched"
    MISSING_HERE = "missing here"
    MISSING_THERE = "missing there"
    DIFFERENT = "different"


class Cause(StrEnum):
    """Why, as far as our record tells."""

    UNKNOWN_FLOW = "unknown flow"
    """Their id is in nobody's record here."""
    OTHER_PARTY = "other party"
    """The flow is in our record, but not of this party or not of this time."""
    RETRY = "retry"
    """Here it is the retry of a request that was counted before, which they count again, or not at all."""
    CORRECTED = "corrected"
    """It was corrected here; they have what was recorded first."""
    NOTHING_DELIVERED = "nothing delivered"
    """Nothing of it was delivered (empty, failed), and they don't record such."""
    FAILED = "failed"
    """The source failed or was cut short: they count what they sent, we what arrived."""
    NEXT_HOUR = "next hour"
    """What is missing in one hour is too many in the one beside it: the clocks, or the end of a request, differ."""
    ENTITIES = "entities"
    BYTES = "bytes"
    """Only bytes differ: they count headers or compressed bytes, we the content."""
    COUNT = "count"
    """The number of requests or flows differs."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One line of a count. `key`: a flow's id, or an hour. `numbers`: of `requests`, `flows`, `entities`, `bytes` those
    that are told."""

    key: UUID | datetime
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ours(Counted):
    """Our line, with what may explain a difference. `original`: the numbers before a correction."""

    outcome: str = "ok"
    replay: bool = False
    original: Mapping[str, int] | None = None
    foreign: bool = False
    """Ours, but of another party or another time: it only explains a line of theirs."""


@dataclass(frozen=True, slots=True)
class Line:
    key: UUID | datetime
    match: Match
    theirs: Mapping[str, int] | None
    ours: Mapping[str, int] | None
    cause: Cause | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        name, key = ("flow", str(self.key)) if isinstance(self.key, UUID) else ("hour", self.key.isoformat())
        return {
            name: key,
            "result": self.match.value,
            "cause": None if self.cause is None else self.cause.value,
            "theirs": None if self.theirs is None else dict(self.theirs),
            "ours": None if self.ours is None else dict(self.ours),
        }


def read_count(body: bytes, media: str) -> list[Counted]:
    """A count as CSV (`text/csv`) or JSON (a list of objects): `flow` or `hour`, and numbers. BadRequestData.

    An hour is a time; one without an offset is Tokyo's. Columns that mean nothing here are passed over.
    """
    rows = _csv(body) if "csv" in media else _json(body)
    if len(rows) > MOST_LINES:
        raise BadRequestData(f"At most {MOST_LINES} lines at once.", field="body")
    found = [_counted(number, row) for number, row in enumerate(rows, 1)]
    if not found:
        raise BadRequestData("There is no line in it.", field="body")
    if len({type(one.key) for one in found}) > 1:
        raise BadRequestData("Either every line has a flow, or every line an hour.", field="body")
    if len({one.key for one in found}) < len(found):
        raise BadRequestData("A flow or an hour is there twice.", field="body")
    return found


def reconcile(theirs: Sequence[Counted], ours: Sequence[Ours]) -> list[Line]:
    """Every line of either, in order of flow or hour. Only numbers that they told are compared."""
    here = {one.key: one for one in ours}
    lines = [_compare(their, here.get(their.key)) for their in theirs]
    told = {one.key for one in theirs}
    lines += [
        Line(one.key, Match.MISSING_THERE, None, dict(one.numbers), _untold(one))
        for one in ours
        if one.key not in told and not one.foreign
    ]
    return _neighbours(sorted(lines, key=lambda line: str(line.key)))


def totals(lines: Iterable[Line]) -> dict[str, dict[str, int]]:
    """How many lines came out how, and why."""
    results: dict[str, int] = {match.value: 0 for match in Match}
    causes: dict[str, int] = {}
    for line in lines:
        results[line.match.value] += 1
        if line.cause is not None:
            causes[line.cause.value] = causes.get(line.cause.value, 0) + 1
    return {"results": results, "causes": causes}


def _compare(their: Counted, our: Ours | None) -> Line:
    if our is None or our.foreign:
        cause = (
            Cause.OTHER_PARTY if our is not None else Cause.UNKNOWN_FLOW if isinstance(their.key, UUID) else Cause.COUNT
        )
        return Line(their.key, Match.MISSING_HERE, dict(their.numbers), None, cause)
    different = [name for name, number in their.numbers.items() if our.numbers.get(name, 0) != number]
    if not different:
        return Line(their.key, Match.MATCHED, dict(their.numbers), dict(our.numbers))
    return Line(their.key, Match.DIFFERENT, dict(their.numbers), dict(our.numbers), _cause(their, our, different))


def _cause(their: Counted, our: Ours, different: Sequence[str]) -> Cause:
    if our.original is not None and all(our.original.get(name) == their.numbers[name] for name in different):
        return Cause.CORRECTED
    if our.replay:
        return Cause.RETRY
    if our.outcome not in ("ok", "empty"):
        return Cause.FAILED
    if different == ["bytes"]:
        return Cause.BYTES
    if "requests" in different or "flows" in different:
        return Cause.COUNT
    return Cause.ENTITIES


def _untold(our: Ours) -> Cause | None:
    if our.replay:
        return Cause.RETRY
    if not our.numbers.get("entities"):
        return Cause.NOTHING_DELIVERED
    return None if isinstance(our.key, UUID) else Cause.COUNT


def _neighbours(lines: list[Line]) -> list[Line]:
    """Hours whose difference is made up for by the next one's."""
    result = list(lines)
    for at in range(len(lines) - 1):
        one, two = result[at], result[at + 1]
        if not isinstance(one.key, datetime) or not isinstance(two.key, datetime):
            return result
        if two.key - one.key != timedelta(hours=1) or Cause.NEXT_HOUR in (one.cause, two.cause):
            continue
        first, second = _excess(one), _excess(two)
        if any(first.values()) and all(first[name] == -second.get(name, 0) for name in first):
            for place, line in ((at, one), (at + 1, two)):
                result[place] = Line(line.key, line.match, line.theirs, line.ours, Cause.NEXT_HOUR)
    return result


def _excess(line: Line) -> dict[str, int]:
    theirs, ours = line.theirs or {}, line.ours or {}
    return {name: theirs.get(name, 0) - ours.get(name, 0) for name in (line.theirs or line.ours or {})}


def _csv(body: bytes) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        return [dict(row) for _, row in zip(range(MOST_LINES + 1), reader, strict=False)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRequestData(f"This is no CSV in UTF-8: {error}", field="body") from None


def _json(body: bytes) -> list[dict[str, Any]]:
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestData(f"This is no JSON: {error}", field="body") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadRequestData("A list of objects is needed.", field="body")
    return rows


def _counted(number: int, row: Mapping[str, Any]) -> Counted:
    key = _key(number, row)
    numbers = {name: _number(number, name, row[name]) for name in _NUMBERS if row.get(name) not in (None, "")}
    if isinstance(key, UUID):
        numbers = {name: value for name, value in numbers.items() if name in ("entities", "bytes")}
    elif not numbers:
        raise BadRequestData(f"An hour has one of {', '.join(_NUMBERS)}.", field=f"line {number}")
    return Counted(key, numbers)


def _key(number: int, row: Mapping[str, Any]) -> UUID | datetime:
    flow, hour = row.get("flow"), row.get("hour")
    try:
        if isinstance(flow, str) and flow:
            return UUID(flow)
        if isinstance(hour, str) and hour:
            time = datetime.fromisoformat(hour)
            time = (time if time.tzinfo is not None else time.replace(tzinfo=_TOKYO)).astimezone(UTC)
            return time.replace(minute=0, second=0, microsecond=0)
    except (ValueError, OverflowError):
        pass
    raise BadRequestData(
        "A flow's id (UUID) or an hour (RFC 3339) is needed.", field=f"line {number}", value=flow or hour
    )


def _number(number: int, name: str, value: Any) -> int:
    try:
        found = int(value) if isinstance(value, str) and value.isascii() and len(value) < 20 else value
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < _BIG:
            return found
    except ValueError:
        pass
    raise BadRequestData(f"{name} is a whole number from 0.", field=f"line {number}", value=value)
