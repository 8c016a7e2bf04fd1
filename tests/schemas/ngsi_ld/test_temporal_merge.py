"""Evolutions of several platforms as one (clauses 4.5.5, 5.7.4), and what rights leave of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.narrowing import Clause, area_of
from schemas.narrowing_past import visible_past
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.temporal import INSTANCE, Window
from schemas.ngsi_ld.temporal_merge import History, Share, directed, latest, merged, read_history
from schemas.ngsi_ld.temporal_view import evolution

A = "https://example.org/a"
LOCATION = CORE.expand("location")
NAMES = [f"{INSTANCE}00000000-0000-7000-8000-00000000000{n}" for n in range(6)]


def at(minute: int) -> str:
    return f"2026-04-01T00:{minute:02}:00Z"


def one(value: Any, minute: int, name: str | None = None, **more: Any) -> dict[str, Any]:
    made = {"type": "Property", "value": value, "observedAt": at(minute), **more}
    return made if name is None else made | {"instanceId": name}


def history(*instances: Any, window: Window = Window(), **members: Any) -> History:
    return read_history({"id": "urn:x", "type": "T", A: list(instances), **members}, window)


def values(shares: list[Share]) -> list[Any]:
    return [point.body["value"] for point in merged(shares)["urn:x"].points]


def test_the_same_instance_is_one() -> None:
    first = history(one(1, 1, NAMES[1]), one(2, 2, NAMES[2]))
    by_name = history(one(3, 2, NAMES[2], modifiedAt=at(50)), one(4, 4, NAMES[4]))
    assert values([Share([first]), Share([by_name])]) == [1, 3, 4]
    assert values([Share([by_name]), Share([first])]) == [1, 3, 4]
    # two platforms, two names, one observation
    assert values([Share([first]), Share([history(one(1, 1, "urn:other:1"))])]) == [1, 2]


@pytest.mark.parametrize(("modified", "kept"), [(20, 9), (5, 1)])
def test_of_one_instant_the_value_that_was_modified_later_is_taken(modified: int, kept: int) -> None:
    first = Share([history(one(1, 1, NAMES[1], modifiedAt=at(10)))])
    other = Share([history(one(9, 1, "urn:other:1", modifiedAt=at(modified)))])
    assert values([first, other]) == values([other, first]) == [kept]
    apart = Share([history(one(9, 1, "urn:other:1", modifiedAt=at(modified), datasetId="urn:d"))])
    assert sorted(values([first, apart])) == [1, 9]


def test_one_platform_may_have_seen_the_same_twice() -> None:
    assert values([Share([history(one(1, 1, NAMES[1]), one(1, 1, NAMES[2]))])]) == [1, 1]
    # told again on its next page, it is no other
    assert values([Share([history(one(1, 1, NAMES[1])), history(one(1, 1, NAMES[1]), one(2, 2, NAMES[2]))])]) == [1, 2]


def test_auxiliary_only_adds() -> None:
    extra = Share([history(one(8, 1), one(9, 3))], auxiliary=True)
    assert values([extra, Share([history(one(1, 1), one(2, 2))])]) == [1, 2, 9]


def test_heads_are_united() -> None:
    told = [
        read_history({"id": "urn:x", "type": ["U", "T"], "createdAt": at(1), "modifiedAt": at(5), A: []}, Window()),
        read_history({"id": "urn:x", "type": "V", "createdAt": at(2), "modifiedAt": at(7), "b": [one(1, 1)]}, Window()),
    ]
    made = merged(Share([each]) for each in told)["urn:x"]
    assert made.head.types == ("T", "U", "V")
    assert (made.head.created_at.minute, made.head.modified_at.minute) == (1, 7)
    assert made.told == {A, "b"}


def test_what_is_outside_the_window_was_not_asked_for() -> None:
    window = Window("between", datetime(2026, 4, 1, 0, 1, tzinfo=UTC), datetime(2026, 4, 1, 0, 3, tzinfo=UTC))
    assert [p.body["value"] for p in history(*(one(m, m) for m in range(5)), window=window).points] == [1, 2]
    timed = history(one(1, 1), {"type": "Property", "value": 2}, "junk", 7, one(3, 2, datasetId=4), window=window)
    assert [p.body["value"] for p in timed.points] == [1]
    only = Window(datasets=("",))
    assert [p.body["value"] for p in history(one(1, 1), one(2, 2, datasetId="urn:d"), window=only).points] == [1]


def test_instances_keep_their_names() -> None:
    read = history(one(1, 1, "urn:other:1"), one(2, 2, NAMES[2]), one(3, 3))
    rows = evolution(read.head, read.points, sys_attrs=False)[A]
    assert [row.get("instanceId") for row in rows] == ["urn:other:1", NAMES[2], None]


def test_the_last_ones_and_the_direction() -> None:
    points = history(*(one(m, m) for m in range(6)), b=[one(9, 0)]).points
    assert sorted(p.body["value"] for p in latest(points, 2)) == [4, 5, 9]
    until = datetime(2026, 4, 1, 0, 3, tzinfo=UTC)
    assert [p.body["value"] for p in directed(points, Window(), until)][-1] == 3
    assert [p.body["value"] for p in directed(points, Window(last_n=9), until)] == [5, 4, 3]


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ([Clause()], [1, 2]),
        ([Clause(types=frozenset({"U"}))], None),
        ([Clause(types=frozenset({"T"}), attributes=frozenset({A}))], [1]),
        ([Clause(attributes=frozenset({A})), Clause(attributes=frozenset({"b"}))], [1, 2]),
        ([Clause(attributes=frozenset({"c"}))], None),
    ],
)
def test_rights(clauses: list[Clause], expected: list[int] | None) -> None:
    seen = visible_past(history(one(1, 1), b=[one(2, 2)]), clauses)
    assert (None if seen is None else [p.body["value"] for p in seen.points]) == expected


def test_a_right_for_an_area_is_for_no_past() -> None:
    area = Clause(area=area_of({"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}))
    place = {**one(0, 1), "type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 5]}}
    assert visible_past(history(one(1, 1), **{LOCATION: [place]}), [area]) is None
