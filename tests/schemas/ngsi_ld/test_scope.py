"""The scope query language (clause 4.19)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData, TooComplexQuery
from schemas.ngsi_ld.scope import ScopeQuery, parse_scope_query

LEVELS = st.sampled_from(["Tokyo", "Minato", "Shelters", "+"])
PATTERNS = st.builds(
    lambda levels, below: "/" + "/".join(levels) + ("/#" if below else ""),
    st.lists(LEVELS, min_size=1, max_size=4),
    st.booleans(),
)
SCOPES = st.lists(
    st.lists(st.sampled_from(["Tokyo", "Minato", "Shelters"]), min_size=1, max_size=4).map(lambda p: "/" + "/".join(p)),
    max_size=3,
)


@pytest.mark.parametrize(
    ("query", "scope", "expected"),
    [
        ("/Madrid", "/Madrid", True),
        ("/Madrid", "Madrid", True),
        ("/Madrid", "/Madrid/Gardens", False),
        ("/Madrid/Gardens/#", "/Madrid/Gardens", True),
        ("/Madrid/Gardens/#", "/Madrid/Gardens/ParqueNorte/Parterre1", True),
        ("/Madrid/Gardens/#", "/Madrid/Sights", False),
        ("/Madrid/+/ParqueNorte", "/Madrid/Sights/ParqueNorte", True),
        ("/Madrid/+/ParqueNorte", "/Madrid/ParqueNorte", False),
        ("/#", "/Anything", True),
        ("/#", None, False),
        ("/#", [], False),
        ("(/Madrid/Districts;/CompanyA)", ["/Madrid/Districts", "/CompanyA"], True),
        ("/Madrid/Districts;/CompanyA", ["/Madrid/Districts", "/CompanyA"], True),
        ("(/Madrid/Districts;/CompanyA)", ["/Madrid/Districts"], False),
        ("(/Madrid/Districts;/CompanyA)|CompanyB", "/CompanyB", True),
        ("(/Madrid/Districts;/CompanyA),CompanyB", "/CompanyA", False),
        ("/東京/港区", "/東京/港区", True),
    ],
)
def test_matches(query: str, scope: object, expected: bool) -> None:
    assert parse_scope_query(query).matches(scope) is expected


@pytest.mark.parametrize("text", ["", "/", "//a", "/a/", "/#/a", "/a,", "(/a;/b", "/a b", "/1a", "/a\ud800", "(/a|/b)"])
def test_refuses(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_scope_query(text)
    assert (caught.value.field, caught.value.clause) == ("scopeQ", "4.19")


@pytest.mark.parametrize("text", ["/a" * 5000, ",".join(["/a"] * 300)])
def test_is_bounded(text: str) -> None:
    with pytest.raises(TooComplexQuery):
        parse_scope_query(text)


@given(st.lists(st.lists(PATTERNS, min_size=1, max_size=3), min_size=1, max_size=3), SCOPES)
def test_its_text_means_the_same(alternatives: list[list[str]], scopes: list[str]) -> None:
    query = parse_scope_query(",".join(f"({';'.join(wanted)})" for wanted in alternatives))
    again = parse_scope_query(query.text)
    assert again == query
    assert again.matches(scopes) is any(
        all(any(ScopeQuery(((pattern,),)).matches([scope]) for scope in scopes) for pattern in wanted)
        for wanted in query.alternatives
    )
