"""The table of the core @context, against the published documents and against what PyLD makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonld_oracle import active_terms, digest, shared_data

from schemas.ngsi_ld.context import CORE, VOCAB, core, core_of, differing_terms
from schemas.ngsi_ld.core_context import VERSIONS, core_document, core_terms, core_url

# sha256 of PyLD's active context of each published document, see jsonld_oracle.active_terms
PUBLISHED = {
    "1.6": "4830152f388be1ccc543dc09482fb5a266d460e4621faa6de6a227559f4dcc71",
    "1.7": "2e6bb26c3caacea084cd77bae2a775899cf02f6539b3fb12184c8dc8ae40ab35",
    "1.8": "3cc19c5789bd068af65f0968ed73fcba61b645233bbb2d8c8438b9fe715fea01",
    "1.9": "3cc19c5789bd068af65f0968ed73fcba61b645233bbb2d8c8438b9fe715fea01",
}


def published(version: str) -> dict[str, Any]:
    path = shared_data() / "contexts" / f"ngsi-ld-core-context-v{version}.jsonld"
    if not path.exists():
        pytest.skip(f"the published core @contexts are not on this machine ({path.parent.name} is absent)")
    return json.loads(path.read_bytes())  # type: ignore[no-any-return]


@pytest.mark.parametrize("version", VERSIONS)
def test_made_document_is_the_published_one(version: str) -> None:
    assert core_document(version) == published(version)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_term_expands_as_in_the_published_document(version: str) -> None:
    terms = active_terms(published(version))
    assert digest(terms) == PUBLISHED[version]
    for term, iri, *coercion in terms:
        assert core(version).expand(term) == iri
        assert list(core(version).coercion(term)) == coercion


@pytest.mark.parametrize("version", VERSIONS)
def test_terms_have_the_published_digest(version: str) -> None:
    assert digest([[n, t.iri, t.type, t.container] for n, t in core_terms(version).items()]) == PUBLISHED[version]


@pytest.mark.parametrize("version", VERSIONS)
def test_pyld_reads_the_made_document_as_we_do(version: str) -> None:
    assert digest(active_terms(core_document(version))) == PUBLISHED[version]


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld", "1.6"),
        ("http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld", "1.8"),
        ("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld", "1.9"),
        ("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld", "1.6"),
        ("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.10.jsonld", "1.9"),
    ],
)
def test_core_is_recognised_by_its_url(url: str, version: str) -> None:
    assert core_of(url) is core(version)


@pytest.mark.parametrize(
    "url",
    [
        "https://uri.etsi.org.evil.example/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld?x",
        "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld\n",
        "https://uri.etsi.org/ngsi-ld/v2/ngsi-ld-core-context-v1.6.jsonld",
        "",
    ],
)
def test_other_urls_are_no_core(url: str) -> None:
    assert core_of(url) is None


def test_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError):
        core("1.5")


def test_versions_that_agree_have_one_key_and_differ_in_no_term() -> None:
    assert core("1.8").key == core("1.9").key != core("1.7").key
    assert differing_terms(core("1.8"), core("1.9")) == frozenset()


def test_differing_terms_are_those_that_came_went_or_moved() -> None:
    differing = differing_terms(core("1.6"), core("1.7"))
    assert differing == {
        "VocabularyProperty", "attributeCount", "attributeDetails", "dataset", "previousVocab", "vocab", "vocabs"
    }  # fmt: skip
    assert {"VocabProperty", "VocabularyProperty", "json", "attributeCount"} <= differing_terms(core("1.7"), CORE)
    assert "location" not in differing_terms(core("1.6"), CORE)


def test_core_is_written_as_its_url() -> None:
    assert CORE.document() == CORE.url == core_url("1.9")
    assert CORE.link_header() == (
        "<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld>; "
        'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    )


def test_terms_that_the_core_maps_to_themselves_fall_into_the_default_vocabulary() -> None:
    assert CORE.expand("attributeCount") == VOCAB + "attributeCount"
    assert core("1.7").expand("attributeCount") == "https://uri.etsi.org/ngsi-ld/attributeCount"
