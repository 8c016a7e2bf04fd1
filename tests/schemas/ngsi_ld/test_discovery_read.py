"""What platforms say of their types and attributes: read with care, put together."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.discovery import (
    AttributeInfo,
    TypeInfo,
    attribute_info_in,
    attribute_names_in,
    attributes_united,
    table_in,
    type_info_in,
    types_united,
    united,
)

ROOM, HEAT, LIGHT = map(CORE.expand, ("Room", "heat", "light"))


def test_names_become_iris() -> None:
    assert table_in([{"id": ROOM, "typeName": "Zimmer", "attributeNames": ["heat", LIGHT]}], "attributeNames") == {
        ROOM: [HEAT, LIGHT]
    }
    assert table_in([{"attributeName": "heat", "typeNames": ["Room"]}], "typeNames") == {HEAT: [ROOM]}
    assert attribute_names_in({"attributeList": ["light", "heat"]}) == [HEAT, LIGHT]
    told = {"entityCount": 3, "attributeDetails": [{"id": HEAT, "attributeTypes": ["Property"]}]}
    assert type_info_in(told) == TypeInfo(3, {HEAT: ["Property"]})
    given = {"attributeCount": 2, "attributeTypes": ["Property"], "typeNames": ["Room"]}
    assert attribute_info_in(given) == AttributeInfo(2, ["Property"], [ROOM])


@pytest.mark.parametrize("junk", [None, 1, "x", [], [1, None, {}], {"attributeDetails": 1}, {"attributeList": [1]}])
def test_what_is_none_is_nothing(junk: Any) -> None:
    assert table_in(junk, "typeNames") == {}
    assert attribute_names_in(junk) == []
    assert type_info_in(junk) == TypeInfo()
    assert attribute_info_in(junk) == AttributeInfo()


@pytest.mark.parametrize("count", [-1, True, "3", 1.5, None])
def test_no_count_is_none(count: Any) -> None:
    assert (type_info_in({"entityCount": count}).count, attribute_info_in({"attributeCount": count}).count) == (0, 0)


def test_put_together() -> None:
    assert united([{"b": ["y"], "a": ["x"]}, {"b": ["x", "y"]}]) == {"a": ["x"], "b": ["x", "y"]}
    one, other = TypeInfo(1, {"a": ["Property"]}), TypeInfo(2, {"a": ["GeoProperty"], "b": []})
    assert types_united([one, other]) == TypeInfo(3, {"a": ["GeoProperty", "Property"], "b": []})
    first, second = AttributeInfo(1, ["Property"], ["T"]), AttributeInfo(1, ["Property"], ["S"])
    assert attributes_united([first, second]) == AttributeInfo(2, ["Property"], ["S", "T"])
