"""What verification found: every fault with its place, and what the bundle says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Fault:
    """`where`: the file, and in it the entry."""

    where: str
    what: str


@dataclass(slots=True)
class Verdict:
    """`holds` if there is no fault. `facts`: what the bundle says, as far as it could be read."""

    faults: list[Fault] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        return {
            "holds": self.holds,
            "faults": [{"where": fault.where, "what": fault.what} for fault in self.faults],
            **self.facts,
        }


def differences(told: Any, counted: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two reports differ, by the path to it."""
    if isinstance(told, dict) and isinstance(counted, dict):
        for name in sorted(told.keys() | counted.keys()):
            yield from differences(told.get(name), counted.get(name), f"{path}.{name}" if path else name)
    elif isinstance(told, list) and isinstance(counted, list) and len(told) == len(counted):
        for number, (a, b) in enumerate(zip(told, counted, strict=True)):
            yield from differences(a, b, f"{path}[{_label(a, b, number)}]")
    elif told != counted or type(told) is not type(counted):
        yield path or "all of it", msgspec.json.encode(told).decode()[:80], msgspec.json.encode(counted).decode()[:80]


def _label(told: Any, counted: Any, number: int) -> object:
    """What an item of a list is known by."""
    if isinstance(told, dict) and isinstance(counted, dict):
        for name in ("id", "period"):
            if name in told and told[name] == counted.get(name):
                return told[name]
    return number
