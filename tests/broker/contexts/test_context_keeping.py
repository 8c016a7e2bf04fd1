"""How long and how much is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contexts.freshness import DEFAULT, LEAST, MOST, lifetime
from broker.contexts.lru import Lru


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, DEFAULT),
        ({"cache-control": "public"}, DEFAULT),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": 'Public, MAX-AGE="600"'}, 600),
        ({"cache-control": "max-age=600, s-maxage=900"}, 900),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "nonsense"}, 600),
        ({"cache-control": "max-age=0"}, LEAST),
        ({"cache-control": "no-store, max-age=600"}, LEAST),
        ({"cache-control": "no-cache"}, LEAST),
        ({"cache-control": "max-age=" + "9" * 5000}, MOST),
        ({"cache-control": "max-age=-1"}, DEFAULT),
        ({"cache-control": "max-age=٣"}, DEFAULT),
        ({"expires": "Sun, 22 Nov 2026 12:10:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 600),
        ({"expires": "Sun, 22 Nov 2026 11:00:00 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, LEAST),
        ({"expires": "Sun, 22 Nov 2026 12:10:00 GMT", "cache-control": "max-age=60"}, 60),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, LEAST),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, MOST),
        ({"expires": "0"}, LEAST),
        ({"expires": "Fri, 31 Dec 99999 99:99:99 +9999"}, LEAST),
    ],
)
def test_lifetime(headers: dict[str, str], seconds: float) -> None:
    assert lifetime(headers) == seconds


@given(st.text(max_size=40), st.text(max_size=10), st.text(max_size=40), st.text(max_size=40))
def test_any_header_gives_a_bounded_lifetime(cache_control: str, age: str, expires: str, date: str) -> None:
    headers = {"cache-control": cache_control, "age": age, "expires": expires, "date": date}
    assert LEAST <= lifetime(headers) <= MOST


def test_what_was_used_longest_ago_goes_first() -> None:
    lru: Lru[int] = Lru(2, 100)
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert (lru.get("a"), lru.get("b"), lru.get("c")) == (1, None, 3)


def test_what_is_too_heavy_is_not_kept() -> None:
    lru: Lru[int] = Lru(10, 100)
    lru.put("a", 1, 60)
    lru.put("b", 2, 101)
    assert (lru.get("a"), lru.get("b")) == (1, None)
    lru.put("c", 3, 100)
    assert (lru.get("a"), lru.get("c")) == (None, 3)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 50))))
def test_bounds_hold_whatever_is_put(puts: list[tuple[str, int]]) -> None:
    lru: Lru[int] = Lru(3, 60)
    for key, weight in puts:
        lru.put(key, weight, weight)
        kept = [w for k in "abcdef" if (w := lru.get(k)) is not None]
        assert len(kept) == len(lru) <= 3
        assert sum(kept) <= 60
        assert lru.get(key) == weight
