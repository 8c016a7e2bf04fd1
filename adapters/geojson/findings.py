"""What a probe tells the owner of a file, in plain sentences. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from adapters.geojson.snapshot import Snapshot
from schemas.ngsi_ld.model import ENTITY_MEMBERS

_FORMATS = {"geojson": "GeoJSON", "csv": "CSV", "json": "JSON"}
_LONGEST = 400


def dialect(snapshot: Snapshot) -> str:
    """For `ProbeResult.dialect`: "CSV (Shift_JIS (CP932))"."""
    return f"{_FORMATS[snapshot.table.format]}, {snapshot.encoding}"


def findings(snapshot: Snapshot) -> tuple[str, ...]:
    """Format, encoding, header row, records, types, attributes, the box, what was left out, the first entity."""
    table, translated = snapshot.table, snapshot.translated
    sentences = [f"It is {_FORMATS[table.format]} in {snapshot.encoding}, {snapshot.size:,} bytes."]
    if table.format == "csv":
        sentences.append(
            f"The column names are in row {table.header_row} and are separated by {table.details['delimiter']}."
        )
    counts = ", ".join(f"{len(rows)} of type {name}" for name, rows in sorted(snapshot.home.by_type.items()))
    sentences.append(f"It holds {len(snapshot.home)} entities" + (f": {counts}." if counts else "."))
    names = attribute_names(translated.entities)
    if names:
        sentences.append(f"Their attributes: {', '.join(names[:40])}{' …' if len(names) > 40 else ''}.")
    if translated.box is not None:
        west, south, east, north = translated.box
        sentences.append(f"They lie between {south:.5f} and {north:.5f} north, {west:.5f} and {east:.5f} east.")
    rules = translated.rules
    if rules is not None and rules.id is None and translated.entities:
        sentences.append(
            "No column tells the records apart, so ids are made from their content: "
            "a record that changes becomes another entity. options.mapping.id can name a column."
        )
    sentences += table.notes
    sentences += translated.findings()
    if translated.entities:
        sentences.append(f"The first one: {_sample(translated.entities[0])}")
    return tuple(sentences)


def attribute_names(entities: list[dict[str, Any]]) -> list[str]:
    """In order of appearance."""
    seen: dict[str, None] = {}
    for entity in entities:
        for name in entity:
            if name not in ENTITY_MEMBERS:
                seen.setdefault(name)
    return list(seen)


def _sample(entity: dict[str, Any]) -> str:
    text = orjson.dumps(entity).decode()
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
