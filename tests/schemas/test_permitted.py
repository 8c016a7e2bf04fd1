"""What a right to write covers: of a change that is known, and of a write that is sent on, by the same rules."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.narrowing import Clause, area_of
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.write import Write
from schemas.permitted import LOCATION, looks, uncovered_change, uncovered_names, uncovered_write

ROOM, CAMERA = CORE.expand("Room"), CORE.expand("Camera")
HEAT, LIGHT = CORE.expand("heat"), CORE.expand("light")
SQUARE = area_of({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]})


def point(lon: float, **more: str) -> dict[str, Any]:
    return {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 0.5]}, **more}


def value(n: int) -> dict[str, Any]:
    return {"type": "Property", "value": n}


BEFORE: dict[str, Any] = {"id": "urn:x:1", "type": [ROOM], HEAT: value(1), LIGHT: value(2), LOCATION: point(0.5)}


@pytest.mark.parametrize(
    ("clause", "after", "lacking"),
    [
        (Clause(), {}, []),
        (Clause(attributes=frozenset({HEAT})), {HEAT: value(1)}, []),
        (Clause(attributes=frozenset({HEAT})), {LIGHT: value(2)}, [LIGHT]),
        (Clause(attributes=frozenset({HEAT})), {HEAT: None}, []),
        (Clause(attributes=frozenset({HEAT})), {"scope": "/a"}, ["scope"]),
        (Clause(attributes=frozenset({HEAT})), {"type": [ROOM, CAMERA]}, ["type"]),
        (Clause(types=frozenset({ROOM})), {HEAT: value(9)}, []),
        (Clause(types=frozenset({ROOM})), {"type": [ROOM, CAMERA]}, ["type"]),
        (Clause(types=frozenset({CAMERA})), {HEAT: value(9)}, ["type"]),
        (Clause(types=frozenset({CAMERA})), {"type": [CAMERA]}, ["type"]),
        (Clause(area=SQUARE), {LOCATION: point(0.6)}, []),
        (Clause(area=SQUARE), {LOCATION: point(2)}, [LOCATION]),
        (Clause(area=SQUARE), {LOCATION: [point(0.6), point(2, datasetId="urn:x:d")]}, [LOCATION]),
        (Clause(area=SQUARE), {LOCATION: None}, [LOCATION]),
    ],
)
def test_a_change(clause: Clause, after: dict[str, Any], lacking: list[str]) -> None:
    then = {name: one for name, one in (BEFORE | after).items() if one is not None}
    assert uncovered_change(clause, BEFORE, then) == lacking


def test_what_is_made_and_what_goes() -> None:
    whole, part = Clause(types=frozenset({ROOM})), Clause(attributes=frozenset({HEAT, LOCATION}))
    assert uncovered_change(whole, None, BEFORE) == []
    assert uncovered_change(whole, BEFORE, None) == []
    assert uncovered_change(part, None, BEFORE) == [LIGHT]
    assert uncovered_change(part, BEFORE, None) == [LIGHT]
    assert uncovered_change(part, BEFORE, BEFORE) == []


def write(operation: str, body: Any = None, attribute: str | None = None, **params: str) -> Write:
    return Write(operation, "urn:x:1", CORE, body, attribute=attribute, params=params)


@pytest.mark.parametrize(
    ("sent", "attributes", "area"),
    [
        (write("updateEntity", {"heat": value(1)}), [], []),
        (write("mergeEntity", {"light": value(1), "scope": "/a"}), [LIGHT, "scope"], []),
        (write("replaceEntity", {"type": "Room", "heat": value(1)}), [LIGHT, LOCATION], [LOCATION]),
        (write("upsertBatch", {"type": "Room", "heat": value(1)}), [LIGHT, LOCATION], [LOCATION]),
        (write("upsertBatch", {"type": "Room", "heat": value(1)}, options="update"), [], []),
        (write("deleteEntity"), [LIGHT, LOCATION], []),
        (write("deleteAttrs", attribute="light"), [LIGHT], []),
        (write("deleteAttrs", attribute="scope"), ["scope"], []),
        (write("updateAttrs", {"value": 3}, attribute="heat"), [], []),
        (write("updateEntity", {"location": point(0.2)}), [LOCATION], []),
        (write("updateEntity", {"location": point(2)}), [LOCATION], [LOCATION]),
        (write("mergeEntity", {"location": {"value": {"coordinates": [2, 2]}}}), [LOCATION], [LOCATION]),
        (write("mergeEntity", {"location": "urn:ngsi-ld:null"}), [LOCATION], [LOCATION]),
        (write("updateAttrs", {"value": {"type": "Point", "coordinates": [2, 2]}}, "location"), [LOCATION], [LOCATION]),
    ],
)
def test_a_write_that_is_sent_on(sent: Write, attributes: list[str], area: list[str]) -> None:
    assert uncovered_write(Clause(attributes=frozenset({HEAT})), sent, BEFORE) == attributes
    assert uncovered_write(Clause(area=SQUARE), sent, BEFORE) == area
    assert uncovered_write(Clause(), sent, BEFORE) == []
    assert uncovered_write(Clause(types=frozenset({CAMERA})), sent, BEFORE) == ["type"]


def test_an_evolution_goes_whole_or_not() -> None:
    assert uncovered_names(Clause(attributes=frozenset({HEAT})), write("deleteTemporal")) == ["attributes"]
    assert uncovered_names(Clause(types=frozenset({ROOM})), write("deleteTemporal")) == []


def test_evolutions_are_in_no_place() -> None:
    assert uncovered_names(Clause(area=SQUARE), write("appendAttrsTemporal", {"heat": [value(1)]})) == [LOCATION]
    assert uncovered_names(Clause(), write("appendAttrsTemporal", {"heat": [value(1)]})) == []


@pytest.mark.parametrize(
    ("clause", "operation", "expected"),
    [
        (Clause(), "deleteEntity", False),
        (Clause(types=frozenset({ROOM})), "createEntity", False),
        (Clause(types=frozenset({ROOM})), "updateEntity", True),
        (Clause(attributes=frozenset({HEAT})), "updateEntity", False),
        (Clause(attributes=frozenset({HEAT})), "deleteEntity", True),
        (Clause(area=SQUARE), "updateEntity", True),
    ],
)
def test_a_platform_is_asked_before_only_where_it_decides(clause: Clause, operation: str, expected: bool) -> None:
    assert looks(clause, write(operation, {})) is expected
