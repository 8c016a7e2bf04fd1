"""The entity type selection language (clause 4.17)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData, TooComplexQuery
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.types import TypeSelection, parse_type_selection


def sets(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(one.split("+")) for one in alternatives)


@pytest.mark.parametrize(
    ("text", "alternatives"),
    [
        ("Building", sets("Building")),
        ("Building|House", sets("Building", "House")),
        ("Building,House,Building", sets("Building", "House")),
        ("(Home;Vehicle)", sets("Home+Vehicle")),
        ("(Home;Vehicle)|Motorhome", sets("Home+Vehicle", "Motorhome")),
        ("(Home;Vehicle),Motorhome", sets("Home+Vehicle", "Motorhome")),
        ("Home;Vehicle|Motorhome", sets("Home+Vehicle", "Motorhome")),
        ("(A|B);C", sets("A+C", "B+C")),
        ("Blesensor.per3600", sets("Blesensor.per3600")),
        ("https://example.org/a#T,ex:T", sets("https://example.org/a#T", "ex:T")),
        ("避難所", sets("避難所")),
    ],
)
def test_reads(text: str, alternatives: tuple[frozenset[str], ...]) -> None:
    assert parse_type_selection(text).alternatives == alternatives


@pytest.mark.parametrize(
    "text", ["", ",", "A,", "A||B", "(A", "A)", "()", "(A;)", "A B", 'A"', "A<B>", "\ud800", "A\x00"]
)
def test_refuses(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_type_selection(text)
    assert (caught.value.field, caught.value.clause) == ("type", "4.17")


@pytest.mark.parametrize("text", ["A" * 8193, "(" * 17 + "A" + ")" * 17, ",".join("A" * 257), ";".join(["(A|B)"] * 9)])
def test_bounds(text: str) -> None:
    with pytest.raises(TooComplexQuery) as caught:
        parse_type_selection(text)
    assert caught.value.field == "type"


def test_simple_and_names() -> None:
    assert parse_type_selection("A|B").simple == {"A", "B"}
    both = parse_type_selection("(A;B),C")
    assert both.simple is None
    assert both.names == {"A", "B", "C"}
    assert both.matches(["B", "A", "X"])
    assert both.matches(["C"])
    assert not both.matches(["A"])
    assert not both.matches([])


def test_names_in_a_context() -> None:
    iri = CORE.expand("Shelter")
    selection = parse_type_selection(f"{iri}|Shelter", context=CORE)
    assert selection.alternatives == sets("Shelter")
    assert selection.rename(CORE.expand).names == {iri}


expressions = st.recursive(
    st.sampled_from("ABCD"),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({';'.join(parts)})"),
        st.tuples(st.lists(inner, min_size=1, max_size=3), st.sampled_from("|,")).map(lambda p: f"({p[1].join(p[0])})"),
    ),
    max_leaves=8,
)


@given(expressions)
def test_means_what_it_says(text: str) -> None:
    selection = parse_type_selection(text)
    assert parse_type_selection(selection.text).alternatives == selection.alternatives
    python = text.replace(";", " and ").replace("|", " or ").replace(",", " or ")
    for size in range(5):
        for types in itertools.combinations("ABCD", size):
            assert selection.matches(types) is bool(eval(python, {name: name in types for name in "ABCD"}))


@given(st.text(st.sampled_from("AB.;|,() :"), max_size=20) | st.text(max_size=20))
def test_garbage_is_read_or_refused(text: str) -> None:
    try:
        selection = parse_type_selection(text)
    except BadRequestData as error:
        refused = error
    else:
        assert TypeSelection(selection.alternatives) == parse_type_selection(selection.text)
        return
    assert refused.field == "type"
