"""Cells to values: numbers as people type them in Japan, yes and no, dates. What does not fit reads as None."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

_NUMBER = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?|[+-]?\.[0-9]+")
_YES = frozenset(["true", "1", "yes", "y", "○", "〇", "◯", "有", "あり", "はい", "可", "◎"])
_NO = frozenset(["false", "0", "no", "n", "×", "✕", "✗", "無", "なし", "いいえ", "不可", "x"])
_DATE = re.compile(
    r"(?:(?P<era>令和|平成|昭和|[RHS](?=[0-9元]))(?P<eyear>[0-9]{1,2}|元)|(?P<year>[0-9]{4}))(?:年|[-/.])"
    r"(?P<month>[0-9]{1,2})(?:月|[-/.])(?P<day>[0-9]{1,2})日?"
    r"(?:[T ]*(?P<hour>[0-9]{1,2})(?::|時)(?P<minute>[0-9]{1,2})?(?:(?::|分)(?P<second>[0-9]{1,2})?"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?)?[分秒]?)?\s*(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_ERAS = {"令和": 2018, "R": 2018, "平成": 1988, "H": 1988, "昭和": 1925, "S": 1925}
_MAX = 200


def absent(value: Any) -> bool:
    """Nothing was said: null, blank, or an empty list or object. Null is not 0."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def number(value: Any) -> int | float | None:
    """１２３, 1,234 and △5 are numbers; NaN and infinities are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > _MAX:
        return None
    text = unicodedata.normalize("NFKC", value).strip().replace("−", "-").replace("ー", "-")
    if text[:1] in ("△", "▲"):
        text = "-" + text[1:]
    if not _NUMBER.fullmatch(text):
        return None
    text = text.replace(",", "")
    if text.lstrip("+-").isdigit() and abs(int(text)) < 1 << 63:
        return int(text)
    found = float(text)
    return found if math.isfinite(found) else None


def integer(value: Any) -> int | None:
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def boolean(value: Any) -> bool | None:
    """○, 有, あり, true, 1 and ×, 無, なし, false, 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {0: False, 1: True}.get(value)
    if not isinstance(value, str) or len(value) > _MAX:
        return None
    text = unicodedata.normalize("NFKC", value).strip().casefold()
    return True if text in _YES else False if text in _NO else None


def moment(value: Any, zone: ZoneInfo) -> str | None:
    """A date with or without a time as a DateTime of clause 4.6.3 (UTC, `Z`); `zone` holds where none is written.

    Takes 2026-04-01T09:00:00+09:00, 2026/4/1 9:00, 2026年4月1日9時30分 and 令和8年4月1日.
    """
    found = _read(value, zone)
    if found is None:
        return None
    try:
        utc = found.astimezone(UTC)
    except OverflowError:
        return None
    text = utc.isoformat(timespec="milliseconds" if utc.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def day(value: Any, zone: ZoneInfo) -> str | None:
    """The calendar day that is written, as 2026-04-01."""
    found = _read(value, zone)
    return found.date().isoformat() if found is not None else None


def _read(value: Any, zone: ZoneInfo) -> datetime | None:
    if not isinstance(value, str) or len(value) > _MAX:
        return None
    match = _DATE.fullmatch(unicodedata.normalize("NFKC", value).strip())
    if match is None:
        return None
    part = match.groupdict()
    if part["era"]:
        year = _ERAS[part["era"]] + (1 if part["eyear"] == "元" else int(part["eyear"]))
    else:
        year = int(part["year"])
    try:
        return datetime(
            year,
            int(part["month"]),
            int(part["day"]),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            int((part["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=_zone(part["zone"]) or zone,
        )
    except ValueError:
        return None


def _zone(text: str | None) -> Any:
    return None if text is None else datetime.strptime(text, "%z").tzinfo
