"""What a platform's headers say of the use of its answers (RFC 9111, RFC 5861)."""

from __future__ import annotations

import pytest

from adapters.freshness import Demand, Freshness, demand_of


def read(*answers: dict[str, str]) -> Freshness:
    freshness = Freshness()
    for n, headers in enumerate(answers):
        freshness.take(f"http://h/{n}", headers)
    return freshness


@pytest.mark.parametrize(
    ("control", "seconds", "store", "stale"),
    [
        ("max-age=60", 60.0, True, None),
        ("public, Max-Age=60, s-maxage=5", 5.0, True, 0.0),
        ("max-age=60, no-cache", 0.0, True, None),
        ("no-store", None, False, None),
        ("private, max-age=60", 60.0, False, None),
        ('max-age="7"', 7.0, True, None),
        ("max-age=soon", 0.0, True, None),
        ("max-age=-1", 0.0, True, None),
        ("max-age=99999999999999999999", 86_400.0, True, None),
        ("max-age=1, stale-if-error=30", 1.0, True, 30.0),
        ("max-age=1, stale-if-error=30, must-revalidate", 1.0, True, 0.0),
        (", ,=3,", None, True, None),
    ],
)
def test_cache_control(control: str, seconds: float | None, store: bool, stale: float | None) -> None:
    found = read({"cache-control": control})
    assert (found.seconds, found.store, found.stale_if_error) == (seconds, store, stale)


def test_time_that_has_passed_on_the_way_counts() -> None:
    assert read({"cache-control": "max-age=60", "age": "50"}).seconds == 10.0
    assert read({"cache-control": "max-age=60", "age": "90"}).seconds == 0.0


def test_of_several_answers_the_strictest_counts() -> None:
    one, two = {"cache-control": "max-age=60", "etag": '"a"'}, {"cache-control": "max-age=5"}
    found = read(one, two, {})
    assert (found.seconds, found.etag, found.store) == (5.0, None, True)
    assert not read(one, {"cache-control": "no-store"}).store
    assert (read(one).etag, read(one).url) == ('"a"', "http://h/0")


@pytest.mark.parametrize(
    ("headers", "demand"),
    [
        ({}, Demand()),
        ({b"cache-control": b"max-stale"}, Demand()),
        ({b"cache-control": b"No-Cache"}, Demand(-1.0)),
        ({b"cache-control": b"max-age=60, no-cache"}, Demand(-1.0)),
        ({b"cache-control": b"max-age=60"}, Demand(60.0)),
        ({b"cache-control": b"max-age=soon"}, Demand(0.0)),
        ({b"cache-control": b"no-store"}, Demand(store=False)),
        ({b"cache-control": b"\xff=,;"}, Demand()),
        ({b"pragma": b"no-cache"}, Demand(-1.0)),
        ({b"pragma": b"no-cache", b"cache-control": b"max-age=5"}, Demand(5.0)),
    ],
)
def test_what_a_consumer_demands(headers: dict[bytes, bytes], demand: Demand) -> None:
    assert demand_of(headers) == demand
    assert demand.anew == (demand.age <= 0)
