"""What reading gives: records of named values, whatever the file's format was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FEATURE_ID = "@id"
"""The name under which a GeoJSON feature's own `id` stands among its values."""


@dataclass(frozen=True, slots=True)
class Record:
    """`values`: column or property → value. `geometry`: GeoJSON as it came, None if the record has none.

    `row`: its number for people: the line of a CSV's record (header rows count), else the place in the list, from 1.
    """

    values: Mapping[str, Any]
    row: int
    geometry: Any = None


@dataclass(frozen=True, slots=True)
class Table:
    """`format`: geojson, json or csv. `columns`: the names that records have, in order of appearance."""

    format: str
    records: list[Record]
    columns: tuple[str, ...]
    header_row: int | None = None
    notes: tuple[str, ...] = ()
    """Sentences about what was odd."""
    details: Mapping[str, str] = field(default_factory=dict)

    def has(self, path: str) -> bool:
        """Whether some record could have a value at `path`."""
        if path in self.columns:
            return True
        return self.format != "csv" and any(lookup(r.values, path) is not None for r in self.records)


def lookup(values: Mapping[str, Any], path: str) -> Any:
    """The value at `path`: a name as it stands, or names joined by dots into nested objects. None if there is none."""
    if path in values:
        return values[path]
    found: Any = values
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def columns_of(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """All names that occur; members of nested objects as `outer.inner`, one level deep, after the outer name."""
    seen: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            seen.setdefault(name)
            if isinstance(value, Mapping):
                for inner in value:
                    seen.setdefault(f"{name}.{inner}")
    return tuple(seen)
