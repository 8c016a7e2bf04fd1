"""Names to IRIs and back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonld_oracle import expand

from schemas.ngsi_ld.context import CORE, VOCAB, Coercion, Context, Memo, build, core

NGSI = "https://uri.etsi.org/ngsi-ld/"
USER: dict[str, Any] = {
    "ex": "https://example.org/",
    "exx": {"@id": "https://example.org/x/", "@prefix": True},
    "noprefix": {"@id": "https://example.org/"},
    "避難所": "ex:Shelter",
    "Shelter": "ex:Shelter",
    "capacity": {"@id": "ex:capacity", "@type": "http://www.w3.org/2001/XMLSchema#integer"},
    "near": {"@id": "ex:near", "@type": "@id", "@container": "@set"},
    "undefined": None,
}
CONTEXT = build([USER, {"described": "description"}], {})


@pytest.mark.parametrize(
    ("name", "iri"),
    [
        ("Shelter", "https://example.org/Shelter"),
        ("避難所", "https://example.org/Shelter"),
        ("ex:anything", "https://example.org/anything"),
        ("noprefix:x", "noprefix:x"),
        ("urn:ngsi-ld:A:1", "urn:ngsi-ld:A:1"),
        ("http://a.example/b", "http://a.example/b"),
        ("name", VOCAB + "name"),
        ("undefined", VOCAB + "undefined"),
        ("described", "http://purl.org/dc/terms/description"),
        ("location", NGSI + "location"),
        ("ngsi-ld:location", NGSI + "location"),
        ("value", NGSI + "hasValue"),
        ("_:b0", "_:b0"),
        ("1:2", VOCAB + "1:2"),
        (":x", VOCAB + ":x"),
        ("a:b c", VOCAB + "a:b c"),
        ("id", "@id"),
        ("type", "@type"),
    ],
)
def test_expand(name: str, iri: str) -> None:
    assert CONTEXT.expand(name) == iri


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("https://example.org/Shelter", "避難所"),
        ("https://example.org/y", "ex:y"),
        ("https://example.org/x/y", "exx:y"),
        ("https://example.org/", "ex"),
        (VOCAB + "name", "name"),
        (VOCAB + "Shelter", "ngsi-ld:default-context/Shelter"),
        (VOCAB, "ngsi-ld:default-context/"),
        ("http://purl.org/dc/terms/description", "description"),
        ("urn:a:b", "urn:a:b"),
        ("@id", "id"),
    ],
)
def test_compact(iri: str, name: str) -> None:
    assert CONTEXT.compact(iri) == name
    assert CONTEXT.expand(name) == iri


def test_a_term_of_the_core_is_written_even_where_a_shorter_alias_exists() -> None:
    context = build({"loc": "https://uri.etsi.org/ngsi-ld/location"}, {})
    assert context.expand("loc") == NGSI + "location"
    assert context.canonical("loc") == "location"


def test_canonical_gives_one_name_to_all_spellings() -> None:
    spellings = ["Shelter", "避難所", "ex:Shelter", "https://example.org/Shelter"]
    assert {CONTEXT.canonical(name) for name in spellings} == {"避難所"}


def test_coercion() -> None:
    assert CONTEXT.coercion("capacity") == Coercion("http://www.w3.org/2001/XMLSchema#integer", None)
    assert CONTEXT.coercion("near") == Coercion("@id", "@set")
    assert CONTEXT.coercion("vocab") == Coercion("@vocab", None)
    assert CONTEXT.coercion("languageMap") == Coercion(None, "@language")
    assert CONTEXT.coercion("never heard of") == Coercion(None, None)


@pytest.mark.parametrize("term", ["id", "type", "value", "location", "Property", "ngsi-ld", "object"])
def test_terms_of_the_core_win(term: str) -> None:
    context = build({"@protected": True, term: "https://evil.example/#"}, {})
    assert context.expand(term) == CORE.expand(term)


def test_vocab_of_a_user_makes_its_own_terms_only() -> None:
    context = build({"@vocab": "https://example.org/", "a": {"@type": "@id"}, "b": "c"}, {})
    assert context.expand("a") == "https://example.org/a"
    assert context.expand("b") == "https://example.org/c"
    assert context.expand("d") == VOCAB + "d"


names = st.one_of(
    st.sampled_from([*USER, "location", "title", "value", "ngsi-ld:x", "ex:", "exx:a", "ex:x/a", "ex://a"]),
    st.text("ab:/#@ .-_避x1", max_size=12),
    st.text(max_size=20),
    st.builds("{}:{}".format, st.sampled_from(["ex", "exx", "noprefix", "geojson", "urn", "_"]), st.text(max_size=8)),
)


@given(names)
@example("ex:x/a")
@settings(max_examples=400, deadline=None)
def test_compaction_is_undone_by_expansion(name: str) -> None:
    iri = CONTEXT.expand(name)
    assert CONTEXT.expand(CONTEXT.compact(iri)) == iri
    assert CONTEXT.canonical(CONTEXT.canonical(name)) == CONTEXT.canonical(name)


def pyld_drops(name: str) -> bool:
    """PyLD drops what NGSI-LD has to keep: null terms, IRIs with spaces or with a scheme that is none."""
    scheme, _, rest = name.partition(":")
    no_iri = rest.startswith("//") and not re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*", scheme)
    return no_iri or name.split() != [name] or name == "undefined"


# keywords and blank nodes are no names
pyld_keeps = names.filter(lambda n: not pyld_drops(n) and not n.startswith(("@", "_:")) and n not in ("id", "type"))


@given(pyld_keeps)
@settings(max_examples=300, deadline=None)
def test_expansion_is_that_of_pyld(name: str) -> None:
    expanded = expand({name: {"@id": "urn:a:b"}}, USER)
    assert set(expanded) == {CONTEXT.expand(name)}


def test_hostile_names_do_not_grow_memory() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name.upper()

    memo = Memo(make)
    for number in range(10_000):
        assert memo[f"n{number}"] == f"N{number}"
        assert len(memo) <= 2048
    long = "x" * 100_000
    assert memo[long] == long.upper()
    assert long not in memo
    assert memo["n9999"] == memo["n9999"] == "N9999"
    assert made.count("n9999") == 1


def test_key_is_the_meaning_and_not_the_address() -> None:
    one = build({"a": "ex:a", "ex": "https://example.org/"}, {})
    two = build([{"ex": "https://example.org/"}, {"a": "https://example.org/a"}], {}, url="https://example.org/c")
    assert one.key == two.key
    assert one != two
    assert one.key != build({"a": "ex:b", "ex": "https://example.org/"}, {}).key
    assert build({}, {}).key == CORE.key


def test_inline_context_has_no_link_until_it_gets_an_address() -> None:
    with pytest.raises(ValueError):
        CONTEXT.link_header()
    served = CONTEXT.at("https://example.org/contexts/1")
    assert served.link_header().startswith("<https://example.org/contexts/1>; rel=")
    assert served.document() == ["https://example.org/contexts/1", CORE.url]
    assert served.expand("Shelter") == CONTEXT.expand("Shelter")


def test_document_has_the_core_last() -> None:
    assert build(USER, {}).document() == [USER, CORE.url]
    old = core("1.6").url
    assert build([old, USER], {}).document() == [USER, old]
    context = build(["https://example.org/c", old], {"https://example.org/c": {"@context": USER}})
    assert context.document() == ["https://example.org/c", old]
    assert context.url == "https://example.org/c"


@pytest.mark.parametrize("version", ["1.6", "1.7", "1.8", "1.9"])
def test_document_says_to_pyld_what_it_says_to_us(version: str) -> None:
    context = build([USER, core(version).url], {})
    assert context.core == version
    for name in ("Shelter", "ex:a", "value", "vocab", "json", "attributeCount", "plain"):
        assert set(expand({name: "1"}, USER, version)) <= {context.expand(name)}


def test_nothing_but_core_gives_the_core_itself() -> None:
    for value in (CORE.url, [CORE.url], [], None, [None]):
        assert build(value, {}) is CORE
    assert isinstance(build(core("1.7").url, {}), Context)
    assert build(core("1.7").url, {}) is core("1.7")
