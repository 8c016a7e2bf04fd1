"""Versions of one entity become one (clause 4.5.5)."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.federation.resolve import resolve

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A noisy machine is no failure."""

NOW = "2026-11-22T12:00:00.000Z"
ID = "urn:x:1"


def version(**members: Any) -> dict[str, Any]:
    return {"id": ID, "type": "T", **members}


def seen(value: Any, at: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value} | ({"observedAt": at} if at else {}) | more


def merged(*versions: dict[str, Any], auxiliary: int = 0) -> dict[str, Any]:
    return resolve(versions, now=NOW, auxiliary=auxiliary)


def test_one_version_is_left_as_it_is() -> None:
    only = version(a=seen(1), expiresAt="2020-01-01T00:00:00Z")
    assert merged(only) is only


def test_attributes_are_united_and_types_and_scopes_too() -> None:
    a = version(a=seen(1), scope="/x") | {"type": ["T", "U"]}
    b = version(b=seen(2), scope=["/x", "/y"]) | {"type": ["U", "V"]}
    assert merged(a, b) == {"id": ID, "type": ["T", "U", "V"], "scope": ["/x", "/y"], "a": seen(1), "b": seen(2)}
    assert merged(version(a=seen(1)), version(b=seen(2)))["type"] == "T"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00.001Z"),
        ("2026-11-22T10:00:00.9Z", "2026-11-22T10:00:01Z"),
        ("2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00.50001Z"),
        ("2026-11-22T18:59:59+09:00", "2026-11-22T10:00:00Z"),
        (None, "2026-11-22T10:00:00Z"),
        ("yesterday", "2026-11-22T10:00:00Z"),
        (7, "0001-01-02T00:00:00Z"),
    ],
)
def test_the_newest_observation_wins_wherever_it_stands(older: Any, newer: str) -> None:
    a, b = version(n=seen("old", older)), version(n=seen("new", newer))
    assert merged(a, b)["n"]["value"] == merged(b, a)["n"]["value"] == "new"


def test_modified_at_decides_where_observations_do_not() -> None:
    at = "2026-11-22T10:00:00Z"
    a = version(n=seen("old", at, modifiedAt="2026-11-22T10:00:01Z"))
    b = version(n=seen("new", at, modifiedAt="2026-11-22T10:00:02Z"))
    assert merged(a, b)["n"]["value"] == merged(b, a)["n"]["value"] == "new"


def test_on_a_tie_the_first_registration_wins() -> None:
    a, b = version(n=seen("first", "2026-11-22T10:00:00Z")), version(n=seen("second", "2026-11-22T10:00:00.000Z"))
    assert merged(a, b)["n"]["value"] == "first"
    assert merged(version(n=seen("first")), version(n=seen("second")))["n"]["value"] == "first"


def test_each_dataset_is_an_instance_of_its_own() -> None:
    a = version(n=[seen(1, "2026-11-22T09:00:00Z"), seen(2, "2026-11-22T09:00:00Z", datasetId="urn:d:1")])
    b = version(n=[seen(3, "2026-11-22T08:00:00Z"), seen(4, "2026-11-22T10:00:00Z", datasetId="urn:d:1")])
    c = version(n=seen(5, datasetId="urn:d:2"))
    assert [i["value"] for i in merged(a, b, c)["n"]] == [1, 4, 5]


def test_what_has_expired_is_dropped() -> None:
    gone = seen("gone", "2026-11-22T11:00:00Z", expiresAt="2026-11-22T11:59:59Z")
    assert merged(version(n=gone), version(n=seen("here")))["n"]["value"] == "here"
    assert "n" not in merged(version(n=gone), version(m=seen(1)))
    whole = version(n=seen("gone", "2026-11-22T11:00:00Z"), extra=seen(1), expiresAt="2026-11-22T11:00:00Z")
    assert merged(whole, version(n=seen("here"))) == version(n=seen("here"))
    both = merged(whole, whole)
    assert both["n"]["value"] == "gone", "that all have expired is for their sources to say"


def test_times_of_the_entity() -> None:
    a = version(createdAt="2026-01-02T00:00:00Z", modifiedAt="2026-01-03T00:00:00Z", expiresAt="2027-01-01T00:00:00Z")
    b = version(createdAt="2026-01-01T00:00:00Z", modifiedAt="2026-01-02T00:00:00Z", expiresAt="2027-01-02T00:00:00Z")
    assert merged(a, b) == version(
        createdAt="2026-01-01T00:00:00Z", modifiedAt="2026-01-03T00:00:00Z", expiresAt="2027-01-02T00:00:00Z"
    )
    assert "expiresAt" not in merged(a, version())


def test_an_auxiliary_registration_adds_and_never_overrides() -> None:
    own = version(n=seen("own", "2026-11-22T09:00:00Z"))
    added = version(n=seen("added", "2026-11-22T11:00:00Z"), m=seen("added"))
    found = merged(own, added, auxiliary=1)
    assert (found["n"]["value"], found["m"]["value"]) == ("own", "added")
    assert merged(added, version(m=seen("later", "2026-11-22T11:00:00Z")), auxiliary=2)["m"]["value"] == "later"


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5) | st.just("2026-11-22T09:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(
    ("n", "scope", "createdAt", "modifiedAt", "expiresAt", "observedAt", "datasetId", "value", "type")
)
hostile = st.dictionaries(members, json | st.dictionaries(members, json, max_size=4), max_size=5).map(
    lambda given: given | {"id": ID, "type": "T"}
)


@CALM
@given(st.lists(hostile, min_size=1, max_size=4))
def test_whatever_sources_send_is_merged_or_passed_on(versions: list[dict[str, Any]]) -> None:
    before = orjson.dumps(versions)
    found = merged(*versions)
    assert found["id"] == ID
    assert found["type"] == "T"
    assert orjson.dumps(versions) == before, "what was given is left untouched"


times = st.none() | st.integers(0, 9).map(lambda n: f"2026-11-22T0{n}:00:00Z")


@CALM
@given(st.lists(st.tuples(st.integers(0, 9), times), min_size=2, max_size=4, unique_by=lambda pair: pair[1]))
def test_the_order_of_registrations_matters_only_on_a_tie(given: list[tuple[int, str | None]]) -> None:
    versions = [version(n=seen(value, at)) for value, at in given]
    assert len({orjson.dumps(merged(*order)) for order in permutations(versions)}) == 1
