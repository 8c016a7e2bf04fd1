"""Stored sort keys against the order in memory, which is what they stand for."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.ngsi_ld.collation import ROOT
from schemas.ngsi_ld.order import ranked
from schemas.ngsi_ld.sort_key import BOOLEAN, DATETIME, LONGEST, NUMBER, TEXT, exact, rank_ends, sort_key

near = st.text("aAbBßéÉアあガｱ1２½ -_.,$€漢字…ﬁ\u0301\n", max_size=8)
long = st.tuples(st.sampled_from(("a", "避", "a\u0301", "\u0301", "é")), st.integers(30, 300), near).map(
    lambda parts: parts[0] * parts[1] + parts[2]
)
texts = st.one_of(near, st.text(max_size=30), long)
numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from((0, -0.0, 0.0, 2**53, 2**53 + 1, 1e300, -5e-324, 1.5, -1.5)),
)
times = st.sampled_from(
    [
        {"@type": kind, "@value": value}
        for kind in ("DateTime", "Date", "Time", "x")
        for value in ("2024-05-01T00:00:00Z", "2024-05-01T00:00:00.25Z", "2024-05-01", "08:30:00Z", "0001-01-01", "-")
    ]
)
plain = st.one_of(texts, numbers, st.booleans(), times)
values = st.one_of(plain, st.lists(plain, max_size=3), st.dictionaries(st.sampled_from("mn"), plain, max_size=2))


def keyed(value: Any) -> bytes:
    key = sort_key(value)
    assert key is not None
    return key


def compared(one: Any, other: Any) -> int:
    first, second = ranked(one, ROOT), ranked(other, ROOT)
    assert first is not None
    assert second is not None
    return (first > second) - (first < second)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.tuples(texts, texts), st.tuples(numbers, numbers), st.tuples(values, values)))
@example(("ß", "ss"))
@example(("ア", "あ"))
@example(("a", "ａ"))
@example(("Résumé", "resume"))
@example(("x" * 60 + "a", "x" * 60 + "B"))
@example((2**53, 2**53 + 1))
def test_keys_stand_as_their_values_do(pair: tuple[Any, Any]) -> None:
    one, other = map(keyed, pair)
    wanted = compared(*pair)
    if one != other:
        assert (one > other) - (one < other) == wanted
    elif exact(one):
        assert wanted == 0


@given(values)
def test_a_key_is_bounded_and_within_its_rank(value: Any) -> None:
    key, place = keyed(value), ranked(value, ROOT)
    assert place is not None
    low, high = rank_ends(place[0])
    assert low <= key <= high
    assert len(key) <= LONGEST


def test_nothing_has_no_key() -> None:
    assert sort_key(None) is None


@pytest.mark.parametrize(
    ("value", "rank", "size"),
    [(7, NUMBER, 9), ("ward-07", TEXT, 9), (True, BOOLEAN, 2), (times, DATETIME, 9)],
)
def test_keys_are_short(value: Any, rank: int, size: int) -> None:
    key = keyed({"@type": "DateTime", "@value": "2024-05-01T00:00:00Z"} if value is times else value)
    assert (key[0], len(key)) == (rank, size)
    assert exact(key)


def test_a_sorted_list_is_the_one_that_the_order_makes() -> None:
    given = ["b", "a", "C", "á", "漢", "かな", "カナ", "10", "9", "_", " ", "€", "A", "ab", "aB", ""]
    assert sorted(given, key=keyed) == sorted(given, key=cmp_to_key(compared))
