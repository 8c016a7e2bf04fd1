from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.geojson.names import RESERVED, decode_name, encode_name, entity_id, is_name, is_uri
from adapters.geojson.values import absent, boolean, day, integer, moment, number
from schemas.ngsi_ld.instants import is_datetime

TOKYO = ZoneInfo("Asia/Tokyo")
EARLIEST = datetime.fromisoformat("1000-01-02")
TRICKY = st.text(alphabet="x_0A3Fé施・ 2", min_size=1, max_size=8)


@given(st.text(min_size=1, max_size=20) | TRICKY)
def test_any_text_becomes_a_name_and_comes_back(text: str) -> None:
    name = encode_name(text)
    assert is_name(name)
    assert name not in RESERVED
    assert decode_name(name) == text


@given(TRICKY, TRICKY)
def test_different_texts_give_different_names(a: str, b: str) -> None:
    assume(a != b)
    assert encode_name(a) != encode_name(b)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("施設名", "施設名"),
        ("施設・場所名", "施設_x30FB_場所名"),
        ("2階", "x32_階"),
        ("id", "x69_d"),
        ("capacity_2", "capacity_2"),
    ],
)
def test_names_stay_readable(text: str, name: str) -> None:
    assert encode_name(text) == name


def test_ids_become_uris() -> None:
    assert entity_id("urn:ngsi-ld:A:1", "B") == "urn:ngsi-ld:A:1"
    assert entity_id("https://example.jp/1", "B") == "https://example.jp/1"
    assert entity_id("E1310", "Shelter") == "urn:ngsi-ld:Shelter:E1310"
    assert entity_id("豊洲 1", "避難所") == ("urn:ngsi-ld:%E9%81%BF%E9%9B%A3%E6%89%80:%E8%B1%8A%E6%B4%B2%201")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_every_id_is_a_uri(text: str) -> None:
    assert is_uri(entity_id(text, "T"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("１２３", 123),
        ("1,234", 1234),
        ("1,234,567.5", 1234567.5),
        ("　35.5　", 35.5),
        ("△5", -5),
        ("−3", -3),
        (7, 7),
        (7.5, 7.5),
        ("1e3", 1000.0),
        ("12人", None),
        ("1,23", None),
        ("", None),
        ("nan", None),
        (float("inf"), None),
        (True, None),
        ("9" * 300, None),
        ("9" * 25, 1e25),
    ],
)
def test_numbers_as_people_type_them(text: Any, expected: float | None) -> None:
    assert number(text) == expected


def test_whole_numbers_and_truth() -> None:
    assert integer("5.0") == 5
    assert integer("5.5") is None
    assert [boolean(v) for v in ("○", "有", "true", 1, True)] == [True] * 5
    assert [boolean(v) for v in ("×", "無", "False", 0, False)] == [False] * 5
    assert boolean("△") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-01T09:00:00+09:00", "2026-04-01T00:00:00Z"),
        ("2026-04-01T00:00:00.250Z", "2026-04-01T00:00:00.250Z"),
        ("2026/4/1 9:00", "2026-04-01T00:00:00Z"),
        ("2026年4月1日9時30分", "2026-04-01T00:30:00Z"),
        ("令和8年4月1日", "2026-03-31T15:00:00Z"),
        ("令和元年5月1日", "2019-04-30T15:00:00Z"),
        ("Ｈ３０.4.1", "2018-03-31T15:00:00Z"),
        ("2026-02-30", None),
        ("yesterday", None),
        (20260401, None),
        ("0001-01-01", None),
    ],
)
def test_moments_in_tokyo(text: Any, expected: str | None) -> None:
    assert moment(text, TOKYO) == expected


def test_a_day_stays_the_day_that_is_written() -> None:
    assert day("令和8年4月1日", TOKYO) == "2026-04-01"


@given(st.datetimes(min_value=EARLIEST))
def test_every_moment_is_a_datetime_of_the_clause(when: Any) -> None:
    assert is_datetime(moment(when.isoformat(), TOKYO))


def test_nothing_said_is_absent_and_zero_is_not() -> None:
    assert all(absent(v) for v in (None, "", "　 ", [], {}))
    assert not any(absent(v) for v in (0, False, "0", [0]))
