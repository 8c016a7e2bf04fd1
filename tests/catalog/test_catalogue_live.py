from __future__ import annotations

from datetime import date
from urllib.parse import unquote

from catalog.faces.plain import shown
from catalog.hit import AgreementState, Hit
from catalog.live import extent_of, live_dataset, sampled
from schemas.dataset import Access
from schemas.ngsi_ld.context import CORE
from schemas.platform import Coverage, Platform

TYPE = CORE.expand("EvacuationShelter")
ENTITIES = [
    {
        "id": "urn:1",
        "type": "EvacuationShelter",
        "capacity": {"type": "Property", "value": 320, "unitCode": "IE", "observedAt": "2026-04-01T00:00:00Z"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.79, 35.65]}},
        "opened": {"type": "Property", "value": {"no": "scalar"}},
    },
    {
        "id": "urn:2",
        "type": "EvacuationShelter",
        "name": [{"type": "Property", "value": "長い" * 100, "datasetId": "urn:d"}],
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [139.81, 35.66]}},
        "broken": 7,
    },
]


def platform(**changes: object) -> Platform:
    return Platform("toyosu-orion", "ngsi_v2", "http://10.0.0.5/", area="toyosu", organisation="豊洲", **changes)  # type: ignore[arg-type]


def test_what_a_sample_tells() -> None:
    live = sampled("toyosu-orion", TYPE, ENTITIES, 40, "2026-11-01T00:00:00Z")
    assert live.count == 40
    assert live.observed == "2026-04-01T00:00:00Z"
    columns = {c.name: c for c in live.attributes}
    assert set(columns) == {"capacity", "location", "opened", "name"}
    assert (columns["capacity"].unit, columns["capacity"].example) == ("IE", "320")
    assert len(columns["name"].example) == 60
    assert columns["opened"].example == ""
    assert extent_of(ENTITIES) == (139.79, 35.65, 139.81, 35.66)


def test_times_of_the_future_are_not_believed() -> None:
    entity = {"id": "urn:1", "a": {"type": "Property", "value": 1, "observedAt": "2199-01-01T00:00:00Z"}}
    assert sampled("p", TYPE, [entity], 1, "2026-11-01T00:00:00Z").observed == "2026-11-01T00:00:00Z"


def test_a_live_dataset_leads_to_the_query_and_not_to_the_platform() -> None:
    made = live_dataset(platform(), TYPE, None, healthy=True)
    assert made.title == "避難所 (豊洲)"
    assert made.translations["en"] == "Evacuation Shelter (toyosu)"
    assert unquote(made.distributions[0].access_url) == (
        '/ngsi-ld/v1/entities?type=EvacuationShelter&csf=area=="toyosu"'
    )
    assert "10.0.0.5" not in repr(made)
    assert not live_dataset(platform(), TYPE, None, healthy=False, problem="down").live.healthy  # type: ignore[union-attr]


def test_licence_and_terms_come_from_the_registration() -> None:
    said = {"https://uri.etsi.org/ngsi-ld/default-context/license": {"type": "Property", "value": "CC BY 4.0"}}
    assert live_dataset(platform(coverage=Coverage(registration=said)), TYPE, None, healthy=True).access is Access.OPEN
    assert live_dataset(platform(open_data=True), TYPE, None, healthy=True).access is Access.OPEN
    assert live_dataset(platform(open_data=(TYPE,)), TYPE, None, healthy=True).access is Access.OPEN
    assert live_dataset(platform(), TYPE, None, healthy=True).access is Access.AGREEMENT


def test_examples_are_data_and_only_for_those_who_may_read_it() -> None:
    live = sampled("toyosu-orion", TYPE, ENTITIES, 2, "2026-11-01T00:00:00Z")
    hit = Hit(live_dataset(platform(), TYPE, live, healthy=True), 0.0, ())
    for state, seen in ((AgreementState.NEEDED, False), (AgreementState.AGREED, True)):
        assert ("320" in str(shown(hit, "http://gateway", state, date(2026, 11, 1))["live"])) is seen
