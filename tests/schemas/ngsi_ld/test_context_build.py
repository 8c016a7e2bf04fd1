"""Contexts from values and documents: references, order, limits, and hostile input."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadRequestData, ContextNotAvailable
from schemas.ngsi_ld.context import CORE, Context, build, core, references

A, B, C = (f"https://example.org/{name}.jsonld" for name in "abc")


def test_references_resolve_through_documents_in_order() -> None:
    documents = {
        A: {"@context": ["b.jsonld", {"x": "https://example.org/from-a"}]},
        B: {"@context": {"x": "https://example.org/from-b", "y": "https://example.org/y"}},
    }
    context = build(A, documents)
    assert context.expand("x") == "https://example.org/from-a"
    assert context.expand("y") == "https://example.org/y"
    assert context.url == A


def test_later_parts_win_and_null_forgets() -> None:
    one, two = {"x": "urn:x:1", "y": "urn:y:1"}, {"x": "urn:x:2"}
    assert build([one, two], {}).expand("x") == "urn:x:2"
    assert build([one, None, two], {}).expand("y") == CORE.expand("y")


def test_import_is_merged_below_the_context_that_imports() -> None:
    documents = {A: {"@context": {"x": "urn:x:1", "y": "urn:y:1"}}}
    context = build({"@version": 1.1, "@import": A, "x": "urn:x:2"}, documents)
    assert (context.expand("x"), context.expand("y")) == ("urn:x:2", "urn:y:1")


def test_core_version_is_the_one_named_last() -> None:
    documents = {A: {"@context": [{"x": "urn:x:1"}, core("1.7").url]}}
    assert build(A, documents).core == "1.7"
    assert build([A, core("1.8").url], documents).core == "1.8"
    assert build({"x": "urn:x:1"}, {}).core == "1.9"
    assert build([A, {"z": "urn:z:1"}], documents).document() == [A, {"z": "urn:z:1"}, core("1.7").url]


def test_references_are_absolute_and_without_the_core() -> None:
    value = [A, CORE.url, {"@import": "c.jsonld"}, "b.jsonld", A, "../up", {"x": "https://no.example/"}, None]
    assert references(value, base=A) == [A, C, B, "https://example.org/up"]
    assert references(A + "#part") == [A]


@pytest.mark.parametrize(
    "value",
    [
        "file:///etc/passwd",
        "ftp://example.org/c",
        "c.jsonld",
        "http://[",
        "",
        "https://example.org/" + "x" * 3000,
        5,
        True,
        [[{"x": "urn:x"}]],
        [5],
        {"@import": 5},
        [{}] * 101,
        {f"t{n}": f"urn:t:{n}" for n in range(5001)},
        {"x" * 3000: "urn:x"},
        {"x": "urn:" + "x" * 3000},
        {"x": {"@id": "urn:x", "@context": {"value": "urn:evil"}}},
        {"x": {"@id": "urn:x", "@context": None}},
        {"a": "b:x", "b": "a:x"},
        {"x": 5},
        {"x": {"@id": 5}},
        {"x": {"@id": "urn:x", "unknown": 1}},
        {"x": {"@id": "urn:x", "@container": "@nonsense"}},
        {"@version": 1.0},
        {"": "urn:x"},
        {f"t{n}": f"t{n + 1}:x" for n in range(2000)},
        [{"@vocab": None}, {"@vocab": None, "x": {"@type": "@id"}}],
    ],
)
def test_invalid_context_is_bad_request_data_that_names_it(value: Any) -> None:
    with pytest.raises(BadRequestData) as caught:
        build(value, {})
    assert caught.value.field == "@context"
    assert caught.value.clause in ("4.4", "5.5.7")


def test_deep_nesting_is_an_error_like_any_other() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(BadRequestData):
        build([deep], {})
    with pytest.raises(BadRequestData):
        build({"x": {"@id": "urn:x", "@nest": deep}}, {})


def test_missing_document_is_not_available() -> None:
    with pytest.raises(ContextNotAvailable) as caught:
        build([A, B], {A: {"@context": {}}})
    assert caught.value.value == B


@pytest.mark.parametrize("document", [[], "x", None, {"context": {}}])
def test_document_without_a_context_is_not_available(document: Any) -> None:
    with pytest.raises(ContextNotAvailable) as caught:
        build(A, {A: document})
    assert caught.value.value == A


def test_circle_of_documents_is_refused() -> None:
    with pytest.raises(BadRequestData, match="itself"):
        build(A, {A: {"@context": B}, B: {"@context": [{"x": "urn:x"}, A]}})


def test_documents_that_multiply_are_refused() -> None:
    documents = {f"https://example.org/{n}": {"@context": [f"https://example.org/{n + 1}"] * 10} for n in range(9)}
    documents["https://example.org/9"] = {"@context": {}}
    with pytest.raises(BadRequestData, match="documents"):
        build("https://example.org/0", documents)


def test_aliases_of_keywords_are_no_names() -> None:
    context = build({"graph": "@graph", "nested": {"@id": "@nest"}, "identifier": "@id"}, {})
    for name in ("graph", "nested", "identifier"):
        assert context.expand(name) == CORE.expand(name)
    assert context.compact("@id") == "id"


def test_reverse_terms_are_no_names() -> None:
    context = build({"parentOf": {"@reverse": "https://example.org/childOf"}}, {})
    assert context.expand("parentOf") == CORE.expand("parentOf")
    assert context.compact("https://example.org/childOf") == "https://example.org/childOf"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(
    ["@id", "@type", "@container", "@vocab", "@base", "@import", "@version", "@prefix", "@reverse", "@context", "@nest",
     "@language", "@direction", "@protected", "@propagate", "@index", "a", "b", "a:b", "type", "value", ""]
)  # fmt: skip
words = st.sampled_from(["@id", "@vocab", "@set", "@list", "@type", "a", "a:b", "urn:x:y", "https://example.org/", ":"])
hostile = st.recursive(
    words | json_values,
    lambda inner: st.dictionaries(keys, inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(hostile)
@settings(max_examples=400, deadline=None)
def test_any_value_gives_a_context_or_a_clear_error(value: Any) -> None:
    try:
        context = build(value, {})
    except (BadRequestData, ContextNotAvailable) as e:
        if e.field != "@context":
            raise
        return
    assert isinstance(context, Context)
    for name in ("id", "type", "value", "location"):
        assert context.expand(name) == CORE.expand(name)
    for name in context.terms:
        iri = context.expand(name)
        assert context.expand(context.compact(iri)) == iri
