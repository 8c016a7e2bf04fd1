"""The life of a KPI's version: proposed → negotiated → agreed by both sides; and what is filed for a year."""

from __future__ import annotations

from datetime import date
from enum import StrEnum


class Side(StrEnum):
    """The two that settle a KPI."""

    PROJECT = "project"
    SECRETARIAT = "secretariat"


class State(StrEnum):
    PROPOSED = "proposed"
    NEGOTIATED = "negotiated"
    """It takes the place of an earlier proposal."""
    AGREED = "agreed"
    WITHDRAWN = "withdrawn"


class Filing(StrEnum):
    """What is filed for a project and a fiscal year."""

    STATUS = "status"
    """状況報告: any number."""
    INDIVIDUAL = "individual"
    """個別会: what was shown at a meeting."""
    CLOSING = "closing"
    """The measured figures of the year, settled after its end."""
    RESULT = "result"
    """結果報告: final; superseded only by a correction that names it."""
    EVALUATION = "evaluation"


def may_close(year: int, on: date) -> bool:
    """A fiscal year is closed after its last day, 31 March."""
    return on >= date(year + 1, 4, 1)
