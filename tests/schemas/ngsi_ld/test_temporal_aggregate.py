"""Durations, periods and aggregation methods (clause 4.5.19)."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.temporal_aggregate import METHODS, Duration, aggregate, instant, parse_aggregation, parse_duration

START = datetime(2026, 1, 31, 12, 3, tzinfo=UTC)


def one(methods: str, values: list[Any], duration: str = "PT0S", *, kind: str = "Property") -> dict[str, Any]:
    timed = [(START + timedelta(minutes=n), value) for n, value in enumerate(values)]
    found = aggregate(timed, parse_aggregation(methods, duration), since=None, until=None, kind=kind)
    return {name: [row[0] for row in rows] for name, rows in found.items()}


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("PT0S", 0, 0),
        ("P0D", 0, 0),
        ("P2W", 0, 14 * 86400),
        ("P3Y6M4DT12H30M5S", 42, 4 * 86400 + 12 * 3600 + 30 * 60 + 5),
        ("PT1.5S", 0, 1.5),
    ],
)
def test_durations(text: str, months: int, seconds: float) -> None:
    assert parse_duration(text) == Duration(months, timedelta(seconds=seconds))


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "1H", "P-1D", "P1H", "bogus", "P1W1D", "P" + "9" * 99 + "D"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_duration(text)
    assert caught.value.field == "aggrPeriodDuration"


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_aggregation("avg,median", None)
    assert (caught.value.field, caught.value.value) == ("aggrMethods", "median")


def test_methods_on_numbers_and_booleans() -> None:
    everything = ",".join(METHODS)
    assert one(everything, [1, 2, 2, True]) == {
        "totalCount": [4],
        "distinctCount": [3],
        "sum": [6.0],
        "avg": [1.5],
        "min": [1.0],
        "max": [2.0],
        "stddev": [0.5],
        "sumsq": [10.0],
    }


def test_methods_leave_out_what_they_do_not_fit() -> None:
    assert one("avg,min,max,distinctCount", ["b", "a"]) == {"min": ["a"], "max": ["b"], "distinctCount": [2]}
    assert one("sum,sumsq,max", [[1, 2, 3], []]) == {"sum": [3.0], "max": [3.0]}
    assert one("sum,max,totalCount", [{"a": 1}]) == {"totalCount": [1]}
    assert one("min,totalCount,distinctCount", ["urn:x:1", "urn:x:1"], kind="Relationship") == {
        "totalCount": [2],
        "distinctCount": [1],
    }
    assert one("avg", ["10:00:00Z", "12:00:00Z"]) == {"avg": ["11:00:00Z"]}
    assert one("min", ["2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z"]) == {"min": ["2026-01-01T00:00:00Z"]}


def test_times_that_say_their_type_are_times() -> None:
    def typed(kind: str, *texts: str) -> list[Any]:
        return [{"@type": kind, "@value": text} for text in texts]

    days = typed("DateTime", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00.5Z")
    assert one("min,max,avg", days) == {"min": ["2026-01-01T00:00:00.5Z"], "max": ["2026-01-02T00:00:00Z"]}
    assert one("avg", typed("Time", "01:00:00Z", "02:00:00Z")) == {"avg": ["01:30:00Z"]}


def test_uris_are_counted_and_targets_one_by_one() -> None:
    assert one("max,min,distinctCount", ["urn:x:1", "urn:x:2"], kind="VocabProperty") == {"distinctCount": [2]}
    several = [["urn:x:1", "urn:x:2"], "urn:x:2", ["urn:x:2", "urn:x:3"]]
    assert one("distinctCount,totalCount", several, kind="Relationship") == {"distinctCount": [3], "totalCount": [3]}


def test_what_is_too_large_for_a_number_is_left_out() -> None:
    assert one("sum,avg,sumsq,stddev,max", [1e308, 1e308, -1.0]) == {"max": [1e308]}


def test_periods_by_the_calendar() -> None:
    timed: list[tuple[datetime, Any]] = [(START, 1), (START + timedelta(days=27), 2), (START + timedelta(days=40), 3)]
    found = aggregate(timed, parse_aggregation("sum", "P1M"), since=None, until=None, kind="Property")
    assert found["sum"] == [
        [3.0, "2026-01-31T12:03:00Z", "2026-02-28T12:03:00Z"],
        [3.0, "2026-02-28T12:03:00Z", "2026-03-31T12:03:00Z"],
    ]


def test_periods_begin_where_the_question_begins() -> None:
    since = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    found = aggregate([(START, 1)], parse_aggregation("sum", "PT1H"), since=since, until=None, kind="Property")
    assert found["sum"] == [[1.0, "2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z"]]
    with pytest.raises(BadRequestData):
        aggregate([(START, 1)], parse_aggregation("sum", "P9999Y"), since=since, until=None, kind="Property")


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.floats(-1e6, 1e6)), min_size=1, max_size=50),
    st.sampled_from(["PT1S", "PT7M", "P1D", "P1M", "P1Y", "P1M3DT5H"]),
)
def test_every_value_is_in_exactly_one_period(values: list[tuple[int, float]], duration: str) -> None:
    timed = sorted((START + timedelta(seconds=n), value) for n, value in values)
    found = aggregate(
        timed, parse_aggregation("totalCount,avg,stddev", duration), since=None, until=None, kind="Property"
    )
    assert sum(row[0] for row in found["totalCount"]) == len(timed)
    for (count, start, end), (mean, *_), (spread, *_) in zip(
        found["totalCount"], found["avg"], found["stddev"], strict=True
    ):
        inside = [value for at, value in timed if start <= instant(at) < end]
        assert len(inside) == count
        assert math.isclose(mean, statistics.fmean(inside), rel_tol=1e-9, abs_tol=1e-6)
        assert math.isclose(spread, statistics.pstdev(inside), rel_tol=1e-6, abs_tol=1e-4)
