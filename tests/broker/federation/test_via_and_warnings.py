"""The Via chain and the warnings: what stands in these headers, and what never does."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.federation.via import been_here, extended, hops, pseudonym
from broker.federation.warn import warning, warnings
from schemas.errors import InvalidRequest
from schemas.outcome import Outcome, Status

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A noisy machine is no failure."""


def test_the_pseudonym_has_the_tenant() -> None:
    assert pseudonym("tokyo", "") == "tokyo"
    assert pseudonym("tokyo", "otemachi") == "tokyo.otemachi"


@pytest.mark.parametrize(
    ("via", "chain"),
    [
        (None, ()),
        ("", ()),
        ("1.1 a", ("a",)),
        ("1.1 a, 1.0 b (comment), HTTP/2 c", ("a", "b", "c")),
        ("1.1 a,1.1 b", ("a", "b")),
        (" , 1.1   a ,,", ("a",)),
        ("nonsense", ()),
    ],
)
def test_the_chain_is_read(via: str | None, chain: tuple[str, ...]) -> None:
    assert hops(via) == chain


def test_a_gateway_finds_itself_and_nobody_else() -> None:
    assert been_here("1.1 a, 1.1 tokyo.x, 1.1 b", "tokyo.x")
    assert not been_here("1.1 a, 1.1 tokyo, 1.1 tokyo.xy", "tokyo.x")
    assert not been_here(None, "tokyo")


def test_a_chain_that_is_too_long_is_a_loop() -> None:
    assert not been_here(", ".join(f"1.1 h{n}" for n in range(16)), "tokyo")
    assert been_here(", ".join(f"1.1 h{n}" for n in range(17)), "tokyo")
    with pytest.raises(InvalidRequest) as raised:
        hops("x" * 5000)
    assert raised.value.field == "Via"


@CALM
@given(st.lists(st.from_regex(r"[a-z0-9.-]{1,10}", fullmatch=True), max_size=6), st.sampled_from(("tokyo", "tokyo.a")))
def test_whoever_was_added_is_found(before: list[str], own: str) -> None:
    via = ", ".join(f"1.1 {name}" for name in before) or None
    assert been_here(extended(via, own), own)
    assert hops(extended(via, own)) == (*before, own)


@pytest.mark.parametrize("status", [Status.OK, Status.EMPTY])
def test_what_is_whole_needs_no_warning(status: Status) -> None:
    assert warning(Outcome("p", status)) is None


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.OK, Status.EMPTY)])
def test_everything_else_is_said(status: Status) -> None:
    text = warning(Outcome("urn:x:p", status, detail="because"))
    assert text is not None
    assert re.fullmatch(r'(111|199|299) urn:x:p "Partial answer, .+: because"', text)


@CALM
@given(st.text(max_size=500), st.text(min_size=1, max_size=50))
def test_a_warning_is_one_header_value_in_ascii(detail: str, platform: str) -> None:
    text = warning(Outcome(platform, Status.BAD, detail=detail))
    assert text is not None
    assert text.isascii()
    assert text.isprintable()
    code, agent, words = text.split(" ", 2)
    assert code == "111"
    assert agent
    assert words.startswith('"')
    assert words.endswith('"')
    assert '"' not in words[1:-1]
    assert len(words) <= 302


def test_warnings_of_several() -> None:
    outcomes = [Outcome("a", Status.OK), Outcome("b", Status.TIMEOUT), Outcome("c", Status.SKIPPED)]
    assert [w.split()[1] for w in warnings(outcomes)] == ["b", "c"]


def test_what_a_source_warns_of_is_passed_on_once() -> None:
    far = '199 far "Partial answer, nothing from this source"'
    told = [Outcome("a", Status.OK, warned=f'{far}, 110 b "old, very"'), Outcome("c", Status.EMPTY, warned=far)]
    assert warnings(told) == [far, '110 b "old, very"']
    assert not told[0].whole


@pytest.mark.parametrize("warned", ["", "nonsense", "299", '500 x "y"', '199 a\r\nb "x"', '199 a "x', '199 "a" "x"'])
def test_what_is_no_warning_is_not(warned: str) -> None:
    assert warnings([Outcome("a", Status.OK, warned=warned)]) == []


def test_many_warnings_of_one_source_are_cut() -> None:
    warned = ", ".join(f'199 s{n} "gone"' for n in range(50))
    assert len(warnings([Outcome("a", Status.OK, warned=warned)])) == 10
