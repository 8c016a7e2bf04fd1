"""Reading values that somebody else wrote down loosely: whatever comes, a clean value or an empty one. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import orjson

from schemas.dataset import BBox

LONGEST = 20_000
"""Characters of a description; a description of 5 MB is cut here."""
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), *range(55296, 57344)))
_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})(?:[-/.月]?(\d{1,2})日?)?")
_ERA = re.compile(r"(令和|平成|昭和|R|H|S)\s?(元|\d{1,2})[年.](?:度|(\d{1,2})[月.](?:(\d{1,2})日?)?)?")
_ERAS = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988, "昭和": 1925, "S": 1925}
_URL = re.compile(r"(?:https?|ftp)://[^/<>\"{}|\\^`]+(?:/[^<>\"{}|\\^`]*)?")
_YEAR = re.compile(r"\d{4}")


def text(value: Any, most: int = LONGEST) -> str:
    """Characters without controls and half surrogates, at most `most`; numbers as digits; what is no text is empty."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return ""
    return value[: most * 2].translate(_CONTROLS).strip()[:most]


def line(value: Any, most: int = 500) -> str:
    """As `text`, on one line."""
    return " ".join(text(value, most).split())


def texts(value: Any, most: int = 200, *, each: int = 200) -> tuple[str, ...]:
    """A list of words: strings, or objects with a title or a name; a comma-separated string too. Each once."""
    if isinstance(value, str):
        value = re.split(r"[,、;\n]", value)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        return ()
    found: dict[str, None] = {}
    for item in value:
        if isinstance(item, Mapping):
            item = item.get("display_name") or item.get("title") or item.get("name")
        word = line(item, each)
        if word:
            found[word] = None
        if len(found) >= most:
            break
    return tuple(found)


def mapping(value: Any) -> Mapping[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def objects(value: Any, most: int = 1000) -> list[Mapping[str, Any]]:
    """The objects of a list; what else is in it is left out."""
    return [item for item in value[:most] if isinstance(item, Mapping)] if isinstance(value, list) else []


def whole(value: Any) -> int | None:
    """A number of bytes or the like; None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdigit() and len(value) < 19:
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 2**62 else None


def url(value: Any) -> str:
    """An http(s) or ftp address, percent-encoded; empty for what is none."""
    found = quote(line(value, 2000), safe="!#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\"")
    return found if _URL.fullmatch(found) else ""


def instant(value: Any) -> str:
    """RFC 3339 in UTC, or a date, whatever way it was written (also 令和5年4月1日); empty for what is none."""
    given = unicodedata.normalize("NFKC", line(value, 60))
    if not given:
        return ""
    if "T" in given or ":" in given:
        try:
            moment = datetime.fromisoformat(given.replace("/", "-").replace(" ", "T", 1))
        except ValueError:
            moment = None
        if moment is not None and 1900 < moment.year < 2200:
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    era = _ERA.match(given)
    if era:
        year = _ERAS[era.group(1)] + (1 if era.group(2) == "元" else int(era.group(2)))
        return _day(year, era.group(3) or (4 if "度" in given else 1), era.group(4) or 1)
    plain = _DATE.match(given)
    if plain:
        return _day(int(plain.group(1)), plain.group(2), plain.group(3) or 1)
    return _day(int(given[:4]), 1, 1) if _YEAR.match(given) else ""


def _day(year: int, month: str | int, day: str | int) -> str:
    try:
        return date(year, int(month), int(day)).isoformat() if 1000 < year < 2200 else ""
    except ValueError:
        return ""


def box_of(value: Any) -> BBox | None:
    """The box around a GeoJSON geometry (also as text), or of west, south, east, north in a list; else None."""
    if isinstance(value, str):
        numbers = re.fullmatch(r"\s*\[?\s*" + r"\s*,\s*".join([r"(-?\d+(?:\.\d+)?)"] * 4) + r"\s*\]?\s*", value[:200])
        if numbers:
            return _box([float(n) for n in numbers.groups()][0::2], [float(n) for n in numbers.groups()][1::2])
        try:
            value = orjson.loads(value[:200_000])
        except orjson.JSONDecodeError:
            return None
    if isinstance(value, list) and len(value) == 4:
        return _box(value[0::2], value[1::2])
    if not isinstance(value, Mapping):
        return None
    lons: list[Any] = []
    lats: list[Any] = []
    stack: list[Any] = [value.get("coordinates")]
    for _ in range(200_000):
        if not stack:
            break
        item = stack.pop()
        if isinstance(item, list):
            if len(item) >= 2 and all(isinstance(n, int | float) for n in item[:2]):
                lons.append(item[0])
                lats.append(item[1])
            else:
                stack.extend(item)
    return _box(lons, lats)


def _box(lons: list[Any], lats: list[Any]) -> BBox | None:
    if not lons or not all(isinstance(n, int | float) and math.isfinite(n) for n in (*lons, *lats)):
        return None
    west, south, east, north = float(min(lons)), float(min(lats)), float(max(lons)), float(max(lats))
    return (west, south, east, north) if -180 <= west <= east <= 180 and -90 <= south <= north <= 90 else None


def at_path(document: Any, path: str) -> Any:
    """What lies at `a.b.0.c`; None if nothing."""
    found = document
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found
