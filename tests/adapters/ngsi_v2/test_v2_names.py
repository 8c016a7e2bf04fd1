"""Names and ids: reversible, injective, and valid where NGSI-LD wants them to be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ngsi_v2.names import Names, decode_name, encode_name, id_of, urn_of
from schemas.ngsi_ld.context import CORE, VOCAB, build
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS

FIELD = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="&?/#"), min_size=1, max_size=20)
"""What NGSIv2 takes as an id, type or name."""
TRICKY = st.one_of(
    FIELD,
    st.from_regex(r"urn:ngsi-ld:[A-Za-z.%]{1,6}:v2:[A-Za-z0-9.%:]{1,8}", fullmatch=True),
    st.from_regex(r"x?[0-9A-Fx_]{1,12}", fullmatch=True),
    st.from_regex(r"[a-z_]*(_x[0-9A-F]{1,3}_)+[a-z_]*", fullmatch=True),
)


@given(TRICKY)
def test_a_name_comes_back_from_its_valid_form(name: str) -> None:
    made = encode_name(name)
    assert re.fullmatch(r"[^\W\d_]\w*", made), made
    assert decode_name(made) == name
    assert made not in ENTITY_MEMBERS | ATTRIBUTE_MEMBERS


@given(TRICKY, TRICKY)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (encode_name(one) == encode_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["Room", "peopleCount_immedate", "identifcation", "人流"])
def test_a_valid_name_stays(name: str) -> None:
    assert encode_name(name) == name


def test_dots_and_reserved_words() -> None:
    assert encode_name("Blesensor.per3600") == "Blesensor_x2E_per3600"
    assert encode_name("value") == "x76_alue"
    assert encode_name("3dModel") == "x33_dModel"


@given(TRICKY, TRICKY)
def test_an_id_comes_back_from_its_urn(id_: str, type_: str) -> None:
    urn = urn_of(id_, type_)
    assert re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:.", urn)
    back, told = id_of(urn)
    assert back == id_
    assert told in (None, type_)
    if told is None:
        assert urn == id_


@given(TRICKY, TRICKY, TRICKY, TRICKY)
def test_different_entities_get_different_urns(id1: str, type1: str, id2: str, type2: str) -> None:
    if urn_of(id1, type1) == urn_of(id2, type2):
        # only a URI that stays as it is does without its type
        assert id1 == id2
        assert type1 == type2 or urn_of(id1, type1) == id1


def test_what_an_id_becomes() -> None:
    assert urn_of("urn:ngsi-ld:Aed:1", "Aed") == "urn:ngsi-ld:Aed:1"
    assert (
        urn_of("jp.sendai.Blesensor.per3600.105", "Blesensor.per3600")
        == "urn:ngsi-ld:Blesensor.per3600:v2:jp.sendai.Blesensor.per3600.105"
    )
    assert urn_of("a:b:c d", "T") == "urn:ngsi-ld:T:v2:a%3Ab%3Ac%20d"
    # one that looks mapped already is mapped once more, or two entities would share it
    assert urn_of("urn:ngsi-ld:T:v2:1", "T") == "urn:ngsi-ld:T:v2:urn%3Angsi-ld%3AT%3Av2%3A1"


@given(TRICKY)
def test_every_name_is_found_again_by_its_iri(name: str) -> None:
    names = Names(CORE, {})
    assert names.v2_of(names.iri_of(name)) == (name,)


def test_core_terms_are_found_again() -> None:
    names = Names(CORE, {})
    for term in CORE.terms:
        if re.fullmatch(r"[!-%'-.0->@-~]+", term):
            assert term in names.v2_of(names.iri_of(term)), term


def test_a_context_and_renaming_give_other_iris() -> None:
    context = build(
        {"ble": "https://example.org/ble#", "Blesensor.per3600": "ble:Hourly", "temp": "ble:t", "temperature": "ble:t"},
        {},
    )
    names = Names(context, {"identifcation": "identification"})
    assert names.iri_of("Blesensor.per3600") == "https://example.org/ble#Hourly"
    assert names.v2_of("https://example.org/ble#Hourly") == ("Blesensor.per3600",)
    # two names with one meaning are both asked for
    assert set(names.v2_of("https://example.org/ble#t")) == {"temp", "temperature"}
    assert names.iri_of("identifcation") == VOCAB + "identification"
    assert set(names.v2_of(VOCAB + "identification")) == {"identifcation", "identification"}
    assert names.v2_of("https://elsewhere.example/Type") == ()
