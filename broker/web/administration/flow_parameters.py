"""The query parameters of `/flows` and `/kpi`. Pure; every fault is an InvalidRequest that names the parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from broker.store.flows import Cursor, FlowFilter
from schemas.errors import InvalidRequest

MOST = 1000
DEFAULT = 100
_LONGEST = 2048
_KNOWN = frozenset(
    {
        "from", "to", "consumer", "consumer_area", "provider", "provider_area", "type", "request", "cross_area",
        "batch", "outcome", "operation", "limit", "cursor", "format",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlowQuestion:
    where: FlowFilter
    limit: int
    cursor: Cursor | None
    format: str | None


def parse_flows(parameters: Iterable[tuple[str, str]]) -> FlowQuestion:
    """An unknown parameter is refused, as a misspelt filter would quietly show everything."""
    given = _once(parameters, _KNOWN)
    where = FlowFilter(
        since=_time(given, "from"),
        until=_time(given, "to"),
        consumer=given.get("consumer"),
        consumer_area=given.get("consumer_area"),
        provider=given.get("provider"),
        provider_area=given.get("provider_area"),
        type=given.get("type"),
        request=_uuid(given, "request"),
        cross_area=_flag(given, "cross_area"),
        batch=_flag(given, "batch"),
        outcome=given.get("outcome"),
        operation=given.get("operation"),
    )
    cursor = given.get("cursor")
    return FlowQuestion(
        where=where,
        limit=_limit(given),
        cursor=None if cursor is None else Cursor.parse(cursor),
        format=given.get("format"),
    )


def parse_kpi(parameters: Iterable[tuple[str, str]]) -> tuple[int | None, str | None]:
    """Fiscal year and provider area, where given."""
    given = _once(parameters, frozenset({"year", "area"}))
    year = given.get("year")
    if year is None:
        return None, given.get("area")
    if not (year.isascii() and year.isdecimal() and len(year) == 4):
        raise InvalidRequest("year is a fiscal year as four digits, as in 2026.", field="year", value=year)
    return int(year), given.get("area")


def _once(parameters: Iterable[tuple[str, str]], known: frozenset[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in known:
            raise InvalidRequest(
                f"There is no such parameter here; there are {', '.join(sorted(known))}.", field=name[:100], value=value
            )
        if name in given:
            raise InvalidRequest(f"{name} is given twice.", field=name, value=value)
        if not value or len(value) > _LONGEST:
            raise InvalidRequest(f"{name} has 1 to {_LONGEST} characters.", field=name, value=value)
        if "\0" in value:
            raise InvalidRequest(f"{name} has the character NUL.", field=name, value=value)
        given[name] = value
    return given


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit")
    if text is None:
        return DEFAULT
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MOST):
        raise InvalidRequest(f"limit is a whole number from 1 to {MOST}.", field="limit", value=text)
    return int(text)


def _time(given: Mapping[str, str], name: str) -> datetime | None:
    return time_of(name, given.get(name))


def time_of(name: str, text: str | None) -> datetime | None:
    """RFC 3339; without an offset it is UTC. In a URL a "+" that was not encoded arrives as a space."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text[:10] + text[10:].replace(" ", "+") if len(text) > 19 else text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{name} is a point in time as in 2026-11-22T09:00:00+09:00 (the + as %2B).", field=name, value=text
        ) from None


def _uuid(given: Mapping[str, str], name: str) -> UUID | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidRequest(f"{name} is the id of a request, a UUID.", field=name, value=text) from None


def _flag(given: Mapping[str, str], name: str) -> bool | None:
    text = given.get(name)
    if text is None:
        return None
    if text not in ("true", "false"):
        raise InvalidRequest(f"{name} is true or false.", field=name, value=text)
    return text == "true"
