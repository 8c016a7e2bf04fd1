"""Pushing a query down changes what comes over the wire, never the answer."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from v2_oracle import platformed

from adapters.ngsi_v2.asking import Scope, native_pattern, plan, read_scopes
from adapters.ngsi_v2.names import Names
from adapters.ngsi_v2.simple_query import simple_query
from schemas.ngsi_ld.context import CORE, build
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import parse_type_selection

# --- what is sent -----------------------------------------------------------------------------------------------------


def sent(text: str, datetimes: frozenset[str] = frozenset()) -> tuple[str, str]:
    found = simple_query(parse_q(text).root, lambda name: name, datetimes)
    return found.q, found.mq


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("temperature", "temperature"),
        ("temperature==20", "temperature==20"),
        ('color!="black","red"', "color!='black','red'"),
        ("temperature!=20.5", ""),
        ("temperature>-3;temperature<=30", "temperature>-3;temperature<=30"),
        ("temperature==10..20", "temperature==10..20"),
        ('color=="black","red"', "color=='black','red'"),
        ('title=="20"', "title=='20'"),
        ('color=="light,green"', "color=='light,green'"),
        ("congested==true", "congested==true"),
        ('address[city]=="港区"', "address.city=='港区'"),
        ("name~=^竹芝", "name~=^竹芝"),
        # part of a conjunction
        ('n>1;name=="a(b)"', "n>1"),
        ("n>1;(a|b)", "n>1"),
        ("n>1;!gone", "n>1"),
        # what Orion may take less of
        ("a>1|b>1", ""),
        ("!a", ""),
        ('name!~="x"', ""),
        ('name=="2018-08-07T11:10:00Z"', ""),
        ("seen>2018-08-07T11:10:00Z", ""),
        ('name>"abc"', ""),
        ("name~=^20[0-9]{2}", ""),
        ("name~=2018", ""),
        ("name~=(a|b)", ""),
        ("location[type]==Point", ""),
        ("createdAt>2018-08-07T11:10:00Z", ""),
        ("n==1e300", ""),
        *((f'name=="a{c}b"', "") for c in "<>'=;()"),
    ],
)
def test_q(text: str, q: str) -> None:
    assert sent(text) == (q, "")


def test_metadata_and_times() -> None:
    assert sent("temperature.accuracy<0.9;n==1") == ("n==1", "temperature.accuracy<0.9")
    assert sent("temperature.observedAt>2018-08-07T11:10:00Z") == ("", "")
    seen = frozenset({"seen"})
    assert sent("seen>=2018-08-07T20:10:00+09:00", seen) == ("seen>=2018-08-07T11:10:00.000Z", "")


def test_names_with_dots_are_quoted() -> None:
    names = Names(CORE, {})
    query = EntityQuery(q=parse_q("people_x2E_count>3"), types=parse_type_selection("Blesensor_x2E_per3600"))
    pushdown = plan(query, platformed())
    assert pushdown is not None
    assert unquote(pushdown.request.asks[0].params) == "type=Blesensor.per3600&q='people.count'>3"
    assert names.iri_of("people.count").endswith("people_x2E_count")


def test_what_the_platform_cannot_hold_is_not_asked() -> None:
    elsewhere = build({"Shelter": "https://example.org/types/Shelter"}, {})
    types = parse_type_selection("Shelter", context=elsewhere)
    assert plan(EntityQuery(context=elsewhere, types=types), platformed()) is None
    assert plan(EntityQuery(ids=("https://example.org/a/b",)), platformed()) is None
    assert plan(EntityQuery(ids=("urn:ngsi-ld:T:v2:urn%3ax%3a1",)), platformed()) is None


def test_unverified_filters_are_left_to_us() -> None:
    query = EntityQuery(
        types=parse_type_selection("T"),
        q=parse_q("n>1"),
        geo=parse_geo("near;maxDistance==10", "Point", "[139,35]"),
        id_pattern="^urn:x:",
        attrs=("n",),
    )
    pushdown = plan(query, platformed(frozenset()))
    assert pushdown is not None
    assert pushdown.request.asks[0].params == "type=T"
    residual = pushdown.residual
    assert residual.types
    assert residual.q
    assert residual.geo
    assert residual.id_pattern
    assert residual.projection
    assert not pushdown.limit_guaranteed


def test_a_part_of_an_entity_is_not_filtered_there() -> None:
    query = EntityQuery(types=parse_type_selection("T"), q=parse_q("n>1"))
    for platform, asked in ((platformed(whole=False), query), (platformed(), query.alter(split_entities=True))):
        pushdown = plan(asked, platform)
        assert pushdown is not None
        assert pushdown.request.asks[0].params == "type=T"


def test_the_page_is_the_platforms_only_if_nothing_is_left() -> None:
    one = EntityQuery(types=parse_type_selection("T"), limit=10, offset=5)
    pushdown = plan(one, platformed())
    assert pushdown is not None
    assert pushdown.limit_guaranteed
    assert (pushdown.request.skip, pushdown.request.need) == (5, 10)
    for other in (one.alter(attrs=("n",)), one.alter(q=parse_q("n>1")), one.alter(types=parse_type_selection("A;B"))):
        pushdown = plan(other, platformed())
        assert pushdown is not None
        assert not pushdown.limit_guaranteed
        assert (pushdown.request.skip, pushdown.request.need) == (0, None)


def test_attributes_that_filters_need_come_too() -> None:
    query = EntityQuery(attrs=("name",), q=parse_q("n>1"), geo=parse_geo("equals", "Point", "[139,35]"), sys_attrs=True)
    pushdown = plan(query, platformed())
    assert pushdown is not None
    params = unquote(pushdown.request.asks[0].params).split("&")
    assert "attrs=dateCreated,dateModified,location,n,name,TimeInstant" in params
    assert "metadata=dateCreated,dateModified,*" in params


def test_long_lists_of_ids_are_asked_in_parts() -> None:
    ids = tuple(f"urn:ngsi-ld:EvacuationShelter:{n:040}" for n in range(200))
    pushdown = plan(EntityQuery(ids=ids), platformed())
    assert pushdown is not None
    asked = [unquote(ask.params).removeprefix("id=").split(",") for ask in pushdown.request.asks]
    assert len(asked) > 1
    assert [id_ for part in asked for id_ in part] == list(ids)


def test_service_paths() -> None:
    scopes = read_scopes("/ignored", ["Aed:/Aed", "/Other", "EvacuationShelter:/Shelters"])
    assert scopes == (Scope("/Aed", "Aed"), Scope("/Other"), Scope("/Shelters", "EvacuationShelter"))
    pushdown = plan(EntityQuery(types=parse_type_selection("Aed")), platformed(scopes=scopes))
    assert pushdown is not None
    assert [ask.service_path for ask in pushdown.request.asks] == ["/Aed", "/Other"]
    assert read_scopes("/one", ()) == (Scope("/one"),)
    assert read_scopes(None, ()) == (Scope(None),)


@pytest.mark.parametrize(
    ("pattern", "pushed"),
    [
        ("^urn:ngsi-ld:EvacuationShelter:E13.*", True),
        ("^urn:x:1$", True),
        ("^urn:ngsi-ld:EvacuationShelter:", False),
        ("^urn:ngsi-ld:EvacuationShelter:v2:jp", False),
        ("^urn:ngsi-ld:EvacuationShelter:v", False),
        ("^urn:ngsi-ld:Evac", False),
        ("^urn:", False),
        ("Shelter", False),
        ("^urn:x:(1|2)", False),
    ],
)
def test_patterns_that_no_mapped_id_has(pattern: str, pushed: bool) -> None:
    assert native_pattern(pattern) == (pattern if pushed else None)
