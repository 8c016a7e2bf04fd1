"""GeoJSON (RFC 7946), one feature a line (RFC 8142 too), and plain JSON lists of objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from adapters.geojson.reading.table import FEATURE_ID, Record, Table, columns_of, lookup
from schemas.errors import BadUpstream, SourceTooLarge

_WGS84 = ("CRS84", "4326", "4979", "6668", "6697", "4612")
"""Parts of the names of coordinate systems that are WGS 84 or agree with it within centimetres (JGD2000, JGD2011)."""

MAX_DEPTH = 64
"""Levels below the list of records: more can be read than could be written again."""


def read_json(text: str, *, wanted_format: str = "auto", path: str | None = None, max_rows: int) -> Table:
    """Records of a FeatureCollection, Feature, list of features or objects, or the same one a line.

    `path`: where in the document the list lies (`hits`); found if the document has one list of objects only.
    BadUpstream if it is not JSON or holds none of these; SourceTooLarge beyond `max_rows`.
    """
    document, lines = _parse(text)
    notes: list[str] = []
    if lines:
        items: Any = document
    elif path is not None:
        items = lookup(document, path) if isinstance(document, Mapping) else None
        if not isinstance(items, list):
            raise BadUpstream(f"there is no list at {path!r} in the document", field="options.records")
    else:
        items = _items(document)
        notes += _crs_notes(document)
    if len(items) > max_rows:
        raise SourceTooLarge(f"the file has more than {max_rows} records (options.max_rows)", field="options.max_rows")
    if not _shallow(items, MAX_DEPTH):
        raise BadUpstream(f"the JSON is nested more than {MAX_DEPTH} deep")
    first = next((item for item in items if isinstance(item, Mapping)), None)
    if items and first is None:
        raise BadUpstream("the JSON holds a list, but not of objects")
    features = first is not None and first.get("type") == "Feature" and ("geometry" in first or "properties" in first)
    if first is None:
        features = isinstance(document, Mapping) and document.get("type") == "FeatureCollection"
    if wanted_format == "geojson" and not features:
        raise BadUpstream("the JSON holds no GeoJSON features", field="options.format")
    as_features = features and wanted_format != "json"
    records = list(_features(items) if as_features else _objects(items))
    if len(records) < len(items):
        kind = "GeoJSON features" if as_features else "objects"
        notes.append(f"{len(items) - len(records)} member(s) of the list are no {kind}; they were left out.")
    columns = columns_of(r.values for r in records)
    return Table("geojson" if as_features else "json", records, columns, None, tuple(notes))


def _parse(text: str) -> tuple[Any, bool]:
    """The document; or the list of the documents of its lines, and True."""
    try:
        return orjson.loads(text), False
    except orjson.JSONDecodeError as e:
        lines = [line for line in text.replace("\x1e", "").splitlines() if line.strip()]
        if len(lines) < 2:
            raise _malformed(e) from None
        try:
            return [orjson.loads(line) for line in lines], True
        except orjson.JSONDecodeError:
            raise _malformed(e) from None


def _shallow(value: Any, left: int) -> bool:
    members = value.values() if isinstance(value, Mapping) else value
    return left > 0 and all(_shallow(m, left - 1) for m in members if isinstance(m, (Mapping, list)))


def _malformed(error: orjson.JSONDecodeError) -> BadUpstream:
    return BadUpstream(f"the file is not whole JSON: {error.msg} at line {error.lineno}, column {error.colno}")


def _items(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, Mapping):
        if document.get("type") == "FeatureCollection":
            features = document.get("features")
            if isinstance(features, list):
                return features
            raise BadUpstream("the FeatureCollection has no list of features")
        if document.get("type") == "Feature":
            return [document]
        lists = [v for v in document.values() if isinstance(v, list) and v and isinstance(v[0], Mapping)]
        if len(lists) == 1:
            return lists[0]
    raise BadUpstream(
        "the JSON is no FeatureCollection and no list of objects; options.records can name where the list lies",
        field="options.records",
    )


def _features(items: list[Any]) -> Iterator[Record]:
    for n, item in enumerate(items, start=1):
        if not isinstance(item, Mapping) or item.get("type") != "Feature":
            continue
        properties = item.get("properties")
        values: dict[str, Any] = dict(properties) if isinstance(properties, Mapping) else {}
        feature_id = item.get("id")
        if isinstance(feature_id, (str, int, float)) and not isinstance(feature_id, bool):
            values.setdefault(FEATURE_ID, feature_id)
        yield Record(values, n, item.get("geometry"))


def _objects(items: list[Any]) -> Iterator[Record]:
    for n, item in enumerate(items, start=1):
        if isinstance(item, Mapping):
            yield Record(item, n)


def _crs_notes(document: Any) -> list[str]:
    crs = document.get("crs") if isinstance(document, Mapping) else None
    name = lookup(crs, "properties.name") if isinstance(crs, Mapping) else None
    if not isinstance(name, str) or any(part in name for part in _WGS84):
        return []
    return [f"It declares the coordinate system {name[:80]!r}; coordinates are taken as WGS 84."]
