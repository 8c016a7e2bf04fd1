"""The figures that entries come to: what a bundle's report states, and what its verification counts again.

A use (API利用回数) is a request that delivered at least one entity and is no retry. Everything is counted twice: as it
was recorded, and as it is after corrections.
"""

from __future__ import annotations

from array import array
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.ledger.correction import Replacement, corrected_by
from schemas.ledger.entry import Entry, EventEntry, FlowEntry

_DIMENSIONS = ("month", "consumer", "provider", "platform", "operation", "outcome")
_NOBODY = "-"
_Numbers = npt.NDArray[np.int64]


class Tally:
    """`add` every entry, in order; then `report` and `doubled`. Times as entries write them, `until` not included."""

    def __init__(self, since: str | None, until: str | None) -> None:
        self._since = since or ""
        self._until = until or "~"
        self._months: dict[str, str] = {}
        self._codes: dict[str, dict[str, int]] = {name: {} for name in _DIMENSIONS}
        self._columns: dict[str, array[int]] = {name: array("q") for name in _DIMENSIONS}
        self._entities, self._bytes = array("q"), array("q")
        self._batch, self._cross, self._replay = array("b"), array("b"), array("b")
        self._requests, self._flows, self._ids = bytearray(), bytearray(), bytearray()
        self._events: Counter[str] = Counter()
        self._corrections: dict[bytes, Replacement | None] = {}

    def add(self, entry: Entry) -> None:
        """ValueError if its ids are none, or it is a correction that makes no sense."""
        identity = bytes.fromhex(entry.id.replace("-", ""))
        if len(identity) != 16:
            raise ValueError("an id that is no UUID")
        self._ids += identity
        if isinstance(entry, EventEntry):
            correction = corrected_by(entry)
            if correction is not None:
                self._corrections[bytes.fromhex(correction.flow.replace("-", ""))] = correction.replacement
            if self._since <= entry.time < self._until:
                self._events[entry.event] += 1
            return
        if not self._since <= entry.time < self._until:
            return
        request = bytes.fromhex(entry.request.replace("-", ""))
        if len(request) != 16:
            raise ValueError("a request's id that is no UUID")
        self._requests += request
        self._flows += identity
        self._entities.append(entry.entities)
        self._bytes.append(entry.bytes)
        self._batch.append(entry.batch)
        self._cross.append(entry.cross_area)
        self._replay.append(entry.replay_of is not None)
        self._code("month", self._month(entry))
        self._code("consumer", entry.consumer_service)
        self._code("provider", entry.provider_area or _NOBODY)
        self._code("platform", entry.platform)
        self._code("operation", entry.operation)
        self._code("outcome", entry.outcome)

    def doubled(self) -> str | None:
        """The id of an entry that is there twice."""
        ids = np.sort(np.frombuffer(bytes(self._ids), dtype="S16"))
        same = np.nonzero(ids[1:] == ids[:-1])[0]
        return bytes(ids[same[0]]).ljust(16, b"\0").hex() if len(same) else None

    def report(self) -> dict[str, Any]:
        """JSON without floats."""
        recorded = self._figures(*self._rows())
        corrected, applied = self._corrected()
        return {
            "corrected": corrected,
            "corrections": applied,
            "events": dict(sorted(self._events.items())),
            "recorded": recorded,
            "since": self._since or None,
            "until": None if self._until == "~" else self._until,
        }

    def _code(self, dimension: str, value: str) -> None:
        codes = self._codes[dimension]
        code = codes.get(value)
        if code is None:
            code = codes[value] = len(codes)
        self._columns[dimension].append(code)

    def _month(self, entry: FlowEntry) -> str:
        """In Tokyo, as figures are dated."""
        hour = entry.time[:13]
        month = self._months.get(hour)
        if month is None:
            month = (datetime.fromisoformat(hour + ":00:00") + timedelta(hours=9)).isoformat()[:7]
            self._months[hour] = month
        return month

    def _rows(self) -> tuple[npt.NDArray[np.bool_], _Numbers, _Numbers, _Numbers]:
        """Which rows count, and entities, bytes and batch of each."""
        entities = np.array(self._entities, dtype=np.int64)
        size = np.array(self._bytes, dtype=np.int64)
        return np.ones(len(entities), dtype=bool), entities, size, np.array(self._batch, dtype=np.int64)

    def _corrected(self) -> tuple[dict[str, Any], int]:
        there, entities, size, batch = self._rows()
        applied = 0
        if self._corrections and len(there):
            at = {bytes(self._flows[n * 16 : n * 16 + 16]): n for n in range(len(there))}
            for flow, replacement in self._corrections.items():
                row = at.get(flow)
                if row is None:
                    continue
                applied += 1
                if replacement is None:
                    there[row] = False
                else:
                    entities[row], size[row], batch[row] = replacement.entities, replacement.bytes, replacement.batch
        return self._figures(there, entities, size, batch), applied

    def _figures(
        self, there: npt.NDArray[np.bool_], entities: _Numbers, size: _Numbers, batch: _Numbers
    ) -> dict[str, Any]:
        names = np.frombuffer(bytes(self._requests), dtype="S16")
        _, requests = np.unique(names, return_inverse=True)
        used = there & (entities > 0) & (np.array(self._replay, dtype=np.int64) == 0)
        total: dict[str, Any] = {
            "batch_uses": _distinct(requests[used & (batch > 0)]),
            "bytes": int(size[there].sum()),
            "cross_area": int(np.array(self._cross, dtype=np.int64)[there].sum()),
            "entities": int(entities[there].sum()),
            "flows": int(there.sum()),
            "requests": _distinct(requests[there]),
            "uses": _distinct(requests[used]),
        }
        for name in _DIMENSIONS:
            column = np.array(self._columns[name], dtype=np.int64)
            total["by_" + name] = self._parts(name, column, there, used, entities, size, requests)
        return total

    def _parts(
        self,
        name: str,
        column: _Numbers,
        there: npt.NDArray[np.bool_],
        used: npt.NDArray[np.bool_],
        entities: _Numbers,
        size: _Numbers,
        requests: _Numbers,
    ) -> dict[str, Any]:
        codes = self._codes[name]
        sums = {}
        for title, weights in (("bytes", size), ("entities", entities), ("flows", np.ones_like(size))):
            sums[title] = np.zeros(len(codes), dtype=np.int64)
            np.add.at(sums[title], column[there], weights[there])
        pairs = np.unique(requests[used] * max(len(codes), 1) + column[used])
        sums["uses"] = np.bincount(pairs % max(len(codes), 1), minlength=len(codes))
        return {
            value: {title: int(numbers[code]) for title, numbers in sorted(sums.items())}
            for value, code in sorted(codes.items())
        }


def _distinct(requests: _Numbers) -> int:
    return len(np.unique(requests))
