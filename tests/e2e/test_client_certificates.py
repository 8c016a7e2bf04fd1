"""Subjects of client certificates: taken from the proxy that verified them, and from nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agreements import ADMIN, City, city, register
from gateway import ENTITIES, fetch, run
from sources import Host

from broker.app import create_app
from broker.settings import Settings
from broker.store.database import Database
from broker.store.services import Service, Services
from schemas.errors import SettingsError
from schemas.roles import Role

SECRET = "a-secret-of-the-proxy"
OURS = {"kakehashi-proxy-secret": SECRET}
TYPES = "service=CN,organisation=O,area=L,roles=OU"
OPERATOR = Service("desk", organisation="Council", area="takeshiba", roles=frozenset({Role.OPERATOR}))
OFF = Service("off", organisation="App Inc", disabled=True)


@pytest.fixture(scope="module")
def town(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[City]:
    changes = {
        "mtls_header": "X-Client-Subject",
        "mtls_proxies": "10.9.0.0/16, 127.0.0.0/8",
        "mtls_proxy_secret": SECRET,
        "mtls_subject": TYPES,
    }
    with city(postgres_url, tmp_path_factory.mktemp("certificates"), host, **changes) as opened:
        run(register(opened.gateway.settings.database_url, (OPERATOR, OFF)))
        opened.wait(lambda: asked(opened, "CN=desk", path="/platforms").status_code == 200)
        yield opened


def asked(town: City, *subjects: str, path: str = ENTITIES, more: dict[str, str] | None = None) -> Any:
    headers = [*(OURS if more is None else more).items(), *(("x-client-subject", s.encode()) for s in subjects)]
    params = {"type": "Toilet"} if path == ENTITIES else {}
    return town.gateway.client.get(path, params=params, headers=headers)


def row_of(town: City, answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    flow = answer.headers["kakehashi-flow"]
    (row,) = run(fetch(town.gateway.settings.database_url, "SELECT * FROM flows WHERE id = $1", flow))
    return row


def test_a_subject_says_who_is_asking(town: City) -> None:
    row = row_of(town, asked(town, r"CN=kiosk,O=App Inc,L=\E7\AB\B9\E8\8A\9D"))
    assert (row["service"], row["organisation"], row["consumer_area"], row["project"]) == (
        "kiosk",
        "App Inc",
        "竹芝",
        None,
    )
    with town.agreed():
        subject = {"x-client-subject": "CN=kiosk,O=App Inc"}
        answer = town.gateway.client.get(ENTITIES, params={"type": "Shelter"}, headers=OURS | subject)
        assert len(answer.json()) == 6
    for headers in town.source.headers:
        assert not {"x-client-subject", "kakehashi-subject", "kakehashi-proxy-secret"} & headers.keys()


def test_who_is_registered_is_taken_as_registered(town: City) -> None:
    row = row_of(town, asked(town, "CN=app"))
    assert (row["service"], row["organisation"], row["project"], row["consumer_area"]) == (
        "app",
        "App Inc",
        "p1",
        "toyosu",
    )
    # its roles, too: whatever the certificate has there
    assert asked(town, "CN=desk,O=Council", path="/platforms").status_code == 200
    assert asked(town, "CN=app,OU=kakehashi-operator", path="/platforms").status_code == 403
    assert asked(town, "CN=new,OU=kakehashi-auditor", path="/platforms").status_code == 200
    assert asked(town, "CN=new", path="/platforms").status_code == 403
    assert "registered for another organisation" in asked(town, "CN=desk,O=Evil KK").json()["detail"]
    assert "disabled" in asked(town, "CN=off,O=App Inc").json()["detail"]


def test_a_service_that_is_disabled_is_out(town: City) -> None:
    url = town.gateway.settings.database_url
    run(register(url, (Service("leaving", organisation="App Inc"),)))
    town.wait(lambda: "another organisation" in asked(town, "CN=leaving,O=Else").text)
    assert asked(town, "CN=leaving").status_code == 200

    async def disable() -> None:
        database = await Database.open(url, max_size=1)
        await Services(database).update(Service("leaving", organisation="App Inc", disabled=True))
        await database.close()

    run(disable())
    town.wait(lambda: asked(town, "CN=leaving").status_code == 401)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"kakehashi-proxy-secret": "another-secret-of-somebody"},
        {"kakehashi-proxy-secret": ""},
        {"kakehashi-proxy-secret": SECRET[:-1]},
    ],
    ids=["nothing", "another", "empty", "shorter"],
)
def test_from_anybody_else_it_is_refused(town: City, more: dict[str, str]) -> None:
    answer = asked(town, "CN=app,O=App Inc", more=more)
    assert answer.status_code == 401, answer.text
    assert "trusted proxies only" in answer.json()["detail"]
    assert SECRET not in answer.text
    # and a key does not make it better
    both = more | {"x-api-key": ADMIN}
    assert asked(town, "CN=app,O=App Inc", more=both).status_code == 401


def test_two_of_them_are_none(town: City) -> None:
    answer = asked(town, "CN=desk,O=Council", "CN=app,O=App Inc")
    assert (answer.status_code, "there twice" in answer.text) == (401, True)
    more = [*OURS.items(), *OURS.items(), ("x-client-subject", "CN=app")]
    assert town.gateway.client.get(ENTITIES, params={"type": "Toilet"}, headers=more).status_code == 401


def test_our_own_name_for_it_is_nobodys(town: City) -> None:
    for more in ({}, OURS):
        answer = town.gateway.client.get("/platforms", headers=more | {"kakehashi-subject": "CN=desk,O=Council"})
        assert answer.status_code == 401
        assert "who is asking" in answer.json()["detail"]


@pytest.mark.parametrize(
    "subject",
    [
        "/CN=app/O=App Inc",
        "(null)",
        "CN=app,CN=desk",
        "O=App Inc",
        "CN=app,O=a,O=b",
        "CN=administration",
        "CN=anonymous",
        "CN=" + "a" * 201,
        r"CN=app\00",
        'CN="app"',
        "CN=app, O=App Inc",
    ],
)
def test_subjects_that_are_none(town: City, subject: str) -> None:
    answer = asked(town, subject)
    assert answer.status_code == 401, answer.text
    assert "is not taken" in answer.json()["detail"]


def test_without_a_certificate_keys_count_and_with_both_the_key(town: City) -> None:
    assert asked(town, "").status_code == 401
    assert asked(town, "", more=OURS | {"x-api-key": town.keys["app"]}).status_code == 200
    row = row_of(town, asked(town, "CN=kiosk,O=App Inc", more=OURS | {"x-api-key": town.keys["app"]}))
    assert row["service"] == "app"
    assert asked(town, "CN=app", more=OURS | {"x-api-key": "kk_wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "KAKEHASHI_MTLS_HEADER"),
        ({"mtls_header": "Authorization", "mtls_proxies": "10.0.0.0/8"}, "KAKEHASHI_MTLS_HEADER"),
        ({"mtls_proxies": "10.0.0.1/8"}, "KAKEHASHI_MTLS_PROXIES"),
        ({"mtls_proxies": "proxy"}, "KAKEHASHI_MTLS_PROXIES"),
    ],
)
def test_it_does_not_start_without_a_proxy_to_trust(tmp_path: Path, changes: dict[str, str], field: str) -> None:
    chosen = Settings(**({"home": tmp_path, "mtls_header": "X-Client-Subject"} | changes))
    with pytest.raises(SettingsError) as raised:
        create_app(chosen)
    assert raised.value.field == field
