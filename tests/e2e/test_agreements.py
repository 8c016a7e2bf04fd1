"""Agreements from end to end: what is not covered is never asked for, never shown, and counts as not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from agreements import ADMIN, AGREEMENTS, SHELTERS, WEST, City, city, terms_of
from gateway import ENTITIES, fetch, run
from sources import Host

from broker.federation.sight import WITHHELD

ONE = f"{ENTITIES}/urn:ngsi-ld:Shelter:1"
BY_POST = "/ngsi-ld/v1/entityOperations/query"


@pytest.fixture(scope="module")
def town(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[City]:
    with city(postgres_url, tmp_path_factory.mktemp("agreed"), host) as opened:
        yield opened


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [e["id"].rpartition(":")[2] for e in answer.json()]


def withheld(answer: Any) -> bool:
    return WITHHELD in answer.headers.get("ngsild-warning", "")


def test_without_an_agreement_nothing_is_asked_for_and_the_answer_says_so(town: City) -> None:
    town.source.asked.clear()
    answer = town.get(type="Shelter")
    assert (answer.status_code, answer.json()) == (200, [])
    assert withheld(answer)
    assert "kakehashi-flow" not in answer.headers
    assert town.get(path=ONE).status_code == 404
    assert town.source.asked == []


def test_open_data_and_ones_own_need_none(town: City) -> None:
    answer = town.get(type="Toilet")
    assert ids(answer) == ["1"]
    # another source might have toilets, too
    assert len(town.get("own", type="Shelter").json()) == 6
    assert not withheld(town.get("own", type="Shelter"))


def test_the_administration_sees_everything(town: City) -> None:
    answer = town.get("admin", type="Shelter,Camera,Toilet")
    assert len(answer.json()) == 8
    assert "ngsild-warning" not in answer.headers


def test_a_whole_agreement_lets_bytes_pass_and_stands_in_the_flow(town: City) -> None:
    with town.agreed() as agreement:
        answer = town.get(type="Shelter")
        assert len(answer.json()) == 6
        assert not withheld(answer)
        (row,) = run(
            fetch(
                town.gateway.settings.database_url,
                "SELECT agreement, agreement_version FROM flows WHERE id = $1",
                answer.headers["kakehashi-flow"],
            )
        )
        assert tuple(row) == (agreement, 1)
    assert town.get(type="Shelter").json() == []


def test_types_narrow_the_question_and_the_answer(town: City) -> None:
    with town.agreed(types=["Shelter"]):
        assert len(town.get(type="Shelter").json()) == 6
        assert not withheld(town.get(type="Shelter"))
        town.source.asked.clear()
        both = town.get(type="Shelter,Camera")
        assert {e["type"] for e in both.json()} == {"Shelter"}
        assert withheld(both)
        assert "Camera" not in "".join(town.source.asked)
        none = town.get(type="Camera")
        assert none.json() == []
        assert withheld(none)
        every = town.get(q="capacity>400;manager")
        assert ids(every) == ["5", "6"]
        assert town.get(path=f"{ENTITIES}/urn:ngsi-ld:Camera:1").status_code == 404
        assert town.get(path=ONE).status_code == 200
        assert (
            "urn:ngsi-ld:Camera:1"
            not in town.get(path=ENTITIES, id="urn:ngsi-ld:Camera:1", local="false", type="Shelter").text
        )
        assert all("Camera" not in unquote(asked).partition("?")[2].partition("id=")[0] for asked in town.source.asked)


def test_attributes_are_not_asked_for_not_shown_and_not_to_be_told_by_filters(town: City) -> None:
    with town.agreed(types=["Shelter"], attributes=["capacity", "location"]):
        answer = town.get(type="Shelter")
        assert withheld(answer)
        assert all(set(e) == {"id", "type", "capacity", "location"} for e in answer.json())
        assert all("attrs=" in asked for asked in town.source.asked)
        assert all("manager" not in asked for asked in town.source.asked)
        assert set(town.get(path=ONE).json()) - {"@context"} == {"id", "type", "capacity", "location"}
        # a filter on what is not covered finds nothing, as if it were not there
        for q in ('manager=="person 1"', "manager", 'manager~="person.*"'):
            town.source.asked.clear()
            assert town.get(type="Shelter", q=q).json() == [], q
            assert "manager" not in "".join(town.source.asked)
        assert ids(town.get(type="Shelter", q="!manager")) == ["1", "2", "3", "4", "5", "6"]
        assert ids(town.get(type="Shelter", q="capacity>=500")) == ["5", "6"]
        assert town.get(type="Shelter", attrs="manager").json() == []
        assert town.get(type="Shelter", pick="manager").json() == []
        assert not withheld(town.get(type="Shelter", pick="id,capacity"))
        shown = town.get(type="Shelter", pick="id,capacity,manager").json()
        assert all(set(e) == {"id", "capacity"} for e in shown)
        assert town.get(type="Shelter", omit="capacity").json()[0].keys() == {"id", "type", "location"}
        # nor does an order tell it
        up = ids(town.get(type="Shelter", orderBy="manager"))
        assert up == ids(town.get(type="Shelter", orderBy="manager;desc")) or sorted(up) == up
        counted = town.get(type="Shelter", q="manager", count="true")
        assert counted.headers["ngsild-results-count"] == "0"


def test_the_area_bounds_what_comes(town: City) -> None:
    with town.agreed(geometry=WEST):
        assert ids(town.get(type="Shelter")) == ["1", "2", "3"]
        assert withheld(town.get(type="Shelter"))
        assert all("georel=within" in asked for asked in town.source.asked)
        counted = town.get(type="Shelter", count="true", limit=1)
        assert counted.headers["ngsild-results-count"] == "3"
        assert ids(town.get(type="Shelter", limit=1, offset=2)) == ["3"]
        assert town.get(path=f"{ENTITIES}/urn:ngsi-ld:Shelter:6").status_code == 404
        assert town.get(path=ONE).status_code == 200
        near = {"georel": "near;maxDistance==2000", "geometry": "Point", "coordinates": "[139.745,35.65]"}
        assert ids(town.get(type="Shelter", **near)) == ["3"]
        assert ids(town.get(type="Shelter", attrs="capacity")) == ["1", "2", "3"]
        assert set(town.get(type="Shelter", attrs="capacity").json()[0]) == {"id", "type", "capacity"}
        box = "[[[139.725,35.6],[139.8,35.6],[139.8,35.7],[139.725,35.7],[139.725,35.6]]]"
        assert ids(town.get(type="Shelter", georel="within", geometry="Polygon", coordinates=box)) == ["3"]
    with town.agreed(geometry=WEST, attributes=["capacity"]):
        answer = town.get(type="Shelter").json()
        assert [set(e) for e in answer] == [{"id", "type", "capacity"}] * 3


def test_every_way_of_asking_passes_the_same_place(town: City) -> None:
    with town.agreed(types=["Shelter"], attributes=["capacity"]):
        body = {"type": "Query", "entities": [{"type": "Shelter"}, {"type": "Camera"}]}
        answer = town.ask("POST", BY_POST, json=body)
        assert len(answer.json()) == 6
        assert withheld(answer)
        assert "manager" not in answer.text
        types = town.get(path="/ngsi-ld/v1/types").json()["typeList"]
        assert "Shelter" in types
        assert "Camera" not in types
        assert "Camera" in town.get("admin", path="/ngsi-ld/v1/types").json()["typeList"]
        mapped = town.get(type="Shelter", entityMap="true", limit=2)
        assert mapped.status_code == 201
        assert withheld(mapped)
        assert "manager" not in mapped.text
        named = {"ngsild-entitymap": mapped.headers["ngsild-entitymap"]}
        page = town.get(headers=named, type="Shelter", limit=2, offset=2)
        assert ids(page) == ["3", "4"]
        assert "manager" not in page.text
        plan = town.get(path="/federation/explain", type="Camera").json()
        row = next(r for r in plan["sources"] if r["platform"] == "takeshiba")
        assert (row["matches"], row["reason"]) == (False, "no agreement of the caller covers any of it")
        joined = town.get(type="Shelter", join="flat")
        assert "manager" not in joined.text


def test_two_agreements_cover_what_either_does(town: City) -> None:
    with town.agreed(types=["Shelter"], attributes=["capacity"]), town.agreed(types=["Camera"]):
        answer = town.get(type="Shelter,Camera", q="capacity;picture|capacity|picture", limit=100)
        assert answer.status_code == 200
        kinds = {e["type"]: set(e) for e in town.get(type="Shelter,Camera", limit=100).json()}
        assert kinds == {"Shelter": {"id", "type", "capacity"}, "Camera": {"id", "type", "location", "picture"}}
    with (
        town.agreed(types=["Shelter"], attributes=["capacity"]),
        town.agreed(types=["Shelter"], attributes=["manager"]),
    ):
        assert set(town.get(type="Shelter").json()[0]) == {"id", "type", "capacity", "manager"}
        assert town.get(type="Shelter", count="true").headers["ngsild-results-count"] == "6"


@pytest.mark.parametrize(
    "terms",
    [
        {"consumer_organisation": "Else KK"},
        {"consumer_project": "p2"},
        {"services": ["second"]},
        {"provider_area": "toyosu"},
        {"platforms": ["another"]},
        {"operations": ["subscribe"]},
        {"valid_from": "2020-01-01T00:00:00Z", "valid_to": "2021-01-01T00:00:00Z"},
        {"valid_from": "2120-01-01T00:00:00Z", "valid_to": "2121-01-01T00:00:00Z"},
    ],
)
def test_an_agreement_of_somebody_else_or_another_time_opens_nothing(town: City, terms: dict[str, Any]) -> None:
    with town.agreed(**terms):
        assert town.get(type="Shelter").json() == []
    assert town.source.asked == []


def test_a_proposal_opens_nothing_until_it_is_approved(town: City) -> None:
    made = town.ask("POST", AGREEMENTS, json=terms_of())
    assert (made.status_code, made.json()["state"]) == (201, "proposed")
    path = made.headers["location"]
    assert town.get(type="Shelter").json() == []
    assert town.ask("POST", f"{path}/approve").status_code == 403
    assert town.ask("GET", path, "stranger").status_code == 404
    approved = town.ask("POST", f"{path}/approve", "admin")
    assert approved.json()["state"] == "active"
    assert len(town.get(type="Shelter").json()) == 6
    for step, state, count in (("suspend", "suspended", 0), ("resume", "active", 6), ("revoke", "revoked", 0)):
        assert town.ask("POST", f"{path}/{step}", "admin").json()["state"] == state
        assert len(town.get(type="Shelter").json()) == count
    assert town.ask("POST", f"{path}/approve", "admin").status_code == 409


def test_revocation_ends_what_is_under_way(town: City) -> None:
    release = threading.Event()
    honest = town.source.source

    def slow(request: Any) -> Any:
        if "type=Shelter" in request.target:
            release.wait(20)
        return honest(request)

    agreement = town.agree()
    town.source.source = slow  # type: ignore[assignment]
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(town.get(type="Shelter")))
    try:
        before = len(town.source.asked)
        asking.start()
        town.wait(lambda: len(town.source.asked) > before)
        began = time.monotonic()
        town.end(agreement)
        asking.join(20)
        took = time.monotonic() - began
    finally:
        release.set()
        town.source.source = honest
        asking.join(20)
    (answer,) = answers
    # it ended because of the revocation, not because the source answered: that was not let go before
    assert answer.status_code == 403, answer.text
    assert "ended" in answer.json()["detail"]
    assert took < 20
    assert all(shelter["id"] not in answer.text for shelter in SHELTERS)


def test_each_step_is_in_the_ledger(town: City) -> None:
    agreement = town.agree(types=["Shelter"])
    town.end(agreement)
    rows = run(
        fetch(
            town.gateway.settings.database_url,
            "SELECT kind, actor, convert_from(body, 'utf8')::jsonb ->> 'terms_sha256' AS digest FROM ledger_events"
            " WHERE subject = $1 ORDER BY seq",
            agreement,
        )
    )
    shown = town.ask("GET", f"{AGREEMENTS}/{agreement}", "admin").json()
    assert [r["kind"] for r in rows] == ["agreement.proposed", "agreement.approved", "agreement.revoked"]
    assert {r["actor"] for r in rows} == {"administration"}
    assert {r["digest"] for r in rows} == {shown["terms_sha256"]}
    assert ADMIN not in str(rows)


def test_odrl_by_accept(town: City) -> None:
    agreement = town.agree(types=["Shelter"], quota={"requests_per_day": 5000}, onward_transfer=False)
    answer = town.get("admin", f"{AGREEMENTS}/{agreement}", {"accept": "application/ld+json"})
    assert answer.headers["content-type"].startswith("application/ld+json")
    policy = answer.json()
    assert policy["@type"] == "Agreement"
    assert policy["permission"][0]["action"] == "read"
    town.end(agreement)


def test_the_local_store_is_denied_narrowed_and_open_like_any_source(town: City) -> None:
    held = [
        {
            "id": f"urn:x:{kind}:1",
            "type": kind,
            "level": {"type": "Property", "value": 7},
            "secret": {"type": "Property", "value": 1},
        }
        for kind in ("River", "Vault")
    ]
    for document in held:
        assert town.ask("POST", ENTITIES, "admin", json=document).status_code == 201
    temporal = "/ngsi-ld/v1/temporal/entities"
    rivers = {"type": "River", "timerel": "before", "timeAt": "2100-01-01T00:00:00Z", "timeproperty": "modifiedAt"}

    def looks(who: str = "app") -> list[Any]:
        """What each way to ask tells of the local store."""
        types = [t["typeName"] for t in town.get(who, "/ngsi-ld/v1/types", details="true").json()]
        attributes = town.get(who, "/ngsi-ld/v1/attributes").json()["attributeList"]
        return [
            len(town.get(who, type="River,Vault").json()),
            sorted(t for t in types if t in ("River", "Vault")),
            sorted(a for a in attributes if a in ("level", "secret")),
            [town.get(who, f"/ngsi-ld/v1/types/{t}").status_code for t in ("River", "Vault")],
            [town.get(who, f"/ngsi-ld/v1/attributes/{a}").status_code for a in ("level", "secret")],
            [sorted(e.keys() - {"id", "type"}) for e in town.get(who, temporal, **rivers).json()],
            [town.get(who, f"{temporal}/urn:x:{t}:1").status_code for t in ("River", "Vault")],
        ]

    assert looks("admin") == [
        2,
        ["River", "Vault"],
        ["level", "secret"],
        [200] * 2,
        [200] * 2,
        [["level", "secret"]],
        [200] * 2,
    ]
    assert looks() == [0, [], [], [404] * 2, [404] * 2, [], [404] * 2]
    terms = {"provider_area": "nishi-shinjuku", "types": ["River"], "attributes": ["level"]}
    with town.agreed(**terms) as agreement:
        assert looks() == [1, ["River"], ["level"], [200, 404], [200, 404], [["level"]], [200, 404]]
        evolved = town.get(path=temporal, **rivers)
        assert withheld(evolved)
        assert "secret" not in evolved.text
        assert town.get(path=temporal, q="secret==1", **rivers).json() == []
        (row,) = run(
            fetch(
                town.gateway.settings.database_url,
                "SELECT agreement FROM flows WHERE id = $1",
                evolved.headers["kakehashi-flow"],
            )
        )
        assert row["agreement"] == agreement
    assert looks() == [0, [], [], [404] * 2, [404] * 2, [], [404] * 2]


def test_over_quota_is_429_with_the_time_of_its_end(town: City) -> None:
    with town.agreed(quota={"requests_per_day": 2}):
        assert [len(town.get(type="Shelter").json()) for _ in range(2)] == [6, 6]
        town.source.asked.clear()
        refused = town.get(type="Shelter")
        assert refused.status_code == 429
        assert 0 < int(refused.headers["retry-after"]) <= 86_400 + 60
        assert refused.json()["reset"].endswith("T00:00:00+09:00")
        assert town.source.asked == []
        # other areas are not to suffer for it
        partly = town.get(type="Shelter,Toilet")
        assert ids(partly) == ["1"]
        assert "a quota is used up until" in partly.headers["ngsild-warning"]
        assert town.get("own", type="Shelter").status_code == 200
    with town.agreed(quota={"entities_per_month": 7}):
        assert len(town.get(type="Shelter").json()) == 6
        assert len(town.get(type="Shelter", limit=2).json()) == 2
        assert town.get(type="Shelter").status_code == 429


@pytest.mark.parametrize(
    "path",
    [
        "/ngsi-ld/v1/types",
        "/ngsi-ld/v1/types?details=true",
        "/ngsi-ld/v1/types/Tide",
        "/ngsi-ld/v1/attributes",
        "/ngsi-ld/v1/attributes?details=true",
        "/ngsi-ld/v1/attributes/level",
    ],
)
def test_what_there_is_counts_for_a_quota_like_a_read(town: City, path: str) -> None:
    made = {"id": "urn:ngsi-ld:Tide:1", "type": "Tide", "level": {"type": "Property", "value": 3}}
    assert town.ask("POST", ENTITIES, "admin", json=made).status_code in (201, 409)
    town.wait(lambda: town.get("admin", "/ngsi-ld/v1/types/Tide").status_code == 200)
    told = "level" if "attributes" in path else "Tide"
    with town.agreed(provider_area="nishi-shinjuku", quota={"requests_per_day": 2}):
        for _ in range(2):
            answer = town.get(path=path)
            assert (answer.status_code, told in answer.text) == (200, True), answer.text
        # what needs no agreement is told all the same
        third = town.get(path=path)
        assert told not in third.text.replace(path, "") or third.status_code == 404
        if third.status_code == 200:
            assert "a quota is used up until" in third.headers["ngsild-warning"]
        alone = town.get(path=path, local="true")
        assert alone.status_code == 429, alone.text
        assert 0 < int(alone.headers["retry-after"]) <= 86_400 + 60


def test_the_past_is_covered_too(town: City) -> None:
    """What the local store has recorded, which is the area nishi-shinjuku's."""
    path = "/ngsi-ld/v1/temporal/entities"
    observed = {"observedAt": "2026-04-01T00:00:00Z", "type": "Property"}
    evolution = {
        "id": "urn:ngsi-ld:Gauge:1",
        "type": "Gauge",
        "level": [observed | {"value": 1}],
        "owner": [observed | {"value": "person 1"}],
    }
    assert town.ask("POST", path, "admin", json=evolution).status_code == 201
    asked = {"type": "Gauge", "timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}
    nothing = town.get(path=path, **asked)
    assert (nothing.status_code, nothing.json(), withheld(nothing)) == (200, [], True)
    assert "kakehashi-flow" not in nothing.headers
    assert town.get(path=f"{path}/urn:ngsi-ld:Gauge:1").status_code == 404
    level = "https://uri.etsi.org/ngsi-ld/default-context/level"
    with town.agreed(provider_area="nishi-shinjuku", attributes=[level]) as agreement:
        answer = town.get(path=path, **asked)
        (found,) = answer.json()
        assert "owner" not in found
        assert found["level"][0]["value"] == 1
        assert town.get(path=path, **asked, q='owner=="person 1"').json() == []
        flow = answer.headers["kakehashi-flow"]
        rows = run(fetch(town.gateway.settings.database_url, "SELECT agreement FROM flows WHERE id = $1::uuid", flow))
        assert [row["agreement"] for row in rows] == [agreement]
    assert town.get(path=path, **asked).json() == []
