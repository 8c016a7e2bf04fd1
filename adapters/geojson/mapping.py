"""`options.mapping`: which column becomes what; and the mapping that is made up for a file that has none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.geojson.known import IDS, LATITUDES, LONGITUDES, first_of
from adapters.geojson.names import RESERVED, encode_name, is_name
from adapters.geojson.reading.table import FEATURE_ID, Table, lookup
from adapters.geojson.values import absent
from schemas.errors import BadRequestData

_HOLE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """Text with holes: `urn:x:{共通ID}`. `parts` alternates text and column."""

    parts: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.parts[1::2]

    def fill(self, values: Mapping[str, Any]) -> list[str] | None:
        """The parts with the values of one record; None if a hole has nothing to hold."""
        filled = list(self.parts)
        for i in range(1, len(filled), 2):
            value = lookup(values, filled[i])
            if absent(value) or isinstance(value, (list, dict)):
                return None
            filled[i] = plain(value)
        return filled


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One attribute: from which column, read as what. `option` is its place in the registration, for messages."""

    name: str
    source: str
    kind: str = "auto"
    unit_code: str | None = None
    observed_at: str | None = None
    target: str | None = None
    """Relationship: the type of the entity pointed to, where the column holds no URI."""
    option: str = ""


@dataclass(frozen=True, slots=True)
class LocationRule:
    """Either two columns, or one that holds a GeoJSON geometry."""

    latitude: str | None = None
    longitude: str | None = None
    geometry: str | None = None

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Option and column of each that is set."""
        pairs = (("latitude", self.latitude), ("longitude", self.longitude), ("geometry", self.geometry))
        return tuple((option, column) for option, column in pairs if column is not None)


@dataclass(frozen=True, slots=True)
class MappingRules:
    """None: not told, so it is made up from the table (`complete`)."""

    type: Template
    zone: ZoneInfo
    id: Template | None = None
    attributes: tuple[AttributeRule, ...] | None = None
    location: LocationRule | None = None
    observed_at: str | None = None

    def named_columns(self) -> list[tuple[str, str]]:
        """Every option that names a column, with that column."""
        pairs = [("options.mapping.type", c) for c in self.type.columns]
        if self.id is not None:
            pairs += [("options.mapping.id", c) for c in self.id.columns]
        for rule in self.attributes or ():
            pairs.append((rule.option, rule.source))
            if rule.observed_at is not None and rule.observed_at != self.observed_at:
                pairs.append((f"{rule.option}.observedAt", rule.observed_at))
        if self.location is not None:
            pairs += [(f"options.mapping.location.{o}", c) for o, c in self.location.columns]
        if self.observed_at is not None:
            pairs.append(("options.mapping.observedAt", self.observed_at))
        return pairs


def plain(value: Any) -> str:
    """A scalar as people write it: 5.0 is 5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def parse_mapping(options: Mapping[str, Any], default_type: str | None = None) -> MappingRules:
    """The mapping of options that the manifest's schema has accepted. BadRequestData names the option at fault.

    `default_type`: what the registration otherwise says that the platform holds.
    """
    told: Mapping[str, Any] = options.get("mapping") or {}
    type_text = told.get("type") or options.get("type") or default_type
    if not type_text:
        raise BadRequestData(
            "what are the records? options.type (or options.mapping.type) must name their entity type",
            field="options.type",
        )
    type_template = parse_template(type_text, "options.mapping.type")
    if not type_template.columns and not is_name(type_text):
        field = "options.mapping.type" if told.get("type") else "options.type"
        raise BadRequestData(
            "an entity type is a letter followed by letters, numbers and _",
            field=field,
            value=type_text,
            clause="4.6.2",
        )
    observed_at = told.get("observedAt")
    attributes = told.get("attributes")
    return MappingRules(
        type=type_template,
        zone=_zone(told.get("timezone", "Asia/Tokyo")),
        id=_id_template(told["id"]) if "id" in told else None,
        attributes=None if attributes is None else tuple(_rule(n, r, observed_at) for n, r in attributes.items()),
        location=_location(told["location"]) if "location" in told else None,
        observed_at=observed_at,
    )


def parse_template(text: str, option: str) -> Template:
    """`text` with `{column}` holes; BadRequestData if a brace stands alone."""
    parts = tuple(_HOLE.split(text))
    if any("{" in part or "}" in part for part in parts[0::2]):
        raise BadRequestData("a { or } in it does not enclose a column name", field=option, value=text)
    return Template(parts)


def complete(rules: MappingRules, table: Table) -> MappingRules:
    """The rules with everything that was not told made up from the table's columns."""
    location = rules.location
    if location is None and table.format != "geojson":
        location = _guess_location(table)
    id_template = rules.id
    if id_template is None:
        column = _guess_id(table)
        id_template = Template(("", column, "")) if column is not None else None
    attributes = rules.attributes
    if attributes is None:
        attributes = _guess_attributes(table, location, rules.observed_at)
    return replace(rules, location=location, id=id_template, attributes=attributes)


def _id_template(text: str) -> Template:
    return parse_template(text, "options.mapping.id") if "{" in text else Template(("", text, ""))


def _rule(name: str, told: Any, observed_at: str | None) -> AttributeRule:
    option = f"options.mapping.attributes.{name}"
    if not is_name(name) or name in RESERVED:
        raise BadRequestData(
            f"{name!r} can't be an attribute's name: a letter followed by letters, numbers and _, and none of "
            "NGSI-LD's own members (for the place there is options.mapping.location)",
            field=option,
            value=name,
            clause="4.6.2",
        )
    if isinstance(told, str):
        return AttributeRule(name, told, observed_at=observed_at, option=option)
    target = told.get("target")
    if target is not None and not is_name(target):
        raise BadRequestData("a target is the name of an entity type", field=f"{option}.target", value=target)
    return AttributeRule(
        name=name,
        source=told["from"],
        kind=told.get("type", "auto"),
        unit_code=told.get("unitCode"),
        observed_at=told.get("observedAt", observed_at),
        target=target,
        option=f"{option}.from",
    )


def _location(told: Mapping[str, str]) -> LocationRule:
    rule = LocationRule(told.get("latitude"), told.get("longitude"), told.get("geometry"))
    whole = rule.geometry is None and rule.latitude is not None and rule.longitude is not None
    single = rule.geometry is not None and rule.latitude is None and rule.longitude is None
    if not whole and not single:
        raise BadRequestData(
            "a location is latitude and longitude, or geometry", field="options.mapping.location", value=dict(told)
        )
    return rule


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadRequestData("there is no such time zone", field="options.mapping.timezone", value=name) from None


def _guess_location(table: Table) -> LocationRule | None:
    latitudes, longitudes = first_of(table.columns, LATITUDES), first_of(table.columns, LONGITUDES)
    if latitudes and longitudes:
        return LocationRule(latitudes[0], longitudes[0])
    for column in ("geometry", "location"):
        if column in table.columns and f"{column}.coordinates" in table.columns:
            return LocationRule(geometry=column)
    return None


def _guess_id(table: Table) -> str | None:
    """The first customary id column that tells all records apart; else the first there is; a feature's own id wins."""
    customary = [c for c in first_of(table.columns, IDS) if "." not in c]
    candidates = ([FEATURE_ID] if FEATURE_ID in table.columns else []) + customary
    for column in candidates:
        found = [lookup(r.values, column) for r in table.records]
        if not any(absent(v) or isinstance(v, (list, dict)) for v in found) and len(set(map(plain, found))) == len(
            found
        ):
            return column
    return candidates[0] if candidates else None


def _guess_attributes(
    table: Table, location: LocationRule | None, observed_at: str | None
) -> tuple[AttributeRule, ...]:
    used: set[str] = {FEATURE_ID, "id"}
    if location is not None:
        # of a nested location.latitude the whole object is taken as read
        used |= {column.partition(".")[0] for _, column in location.columns} | {c for _, c in location.columns}
    inner = set(_inner_columns(table.columns))
    return tuple(
        AttributeRule(encode_name(column), column, observed_at=observed_at, option="options.mapping.attributes")
        for column in table.columns
        if column and column not in used and column not in inner
    )


def _inner_columns(columns: Sequence[str]) -> list[str]:
    """`outer.inner` of an object that is a column itself."""
    whole = set(columns)
    return [c for c in columns if "." in c and c.partition(".")[0] in whole]
