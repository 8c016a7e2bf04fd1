from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Manifest
from adapters.manifest import load_manifest, parse_manifest, validate_options
from schemas.capability import Paging
from schemas.errors import BadRequestData, SettingsError

COLUMN = {"type": ["string", "object"], "properties": {"from": {"type": "string"}}, "required": ["from"]}
BASE: dict[str, Any] = {
    "kind": "x",
    "title": "X",
    "title_ja": "エックス",
    "standard": "S",
    "version": "1",
    "capabilities": {"by_id": True, "paging": "offset", "q_operators": ["=="]},
    "options_schema": {
        "type": "object",
        "required": ["path"],
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "size": {"type": "integer", "minimum": 1, "maximum": 10, "default": 5},
            "mode": {"type": "string", "enum": ["a", "b"]},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "free": {"type": "object"},
            "map": {"type": "object", "properties": {"n": COLUMN}},
            "list": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
        },
    },
    "quality": [{"id": "probe", "done": True}, {"id": "write", "done": False, "note": "files are read only"}],
}  # fmt: skip


def parsed(**changes: Any) -> Manifest:
    return parse_manifest(orjson.dumps({**BASE, **changes}), "adapters.x")


def test_manifest_is_read() -> None:
    manifest = parsed()
    assert manifest.capabilities.by_id
    assert not manifest.capabilities.retrieve
    assert manifest.capabilities.paging is Paging.OFFSET
    assert manifest.capabilities.q_operators == {"=="}
    assert manifest.quality[1].note


@pytest.mark.parametrize(
    "changes",
    [
        {"capabilities": {"by_idd": True}},
        {"capabilities": {"by_id": "yes"}},
        {"capabilities": {"paging": "magic"}},
        {"surprise": 1},
        {"title": 3},
        {"quality": [{"id": "write", "done": False}]},
        {"options_schema": {"type": "object", "oneOf": []}},
        {"options_schema": {"type": "object", "properties": {"a": {"type": "text"}}}},
        {"options_schema": {"properties": {"a": {"type": "array", "items": {"pattern": ".*"}}}}},
    ],
)
def test_a_wrong_manifest_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        parsed(**changes)


def test_no_manifest_names_the_package() -> None:
    with pytest.raises(SettingsError, match=r"adapters\.testing"):
        load_manifest("adapters.testing")


def test_defaults_are_filled_in_and_the_input_is_untouched() -> None:
    given_options = {"path": "p", "map": {"n": {"from": "c"}}}
    filled = validate_options(parsed(), given_options)
    assert filled == {"path": "p", "size": 5, "map": {"n": {"from": "c"}}}
    assert given_options == {"path": "p", "map": {"n": {"from": "c"}}}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "options.path"),
        ({"path": ""}, "options.path"),
        ({"path": 1}, "options.path"),
        ({"path": "p", "sizes": 1}, "options.sizes"),
        ({"path": "p", "size": 0}, "options.size"),
        ({"path": "p", "size": 11}, "options.size"),
        ({"path": "p", "size": True}, "options.size"),
        ({"path": "p", "size": 1.5}, "options.size"),
        ({"path": "p", "mode": "c"}, "options.mode"),
        ({"path": "p", "headers": {"a": 1}}, "options.headers.a"),
        ({"path": "p", "map": {"n": {"form": "c"}}}, "options.map.n.form"),
        ({"path": "p", "map": {"n": {}}}, "options.map.n.from"),
        ({"path": "p", "map": {"n": 3}}, "options.map.n"),
        ({"path": "p", "map": {"m": "c"}}, "options.map.m"),
        ({"path": "p", "list": [1, "2"]}, "options.list[1]"),
        ({"path": "p", "list": [1, 2, 3]}, "options.list"),
        (["path"], "options"),
        ("path", "options"),
    ],
)
def test_a_wrong_option_is_named(options: Any, field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        validate_options(parsed(), options)
    assert raised.value.field == field


def test_an_object_without_a_list_of_members_is_open() -> None:
    assert validate_options(parsed(), {"path": "p", "free": {"any": [1]}})["free"] == {"any": [1]}


def test_a_manifest_without_options_takes_none() -> None:
    manifest = parsed(options_schema={})
    assert validate_options(manifest, {}) == {}
    with pytest.raises(BadRequestData, match=r"options\.a"):
        validate_options(manifest, {"a": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "size", "map", "n"]), inner),
    max_leaves=8,
)


@given(JSON)
def test_any_json_is_taken_or_refused_with_a_field(options: Any) -> None:
    fault: BadRequestData | None = None
    filled: dict[str, Any] = {}
    try:
        filled = validate_options(parsed(), options)
    except BadRequestData as e:
        fault = e
    if fault is not None:
        assert str(fault.field).startswith("options")
    else:
        assert isinstance(filled["path"], str)
        assert 1 <= filled["size"] <= 10
