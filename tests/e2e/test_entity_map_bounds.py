"""Whose an EntityMap is, how large it may be, and what is metered of its pages: with keys, and a small bound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from gateway import ENTITIES, Gateway, fetch, fresh_database, run, settings
from sources import Host, NgsiLdSource

from broker.store.database import Database
from broker.store.services import Service, Services

ADMIN = "an-admin-key-for-tests"
MAPS = "/ngsi-ld/v1/entityMaps"
HEADER = "ngsild-entitymap"


async def _keys(url: str) -> dict[str, str]:
    database = await Database.open(url)
    store = Services(database)
    keys = {name: (await store.create(Service(name)))[1] for name in ("one", "two")}
    await database.close()
    return keys


class Closed:
    def __init__(self, gateway: Gateway, keys: dict[str, str]) -> None:
        self.gateway = gateway
        self.keys = keys

    def ask(self, who: str, path: str = ENTITIES, method: str = "GET", location: str = "", **params: Any) -> Any:
        headers = {"authorization": f"Bearer {self.keys[who]}"} | ({HEADER: location} if location else {})
        return self.gateway.client.request(method, path, params=params, headers=headers)


@pytest.fixture(scope="module")
def closed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Closed]:
    held = [{"id": f"urn:x:Many:{n:04}", "type": "Many"} for n in range(1001)]
    held += [{"id": f"urn:x:Few:{n}", "type": "Few"} for n in range(250)]
    with fresh_database(postgres_url) as url:
        home = tmp_path_factory.mktemp("bounds")
        changes = {"access": "closed", "admin_key": ADMIN, "allow_networks": "127.0.0.0/8", "max_collect": 1000}
        gateway = Gateway(settings(home, url, **changes))
        made = Closed(gateway, run(_keys(url)) | {"admin": ADMIN})
        platform = {
            "id": "p",
            "area": "takeshiba",
            "adapter": "ngsi_ld",
            "endpoint": host.serve(NgsiLdSource(held)).url,
            "open_data": True,
        }
        headers = {"authorization": f"Bearer {ADMIN}"}
        assert gateway.client.post("/platforms", json=platform, headers=headers).status_code == 201
        deadline = time.monotonic() + 30
        while not all(made.ask(who, type="Few", limit=1).text.startswith("[{") for who in ("one", "two")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield made
        gateway.close()


def test_a_map_is_its_service_s_own(closed: Closed) -> None:
    made = closed.ask("one", type="Few", limit=2, entityMap="true")
    location = made.headers[HEADER]
    assert closed.ask("two", location).status_code == 404
    assert closed.ask("two", location, "DELETE").status_code == 404
    others = closed.ask("two", type="Few", location=location, limit=2)
    assert (others.status_code, others.headers[HEADER] != location) == (201, True)
    assert closed.ask("one", location).status_code == 200
    assert closed.ask("admin", location).status_code == 200
    assert closed.gateway.client.get(location).status_code == 401
    assert closed.ask("one", location, "DELETE").status_code == 204


def test_more_than_is_read_for_one_answer_makes_no_map(closed: Closed) -> None:
    for path in (ENTITIES, MAPS):
        refused = closed.ask("one", path, type="Many", entityMap="true", limit=1)
        assert refused.status_code == 403
        assert refused.json()["type"].endswith("TooManyResults")


def test_a_page_of_many_questions_is_one_flow_with_what_was_delivered(closed: Closed) -> None:
    location = closed.ask("one", MAPS, type="Few").headers[HEADER]
    page = closed.ask("one", type="Few", location=location, limit=240, offset=5)
    assert len(page.json()) == 240
    assert len({entity["id"] for entity in page.json()}) == 240
    rows = run(
        fetch(
            closed.gateway.settings.database_url,
            "SELECT entities FROM flows WHERE id = $1",
            page.headers["kakehashi-flow"],
        )
    )
    assert [row["entities"] for row in rows] == [240]
