"""What a registration says beside its information: read, refused with the member's name, hidden where it is secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.operations import DEFAULT, GROUPS, OPERATIONS, offered
from schemas.ngsi_ld.registration import from_registration, to_registration
from schemas.ngsi_ld.registration_conflict import excluded_by
from schemas.ngsi_ld.registration_members import duration_ms, secrets_of
from schemas.platform import Information, Platform

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ENTITY = {"id": "urn:x:1", "type": "T"}


def read(**members: Any) -> Platform:
    given = {
        "id": "urn:ngsi-ld:ContextSourceRegistration:1",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "T"}]}],
        "endpoint": "http://broker.example.jp",
    }
    return from_registration(given | members, CORE, tenant="", now=NOW)


def test_operations_and_groups() -> None:
    assert offered(()) == DEFAULT == GROUPS["federationOps"]
    assert offered(("updateOps", "createEntity")) == {*GROUPS["updateOps"], "createEntity"}
    assert all(group <= OPERATIONS for group in GROUPS.values())
    assert not DEFAULT & {"createEntity", "deleteEntity", "queryTemporal"}
    assert read(operations=["redirectionOps"]).distribution.operations == ("redirectionOps",)


def test_management_alias_and_the_rest() -> None:
    terms = read(
        management={"timeout": 500, "cooldown": 250, "cacheDuration": "PT1M30S", "localOnly": True},
        contextSourceAlias="other-broker",
        expiresAt="2027-01-01T00:00:00Z",
        datasetId=["urn:d:1", "@none"],
        contextSourceInfo=[{"key": "X-Room", "value": "7"}, {"key": "NGSILD-Tenant", "value": "evil"}],
    ).distribution
    assert (terms.cooldown_ms, terms.cache_ms, terms.local_only, terms.alias) == (250, 90_000, True, "other-broker")
    assert terms.expires_at == "2027-01-01T00:00:00Z"
    assert terms.datasets == {"urn:d:1", "@none"}
    # a tenant is never conveyed that way (clause 4.3.6.5)
    assert terms.info == (("x-room", "7"),)


def test_an_interval_makes_it_one_for_evolutions() -> None:
    assert read(observationInterval={"startAt": "2020-01-01T00:00:00Z"}).distribution.temporal
    assert not read().distribution.temporal


def test_each_information_is_kept_as_it_is() -> None:
    a, b = {"entities": [{"type": "A"}], "propertyNames": ["a"]}, {"entities": [{"type": "B"}], "propertyNames": ["b"]}
    first, second = read(information=[a, b]).coverage.informations
    assert (first.attributes, second.attributes) == ({CORE.expand("a")}, {CORE.expand("b")})
    assert len(read(information=[a]).coverage.informations) == 1
    assert read().coverage.informations == (Information(read().coverage.entities),)


def test_a_property_of_its_own_has_an_iri() -> None:
    made = read(colour="red")
    assert (made.coverage.registration or {})[CORE.expand("colour")] == "red"
    assert to_registration(made, CORE)["colour"] == "red"


def test_a_secret_is_kept_apart_and_not_shown() -> None:
    document = {"contextSourceInfo": [{"key": "Authorization", "value": "Bearer s3cret"}, {"key": "x-a", "value": "b"}]}
    made = read(**document)
    assert secrets_of(document) == {"authorization": "Bearer s3cret"}
    assert made.distribution.info == (("x-a", "b"),)
    shown = to_registration(made, CORE)
    assert "s3cret" not in orjson.dumps(shown).decode()
    # what is shown may be sent back: what stands for the secret is none
    assert secrets_of(shown) == {}


def test_times_are_shown_only_on_request() -> None:
    assert "createdAt" not in to_registration(read(), CORE)
    assert {"createdAt", "modifiedAt"} <= to_registration(read(), CORE, sys_attrs=True).keys()


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"operations": []}, "operations"),
        ({"operations": ["fly"]}, "operations"),
        ({"mode": "auxiliary", "operations": ["createEntity"]}, "operations"),
        ({"mode": "exclusive"}, "information[0]"),
        ({"mode": "exclusive", "information": [{"propertyNames": ["a"]}]}, "information[0].entities"),
        (
            {"mode": "exclusive", "information": [{"entities": [{"type": "T"}], "propertyNames": ["a"]}]},
            "information[0].entities",
        ),
        ({"expiresAt": "2026-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"management": {"cooldown": 0}}, "management.cooldown"),
        ({"management": {"cacheDuration": "5 minutes"}}, "management.cacheDuration"),
        ({"management": {"localOnly": "yes"}}, "management.localOnly"),
        ({"contextSourceAlias": "a b"}, "contextSourceAlias"),
        ({"contextSourceInfo": {"key": "a"}}, "contextSourceInfo"),
        ({"contextSourceInfo": [{"key": "a b", "value": "x"}]}, "contextSourceInfo[0].key"),
        ({"contextSourceInfo": [{"key": "a", "value": "x\r\ny"}]}, "contextSourceInfo[0].value"),
        ({"contextSourceInfo": [{"key": "accept", "value": "text/html"}]}, "contextSourceInfo[0].value"),
        ({"contextSourceInfo": [{"key": "jsonldContext", "value": "x"}]}, "contextSourceInfo[0].value"),
        (
            {"contextSourceInfo": [{"key": "Authorization", "value": "urn:ngsi-ld:request"}]},
            "contextSourceInfo[0].value",
        ),
        ({"observationInterval": "P1D"}, "observationInterval"),
        ({"managementInterval": {"startAt": "2020-01-01T00:00:00Z", "endAt": 5}}, "managementInterval.endAt"),
        ({"operationSpace": "here"}, "operationSpace"),
        ({"scope": "//"}, "scope"),
        ({"refreshRate": "daily"}, "refreshRate"),
        ({"datasetId": ["none"]}, "datasetId"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        read(**members)
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("PT0.5S", 500), ("P1DT1H", 90_000_000), ("P2W", 1_209_600_000), ("P1M", 2_592_000_000)]
)
def test_durations(text: str, milliseconds: int) -> None:
    assert duration_ms(text, "x") == milliseconds


@pytest.mark.parametrize("text", ["", "P", "PT", "1D", "P1", "PT1D", "P-1D", 5, None])
def test_what_is_no_duration(text: Any) -> None:
    with pytest.raises(BadRequestData):
        duration_ms(text, "x")


ONE = [{"entities": [ENTITY], "propertyNames": ["a"]}]


@pytest.mark.parametrize(
    ("mode", "information", "excluded"),
    [
        ("exclusive", ONE, True),
        ("exclusive", [{"entities": [ENTITY], "propertyNames": ["b"]}], False),
        ("exclusive", [{"entities": [{**ENTITY, "id": "urn:x:2"}], "propertyNames": ["a"]}], False),
        ("redirect", [{"entities": [{"type": "T"}]}], True),
        ("redirect", [{"entities": [{"type": "U"}]}], False),
        ("redirect", [{"entities": [{"type": "T", "idPattern": "^urn:x"}]}], True),
        ("redirect", [{"entities": [{"type": "T", "idPattern": "^urn:y"}]}], False),
        ("redirect", [{"propertyNames": ["a"]}], True),
        ("redirect", [{"entities": [{"type": "T"}], "propertyNames": ["b"]}], False),
        ("redirect", [{"entities": [{**ENTITY, "type": "U"}], "propertyNames": ["a"]}], True),
        ("inclusive", [{"entities": [{"type": "T"}]}], False),
        ("auxiliary", [{"entities": [{"type": "T"}]}], False),
    ],
)
def test_what_an_exclusive_registration_excludes(mode: str, information: Any, excluded: bool) -> None:
    exclusive, other = read(mode="exclusive", information=ONE), read(mode=mode, information=information)
    assert excluded_by(other, exclusive) is excluded
    assert excluded_by(exclusive, other) is excluded


def test_redirect_registrations_stand_side_by_side() -> None:
    assert not excluded_by(read(mode="redirect"), read(mode="redirect"))
