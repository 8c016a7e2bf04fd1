"""Dates and times of clause 4.6.3, read from text. What is not one of them reads as None."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

# Our own patterns on short text, linear in its length; patterns from outside go to RE2 (`patterns`).
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
DATETIME = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}{_ZONE}")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = re.compile(rf"{_CLOCK}Z")
_STRICT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,6})?Z")


def read_datetime(text: str) -> datetime | None:
    """An aware datetime in UTC. Offsets other than Z are read too, because sources send them; digits after the
    sixth decimal are dropped."""
    # The shape is looked at first: `fromisoformat` also takes forms that the clause does not have.
    if not 20 <= len(text) <= 35 or text[10] != "T" or not DATETIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_date(text: str) -> date | None:
    if len(text) != 10 or not DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def read_time(text: str) -> time | None:
    """A naive time, expressed in UTC as the clause has it."""
    if not 9 <= len(text) <= 19 or not TIME.fullmatch(text):
        return None
    try:
        return time.fromisoformat(text[:-1])
    except ValueError:
        return None


def is_datetime(text: object) -> bool:
    """Whether it is a DateTime as clause 4.6.3 wants it of a provider: complete, in UTC with a trailing Z."""
    return isinstance(text, str) and _STRICT.fullmatch(text) is not None and read_datetime(text) is not None
