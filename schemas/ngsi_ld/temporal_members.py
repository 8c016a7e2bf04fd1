"""The members of a Query document (clause 5.2.23) as texts, as URI parameters have them. BadRequestData names the one
that is wrong."""

from __future__ import annotations

from typing import Final

import orjson

from schemas.errors import BadRequestData

_TEMPORAL: Final = frozenset(
    {"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration"}
)


def temporal_members(name: str, value: object) -> dict[str, str]:
    """Of temporalQ and aggrParams (clauses 5.2.21, 5.2.44)."""
    if not isinstance(value, dict) or not value.keys() <= _TEMPORAL | {"type"}:
        raise BadRequestData(f"{name} is an object with {', '.join(sorted(_TEMPORAL))}", field=name, clause="5.2.21")
    found: dict[str, str] = {}
    for member, one in value.items():
        if member == "lastN" and isinstance(one, int | float) and not isinstance(one, bool):
            found[member] = str(one)
        elif member != "type":
            found[member] = joined(member, one) if member == "aggrMethods" else text_of(member, one)
    return found


def geo_members(value: object) -> dict[str, str]:
    """Of geoQ (clause 5.2.13)."""
    if not isinstance(value, dict) or not value.keys() <= {"geometry", "coordinates", "georel", "geoproperty"}:
        raise BadRequestData("geoQ has georel, geometry, coordinates, geoproperty", field="geoQ", clause="5.2.13")
    return {
        name: orjson.dumps(one).decode() if name == "coordinates" and isinstance(one, list) else text_of(name, one)
        for name, one in value.items()
    }


def flag_text(name: str, value: object) -> str:
    """BadRequestData if it is neither true nor false."""
    if not isinstance(value, bool):
        raise BadRequestData(f"{name} is true or false", field=name, clause="5.2.23")
    return "true" if value else "false"


def text_of(name: str, value: object) -> str:
    """BadRequestData if it is no text."""
    if not isinstance(value, str):
        raise BadRequestData(f"{name} is a text", field=name, value=type(value).__name__, clause="5.2.23")
    return value


def joined(name: str, value: object) -> str:
    """A text, or texts with commas between them."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise BadRequestData(f"{name} is an array of texts, not empty", field=name, clause="5.2.23")
    return ",".join(text_of(name, one) for one in value)
