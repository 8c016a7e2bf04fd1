"""How long a fetched @context may be used (clause 6.3.16): RFC 9111 within bounds of our own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

DEFAULT: Final = 86_400.0
"""Seconds, where the server says nothing."""
LEAST: Final = 30.0
"""Seconds, even of `no-store`: a context stands in every request, and can't be fetched for each."""
MOST: Final = 7 * 86_400.0


def lifetime(headers: Mapping[str, str], least: float = LEAST) -> float:
    """Seconds from now, between `least` and `MOST`, from the headers of an answer (names in lower case)."""
    directives: dict[str, str] = {}
    for part in headers.get("cache-control", "").split(","):
        name, _, value = part.partition("=")
        directives.setdefault(name.strip().lower(), value.strip().strip('"'))
    if "no-store" in directives or "no-cache" in directives:
        return least
    for name in ("s-maxage", "max-age"):
        seconds = _seconds(directives.get(name, ""))
        if seconds is not None:
            return min(max(seconds - (_seconds(headers.get("age", "")) or 0.0), least), MOST)
    if "expires" in headers:
        ends, begins = _instant(headers["expires"]), _instant(headers.get("date", ""))
        # what is no date has expired (RFC 9111, section 5.3)
        return least if ends is None else min(max(ends - (time.time() if begins is None else begins), least), MOST)
    return DEFAULT


def _seconds(text: str) -> float | None:
    return float(text[:12]) if text.isascii() and text.isdigit() else None


def _instant(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date."""
    try:
        return parsedate_to_datetime(text[:64]).timestamp()
    except (ValueError, OverflowError):
        return None
