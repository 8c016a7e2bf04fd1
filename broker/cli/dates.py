"""Days and points in time as options: a day is Tokyo's, from midnight to midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.errors import BadRequestData

_TOKYO = ZoneInfo("Asia/Tokyo")


def read_time(text: str | None, field: str, *, end: bool = False) -> datetime | None:
    """`2026-04-01`, or RFC 3339. `end`: a day counts to its end, so this is the midnight after it. BadRequestData."""
    if text is None:
        return None
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=end)
            return datetime.combine(day, time(), _TOKYO).astimezone(UTC)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=_TOKYO)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRequestData(
            "a day as 2026-04-01, or a time as 2026-04-01T09:00:00+09:00", field=field, value=text
        ) from None


def read_month(text: str | None, field: str) -> date:
    """`2026-10`; None: the month before this one, in UTC. BadRequestData."""
    if text is None:
        return (datetime.now(UTC).date().replace(day=1) - timedelta(days=1)).replace(day=1)
    try:
        if len(text) != 7:
            raise ValueError
        return date.fromisoformat(text + "-01")
    except ValueError:
        raise BadRequestData("a month as 2026-10", field=field, value=text) from None
