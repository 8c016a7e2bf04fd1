"""What a project says of a KPI for a period, and how entries make up the figures of a year."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import msgspec

from schemas.errors import BadRequestData
from schemas.kpi.definition import Prose
from schemas.kpi.periods import Period, months_of, quarters_of, year_of
from schemas.kpi.reading import read


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value with its evidence, or the words beside a measured one."""

    value: Decimal | None = None
    evidence: Prose = ""
    """What the value rests on: a link, a document's SHA-256, a survey."""
    unmet_reason: Prose = ""
    """未達理由."""
    improvement: Prose = ""
    """改善策."""
    remark: Prose = ""


def read_entry(document: object) -> Entry:
    """Raises BadRequestData that names the member."""
    found = read(Entry, document)
    if found.value is not None and not found.evidence.strip():
        raise BadRequestData("A value comes with its evidence.", field="evidence")
    if found == Entry():
        raise BadRequestData("An entry says something.", field="body")
    return found


def period_of(text: str) -> Period:
    """`2026` (a fiscal year), `2026-Q1` (April to June) or `2026-11` (a month). BadRequestData for anything else."""
    if re.fullmatch(r"2\d{3}", text):
        return year_of(int(text))
    if found := re.fullmatch(r"(2\d{3})-Q([1-4])", text):
        return quarters_of(int(found[1]))[int(found[2]) - 1]
    if found := re.fullmatch(r"(2\d{3})-(0[1-9]|1[0-2])", text):
        year, month = int(found[1]), int(found[2])
        return months_of(year if month >= 4 else year - 1)[(month - 4) % 12]
    raise BadRequestData(
        "A period is a fiscal year (2026), a quarter of it (2026-Q1) or a month (2026-11).", field="period", value=text
    )


def entered_value(entries: Mapping[str, Entry], period: Period, first: date) -> Decimal | None:
    """The period's own entry; of one that begins with the year (`first`), else the last that was entered in it."""
    own = entries.get(period.id)
    if own is not None and own.value is not None:
        return own.value
    if period.since != first or period.id.count("-Q"):
        return None
    inside = [
        (part.until, part.since, entry.value)
        for part, entry in ((period_of(name), entry) for name, entry in entries.items())
        if entry.value is not None and first <= part.since and part.until <= period.until
    ]
    return min(inside, key=lambda one: (-one[0].toordinal(), one[1]))[2] if inside else None
