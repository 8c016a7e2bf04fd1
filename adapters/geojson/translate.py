"""Records to normalized NGSI-LD entities (clause 4.5.1), by the rules of a mapping. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from adapters.geojson.geometry import Box, looks_like_geometry, read_geometry, union
from adapters.geojson.mapping import AttributeRule, MappingRules, complete, plain
from adapters.geojson.names import encode_name, entity_id, escape, is_uri
from adapters.geojson.reading.table import Record, Table, lookup
from adapters.geojson.values import absent, boolean, day, integer, moment, number
from schemas.errors import BadUpstream

_READERS = {"number": number, "integer": integer, "boolean": boolean}
_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "yes or no",
    "datetime": "a date and time",
    "date": "a date",
    "relationship": "a URI (options.mapping can name a target type)",
}


@dataclass(slots=True)
class Translated:
    """`entities` have names in the platform's context, distinct ids, and come in the file's order."""

    entities: list[dict[str, Any]]
    boxes: list[Box | None]
    """Of `location`, in the same order."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Why records were left out → how many."""
    odd: Counter[str] = field(default_factory=Counter)
    """What was odd in records that were kept → how many."""
    rules: MappingRules | None = None

    @property
    def box(self) -> Box | None:
        found: Box | None = None
        for box in self.boxes:
            found = union(found, box)
        return found

    def findings(self) -> tuple[str, ...]:
        return (
            *(f"{n} record(s) were left out: {why}." for why, n in self.skipped.most_common()),
            *(f"{n} record(s): {what}." for what, n in self.odd.most_common()),
        )


def missing_columns(rules: MappingRules, table: Table) -> list[tuple[str, str]]:
    """Options of the mapping that name a column which the file does not have, with that column."""
    if not table.records and table.format != "csv":
        return []
    return [(option, column) for option, column in rules.named_columns() if not table.has(column)]


def missing_words(option: str, column: str, table: Table) -> str:
    """What to tell the owner of a registration whose mapping names a column that is not there."""
    there = ", ".join(table.columns[:60]) + (" …" if len(table.columns) > 60 else "")
    return f"{option} names the column {column!r}, which the file does not have; it has: {there}"


def translate(table: Table, told: MappingRules) -> Translated:
    """All records that have a type, an id and a sound place.

    A column that is gone and held attributes leaves them out; BadUpstream if ids, types or places hung on it.
    """
    for option, column in missing_columns(told, table):
        if not option.startswith("options.mapping.attributes") and not option.endswith("observedAt"):
            raise BadUpstream(missing_words(option, column, table), field=option)
    rules = complete(told, table)
    result = Translated([], [], rules=rules)
    places: dict[str, int] = {}
    for record in table.records:
        one = _entity(record, rules, result)
        if one is None:
            continue
        entity, box = one
        at = places.get(entity["id"])
        if at is None:
            places[entity["id"]] = len(result.entities)
            result.entities.append(entity)
            result.boxes.append(box)
        else:
            result.skipped["a later record has the same id"] += 1
            result.entities[at], result.boxes[at] = entity, box
    return result


def _entity(record: Record, rules: MappingRules, result: Translated) -> tuple[dict[str, Any], Box | None] | None:
    values = record.values
    type_parts = rules.type.fill(values)
    type_text = "" if type_parts is None else "".join(type_parts)
    if not type_text:
        result.skipped["the column of the type is empty"] += 1
        return None
    type_name = encode_name(type_text) if rules.type.columns else type_text
    place = _place(record, rules)
    if isinstance(place, str):
        result.skipped[place] += 1
        return None
    geometry, box = place
    if geometry is None:
        result.odd["no place is given"] += 1
    identifier = _id(record, rules, type_name)
    if identifier is None:
        result.skipped["the column of the id is empty"] += 1
        return None
    entity: dict[str, Any] = {"id": identifier, "type": type_name}
    for rule in rules.attributes or ():
        attribute = _attribute(values, rule, rules, result)
        if attribute is not None:
            entity[rule.name] = attribute
    if geometry is not None:
        entity["location"] = {"type": "GeoProperty", "value": geometry}
    return entity, box


def _id(record: Record, rules: MappingRules, type_name: str) -> str | None:
    if rules.id is None:
        # nothing tells records apart but what they say, so a changed record is another entity
        canonical = orjson.dumps(
            [dict(record.values), record.geometry], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
        )
        return entity_id("row-" + hashlib.sha256(canonical).hexdigest()[:20], type_name)
    parts = rules.id.fill(record.values)
    if parts is None:
        return None
    if len(parts) == 3 and not parts[0] and not parts[2]:
        return entity_id(parts[1], type_name)
    text = "".join(escape(part) if i % 2 else part for i, part in enumerate(parts))
    return entity_id(text, type_name)


def _place(record: Record, rules: MappingRules) -> tuple[dict[str, Any] | None, Box | None] | str:
    rule = rules.location
    if rule is None or rule.geometry is not None:
        value = record.geometry if rule is None else lookup(record.values, rule.geometry or "")
        if value is None or value == "":
            return None, None
        return read_geometry(value)
    latitude, longitude = lookup(record.values, rule.latitude or ""), lookup(record.values, rule.longitude or "")
    if absent(latitude) and absent(longitude):
        return None, None
    north, east = number(latitude), number(longitude)
    if north is None or east is None:
        return "latitude or longitude is no number"
    return read_geometry({"type": "Point", "coordinates": [east, north]})


def _attribute(
    values: Mapping[str, Any], rule: AttributeRule, rules: MappingRules, result: Translated
) -> dict[str, Any] | None:
    value = lookup(values, rule.source)
    if absent(value):
        return None
    attribute = _read(value, rule, rules)
    if attribute is None:
        result.odd[f"{rule.source!r} is not {_WORDS[rule.kind]}, so {rule.name} was left out"] += 1
        return None
    if rule.unit_code is not None:
        attribute["unitCode"] = rule.unit_code
    if rule.observed_at is not None:
        observed = moment(lookup(values, rule.observed_at), rules.zone)
        if observed is not None:
            attribute["observedAt"] = observed
    return attribute


def _read(value: Any, rule: AttributeRule, rules: MappingRules) -> dict[str, Any] | None:
    """The attribute, or None if the value is not of the kind that the mapping says."""
    kind = rule.kind
    if kind in _READERS:
        found: Any = _READERS[kind](value)
    elif kind == "datetime":
        text = moment(value, rules.zone)
        found = None if text is None else {"@type": "DateTime", "@value": text}
    elif kind == "date":
        text = day(value, rules.zone)
        found = None if text is None else {"@type": "Date", "@value": text}
    elif kind == "relationship":
        target = plain(value)
        if isinstance(value, (dict, list)) or not (is_uri(target) or rule.target):
            return None
        return {"type": "Relationship", "object": entity_id(target, rule.target or "")}
    elif kind == "text":
        found = orjson.dumps(value).decode() if isinstance(value, (dict, list)) else plain(value)
    else:
        if looks_like_geometry(value):
            geometry = read_geometry(value)
            if not isinstance(geometry, str):
                return {"type": "GeoProperty", "value": geometry[0]}
        found = value.strip() if isinstance(value, str) else value
    return None if found is None else {"type": "Property", "value": found}
