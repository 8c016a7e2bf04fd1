"""Patterns from outside, and the names, URIs and times that are told apart by their shape."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.instants import is_datetime, read_date, read_datetime, read_time
from schemas.ngsi_ld.language import choose, preferences
from schemas.ngsi_ld.names import is_name, is_scope, is_uri
from schemas.ngsi_ld.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (".*downtown$", "urn:ngsi-ld:OffStreetParking:downtown", True),
        ("downtown", "urn:ngsi-ld:downtown:1", True),
        ("^urn:ngsi-ld:Vehicle:[0-9]+$", "urn:ngsi-ld:Vehicle:12", True),
        ("^urn:ngsi-ld:Vehicle:[0-9]+$", "urn:ngsi-ld:Vehicle:12x", False),
        ("(?i)VEHICLE", "urn:ngsi-ld:Vehicle:1", True),
        ("避難.{1}$", "urn:避難所", True),
        ("^.$", "\ud800", False),
    ],
)
def test_searches(pattern: str, text: str, found: bool) -> None:
    assert compile_pattern(pattern).found_in(text) is found


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)", "look-ahead"),
        ("a(?!b)", "look-ahead"),
        ("(?<=a)b", "look-behind"),
        (r"(a)\1", "back references"),
        ("(", "missing"),
        ("[a", "missing"),
        ("\ud800", "Unicode"),
        ("x" * 1025, "1025 characters"),
        ("((a{99}){99}){99}", "repetition"),
    ],
)
def test_refuses_in_words(pattern: str, reason: str) -> None:
    with pytest.raises(BadRequestData, match=reason) as caught:
        compile_pattern(pattern, "idPattern")
    assert caught.value.field == "idPattern"


def test_no_backtracking() -> None:
    started = time.process_time()
    assert not compile_pattern("^(a+)+$").found_in("a" * 5000 + "!")
    # A backtracking engine needs 2 ** 5000 steps.
    assert time.process_time() - started < 2


@given(st.text(max_size=30))
def test_any_pattern_is_compiled_or_refused(pattern: str) -> None:
    try:
        compiled = compile_pattern(pattern)
    except BadRequestData as error:
        refused = error
    else:
        assert compiled.found_in("abc") in (True, False)
        return
    assert refused.field == "idPattern"


@pytest.mark.parametrize(
    ("text", "name", "uri"),
    [
        ("temperature", True, False),
        ("výška_1", True, False),
        ("温度", True, False),
        ("ex:name", True, True),
        ("https://example.org/a-b#c", True, True),
        ("urn:ngsi-ld:Vehicle:1", True, True),
        ("urn:避難所:1", True, True),
        ("9Vehicle", False, False),
        ("_x", False, False),
        ("my attr", False, False),
        ("a-b", False, False),
        ("a.b", False, False),
        ("@type", False, False),
        ("", False, False),
        (":", False, False),
        ("x:", False, False),
        ("http://exa mple", False, False),
        ("http://a\x00", False, False),
        ("urn:\ud800", False, False),
        ("u" * 2049, False, False),
        (None, False, False),
    ],
)
def test_names_and_uris(text: object, name: bool, uri: bool) -> None:
    assert is_name(text) is name
    assert is_uri(text) is uri


@pytest.mark.parametrize(
    ("text", "scope"),
    [("/Madrid", True), ("Madrid/Gardens_1", True), ("/東京/港区", True), ("/", False), ("//a", False), ("/a/", False),
     ("/1a", False), ("/a-b", False), ("urn:ngsi-ld:null", False), (1, False)],
)  # fmt: skip
def test_scopes(text: object, scope: bool) -> None:
    assert is_scope(text) is scope


@pytest.mark.parametrize(
    ("text", "taken", "wanted_of_providers"),
    [
        ("2026-04-01T09:00:00Z", True, True),
        ("2026-04-01T09:00:00.123456Z", True, True),
        ("2026-04-01T09:00:00,5Z", True, True),
        ("2026-04-01T09:00:00+09:00", True, False),
        ("2026-04-01T09:00:00.123456789Z", True, False),
        ("2026-04-01T09:00:00", False, False),
        ("2026-04-01T09:00Z", False, False),
        ("2026-04-31T09:00:00Z", False, False),
        ("20260401T090000Z", False, False),
        ("2026-W14-3T09:00:00Z", False, False),
        ("0001-01-01T00:00:00+09:00", False, False),
        ("２026-04-01T09:00:00Z", False, False),
        ("2026-04-01T09:00:00Z\n", False, False),
    ],
)
def test_datetimes(text: str, taken: bool, wanted_of_providers: bool) -> None:
    assert (read_datetime(text) is not None) is taken
    assert is_datetime(text) is wanted_of_providers


def test_instants_compare_by_time() -> None:
    assert read_datetime("2026-04-01T09:00:00+09:00") == read_datetime("2026-04-01T00:00:00.000Z")
    assert read_date("2026-04-01") is not None
    assert read_date("2026-4-1") is None
    assert read_time("09:00:00.5Z") == read_time("09:00:00.500Z")
    assert read_time("09:00:00") is None


@pytest.mark.parametrize(
    ("lang", "tag"),
    [("ja", "ja"), ("JA", "ja"), ("de", "@none"), ("fr", "fr-CH"), ("en-GB", "en"), ("*", "@none"),
     ("de,en;q=0.5", "en"),
     ("en;q=0.5, ja", "ja"), ("ja;q=0,en;q=0.1", "en"), ("de,*;q=0.5,ja;q=0.1", "@none")],
)  # fmt: skip
def test_language_is_chosen(lang: str, tag: str) -> None:
    assert choose({"ja": "1", "fr-CH": "2", "en": "3", "@none": "4"}, lang) == (
        tag,
        {"ja": "1", "fr-CH": "2", "en": "3", "@none": "4"}[tag],
    )


def test_language_edges() -> None:
    assert choose({"ja": "1"}, "de") == ("ja", "1")
    assert choose({}, "de") is None
    for bad in ("", "en;q=2", "e n", "en,,ja", "x" * 1001, "en;q=0.5555"):
        with pytest.raises(BadRequestData) as caught:
            preferences(bad)
        assert caught.value.field == "lang"


@pytest.mark.parametrize("read", [compile_pattern, preferences])
def test_a_fault_can_always_be_reported(read: Callable[[str], object]) -> None:
    with pytest.raises(BadRequestData) as caught:
        read("\ud800")
    f"{caught.value.detail}{caught.value.value}".encode()
