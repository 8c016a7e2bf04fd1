"""What a figure rests on: how much of the ledger, and who has witnessed it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from broker.store import ledger
from broker.store.database import Database
from schemas.ledger.checkpoint import read_checkpoint

_TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the ledger stands. `size`: entries under the checkpoint; `witnesses`: names of those who co-signed it."""

    size: int
    root: str
    checkpoint: str
    witnesses: tuple[str, ...]


class Ledger(Protocol):
    """What reports need of the ledger, and nothing more."""

    async def standing(self, covering: int) -> Standing | None:
        """A signed checkpoint over at least so many entries; None if there is none."""

    async def span(self, since: date, until: date) -> tuple[int, int] | None:
        """First entry, and the one after the last, that hold flows of these days of Tokyo; None if not known."""


class NoLedger:
    """Where no ledger is kept: reports say that they are unwitnessed, and no result becomes final."""

    async def standing(self, covering: int) -> Standing | None:
        return None

    async def span(self, since: date, until: date) -> tuple[int, int] | None:
        return None


class StoredLedger:
    """The ledger of this gateway. A checkpoint that a witness has co-signed goes before a newer one that none has."""

    def __init__(self, database: Database) -> None:
        self._ledger = ledger.Ledger(database)

    async def standing(self, covering: int) -> Standing | None:
        found = await self._ledger.latest(witnessed=True)
        if found is None or found.size < covering:
            found = await self._ledger.covering(covering)
        if found is None:
            return None
        signed = read_checkpoint(found.note)
        names = tuple(signature.name for signature in signed.note.signatures[1:])
        return Standing(found.size, found.root.hex(), found.note, names)

    async def span(self, since: date, until: date) -> tuple[int, int] | None:
        first, end = (datetime.combine(day, time(), _TOKYO) for day in (since, until))
        found = await self._ledger.range_of(first, end)
        return found if found[0] < found[1] else None


def described(standing: Standing | None, span: tuple[int, int] | None) -> dict[str, Any]:
    """For a report."""
    return {
        "entries": None if span is None else {"first": span[0], "after_last": span[1]},
        "checkpoint": None
        if standing is None
        else {"size": standing.size, "root": standing.root, "note": standing.checkpoint},
        "witnesses": [] if standing is None else list(standing.witnesses),
        "witnessed": standing is not None and bool(standing.witnesses),
    }
