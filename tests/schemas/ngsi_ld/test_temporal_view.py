"""Evolutions as they leave, and their pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.ngsi_ld.temporal import Form, TemporalQuery, Window
from schemas.ngsi_ld.temporal_view import Head, Point, Range, cut, present

START = datetime(2026, 1, 1, tzinfo=UTC)
BASE = "https://uri.etsi.org/ngsi-ld/default-context/"
HEAD = Head("urn:ngsi-ld:Shelter:1", (BASE + "Shelter",), START, START)


def point(n: int, minutes: int, attribute: str = "speed", dataset: str = "", **body: Any) -> Point:
    at = START + timedelta(minutes=minutes)
    made = body or {"type": "Property", "value": n, "observedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return Point(BASE + attribute, dataset, UUID(int=n), at, START, START, None, made)


_MINUTES = st.lists(st.integers(0, 40), max_size=60)


@given(st.lists(_MINUTES, min_size=1, max_size=4), st.integers(1, 20))
def test_pages_forwards_lose_and_repeat_nothing(given_: list[list[int]], most: int) -> None:
    everything = {
        str(e): [point(1000 * e + n, m) for n, m in enumerate(sorted(minutes))] for e, minutes in enumerate(given_)
    }
    seen: dict[str, list[Point]] = {name: [] for name in everything}
    since: datetime | None = None
    for _ in range(200):
        left = {name: [p for p in rows if since is None or p.at > since] for name, rows in everything.items()}
        page, part = cut(left, Window(), most)
        for name, rows in page.items():
            crowd = sum(1 for p in left[name] if p.at == left[name][0].at) if left[name] else 0
            assert len(rows) <= max(most, crowd)
            seen[name] += rows
        if part is None:
            break
        assert sum(map(len, page.values())) > 0
        since = part.end
    assert seen == everything


@given(_MINUTES, st.integers(1, 20))
def test_pages_backwards_begin_with_the_latest(minutes: list[int], most: int) -> None:
    rows = [point(n, m) for n, m in enumerate(sorted(minutes, reverse=True))]
    page, part = cut({"a": rows}, Window(last_n=100), most)
    assert page["a"] == rows[: len(page["a"])]
    assert (part is None) is (len(rows) <= most)
    if part is not None:
        assert (part.start, part.end, part.size) == (rows[0].at, page["a"][-1].at, 100)


def test_the_range_tells_what_was_asked() -> None:
    rows = [point(n, n) for n in range(5)]
    since, until = START - timedelta(days=1), START + timedelta(days=1)
    _, part = cut({"a": rows}, Window("between", since, until), 2)
    assert part == Range(since, START + timedelta(minutes=1), None)
    assert part.header == "date-time 2025-12-31T00:00:00Z-2026-01-01T00:01:00Z/*"
    _, part = cut({"a": rows[::-1]}, Window("before", until, last_n=9), 2)
    assert part == Range(until, START + timedelta(minutes=3), 9)


def test_simplified_apart_by_dataset() -> None:
    points = [point(1, 1), point(2, 2, dataset="urn:x:a"), point(3, 3)]
    made = present(HEAD, points, [(BASE + "free", "Relationship")], TemporalQuery(form=Form.VALUES))
    assert made == {
        "id": HEAD.id,
        "type": "Shelter",
        "speed": [
            {"type": "Property", "values": [[1, "2026-01-01T00:01:00Z"], [3, "2026-01-01T00:03:00Z"]]},
            {"type": "Property", "datasetId": "urn:x:a", "values": [[2, "2026-01-01T00:02:00Z"]]},
        ],
        "free": {"type": "Relationship", "objects": []},
    }


def test_a_language_is_chosen_in_every_form() -> None:
    points = [point(1, 1, type="LanguageProperty", languageMap={"ja": "駅", "en": "station"})]
    normalized = present(HEAD, points, (), TemporalQuery(lang="ja"))["speed"][0]
    assert (normalized["type"], normalized["value"], normalized["lang"]) == ("Property", "駅", "ja")
    short = present(HEAD, points, (), TemporalQuery(lang="ja", form=Form.VALUES))["speed"]
    assert short == {"type": "Property", "values": [["駅", "2026-01-01T00:01:00Z"]]}


def test_concise_and_system_attributes() -> None:
    made = present(HEAD, [point(1, 1)], (), TemporalQuery(form=Form.CONCISE, sys_attrs=True))
    assert made["createdAt"] == "2026-01-01T00:00:00Z"
    assert made["speed"] == [
        {
            "value": 1,
            "observedAt": "2026-01-01T00:01:00Z",
            "instanceId": f"urn:ngsi-ld:Instance:{UUID(int=1)}",
            "createdAt": "2026-01-01T00:00:00Z",
            "modifiedAt": "2026-01-01T00:00:00Z",
        }
    ]


def test_pick_and_omit() -> None:
    points = [point(1, 1), point(2, 2, "free")]
    assert present(HEAD, points, (), TemporalQuery(pick=("id",))) == {"id": HEAD.id}
    assert list(present(HEAD, points, (), TemporalQuery(omit=("type", "speed")))) == ["id", "free"]
    assert present(HEAD, points, (), TemporalQuery(pick=("unknown",))) == {}
