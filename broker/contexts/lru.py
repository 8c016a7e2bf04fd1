"""A bounded map that forgets what was used longest ago."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Lru(Generic[V]):
    """At most `entries` entries whose weights sum up to at most `weight`; one that is heavier is not kept at all."""

    def __init__(self, entries: int, weight: int) -> None:
        self._entries = entries
        self._most = weight
        self._free = weight
        self._kept: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: str, value: V, weight: int = 1) -> None:
        self.drop(key)
        if weight > self._most:
            return
        self._kept[key] = value, weight
        self._free -= weight
        while self._free < 0 or len(self._kept) > self._entries:
            self.drop(next(iter(self._kept)))

    def keys(self) -> list[str]:
        """The used longest ago first."""
        return list(self._kept)

    def drop_where(self, unwanted: Callable[[V], bool]) -> None:
        for key in [key for key, (value, _) in self._kept.items() if unwanted(value)]:
            self.drop(key)

    def clear(self) -> None:
        for key in self.keys():
            self.drop(key)

    def drop(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._free += found[1]
