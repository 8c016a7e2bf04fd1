"""Values of NGSIv2 as values of NGSI-LD: dates, places, nulls. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.errors import BadRequestData, BadUpstream
from schemas.ngsi_ld.geometry import geometry_of
from schemas.ngsi_ld.instants import is_datetime

_MAX_DEPTH = 64
_ISO = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?"
)
DATE_TYPES = frozenset({"DateTime", "ISO8601"})
GEO_TYPES = frozenset({"geo:json", "geo:point", "geo:line", "geo:box", "geo:polygon"})
REFERENCE_TYPES = frozenset({"Relationship", "Reference"})


class Clock:
    """Reads the platform's timestamps; one without a zone is in `zone`. Remembers: a page repeats few of them."""

    def __init__(self, zone: str) -> None:
        try:
            self._zone: tzinfo = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadRequestData(f"there is no time zone {zone!r}", field="options.timezone", value=zone) from None
        self.utc: Callable[[str], str | None] = lru_cache(maxsize=4096)(self._utc)
        """The DateTime (clause 4.6.3: UTC, `Z`) of a timestamp; None if it is none, an interval for instance."""

    def _utc(self, text: str) -> str | None:
        if is_datetime(text):
            return text
        found = _ISO.fullmatch(text)
        if found is None:
            return None
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        digits = (fraction or "")[:6]
        try:
            moment = datetime(
                int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
                int(digits.ljust(6, "0")), _zone_of(zone) or self._zone,
            ).astimezone(UTC)  # fmt: skip
        except (ValueError, OverflowError):
            return None
        written = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
        return f"{written}.{digits}Z" if digits else written + "Z"


def _zone_of(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text in "Zz":
        return UTC
    sign, hours, minutes = text[0], text[1:3], text[3:].lstrip(":") or "00"
    return datetime.strptime(f"{sign}{hours}{minutes}", "%z").tzinfo


def without_nulls(value: Any, depth: int = 0) -> Any:
    """A structured value without its null members, which JSON-LD would drop (clause 4.5.0). Arrays keep their
    positions, so a null in one becomes the JSON literal null of that clause."""
    if depth > _MAX_DEPTH:
        raise BadUpstream(f"a value is nested more than {_MAX_DEPTH} deep")
    if isinstance(value, dict):
        return {name: without_nulls(member, depth + 1) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_JSON_NULL if item is None else without_nulls(item, depth + 1) for item in value]
    return value


_JSON_NULL = {"@type": "@json", "@value": None}


def geometry(kind: str, value: Any) -> dict[str, Any] | None:
    """GeoJSON of a location attribute: the simple formats have latitude first. None if it makes no geometry."""
    if kind == "geo:json":
        if isinstance(value, dict) and value.get("type") == "Feature":
            value = value.get("geometry")
        return geometry_of(value) if isinstance(value, dict) else None
    try:
        positions = [_position(text) for text in ([value] if isinstance(value, str) else value)]
        return geometry_of(_simple(kind, positions))
    except (TypeError, ValueError, AttributeError):
        return None


def _position(text: str) -> list[float]:
    latitude, longitude = text.split(",")
    return [float(longitude), float(latitude)]


def _simple(kind: str, positions: list[list[float]]) -> dict[str, Any]:
    if kind == "geo:point":
        [point] = positions
        return {"type": "Point", "coordinates": point}
    if kind == "geo:line":
        return {"type": "LineString", "coordinates": positions}
    if kind == "geo:polygon":
        return {"type": "Polygon", "coordinates": [positions]}
    (west, south), (east, north) = positions
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
