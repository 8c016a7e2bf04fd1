"""A gateway in closed mode with two areas, for tests of who may use what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway import ENTITIES, Gateway, fresh_database, run, settings
from sources import Host, NgsiLdSource

from broker.store.database import Database
from broker.store.services import Service, Services

ADMIN = "an-admin-key-for-tests"
AGREEMENTS = "/agreements"


def entity(name: str, kind: str, lon: float, **attributes: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:{kind}:{name}",
        "type": kind,
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [lon, 35.65]}},
        **{k: {"type": "Property", "value": v} for k, v in attributes.items()},
    }


SHELTERS = [entity(str(n), "Shelter", 139.70 + n / 100, capacity=n * 100, manager=f"person {n}") for n in range(1, 7)]
CAMERAS = [entity("1", "Camera", 139.71, picture="secret")]
WEST = {
    "type": "Polygon",
    "coordinates": [[[139.6, 35.6], [139.735, 35.6], [139.735, 35.7], [139.6, 35.7], [139.6, 35.6]]],
}


class Recorded:
    """A source that keeps what it was asked."""

    def __init__(self, source: NgsiLdSource) -> None:
        self.source = source
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []

    def __call__(self, request: Any) -> Any:
        # looks into live datasets come by themselves, at any time, for nobody
        if "x-request-id" in request.headers:
            self.asked.append(request.target)
        self.headers.append(request.headers)
        return self.source(request)


class City:
    """`app` of App Inc asks; `takeshiba` (area takeshiba) and `open` (open data) answer."""

    def __init__(self, gateway: Gateway, keys: dict[str, str], source: Recorded, host: Host) -> None:
        self.gateway = gateway
        self.keys = keys
        self.source = source
        self.host = host

    def ask(self, method: str, path: str, who: str | None = "app", **options: Any) -> Any:
        headers = dict(options.pop("headers", {}))
        if who is not None:
            headers["x-api-key"] = self.keys[who]
        return self.gateway.client.request(method, path, headers=headers, **options)

    def get(self, who: str = "app", path: str = ENTITIES, headers: dict[str, str] | None = None, **params: Any) -> Any:
        return self.ask("GET", path, who, params=params, headers=headers or {})

    def agree(self, who: str = "admin", **terms: Any) -> str:
        """An agreement in force; its id."""
        made = self.ask("POST", AGREEMENTS, who, json=terms_of(**terms))
        assert made.status_code == 201, made.text
        agreement: str = made.json()["id"]
        approved = self.ask("POST", f"{AGREEMENTS}/{agreement}/approve", "admin")
        assert approved.status_code == 200, approved.text
        return agreement

    def end(self, agreement: str) -> None:
        assert self.ask("POST", f"{AGREEMENTS}/{agreement}/revoke", "admin").status_code == 200

    @contextmanager
    def agreed(self, **terms: Any) -> Iterator[str]:
        agreement = self.agree(**terms)
        self.source.asked.clear()
        try:
            yield agreement
        finally:
            self.end(agreement)

    def wait(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come to be so in time"
            time.sleep(0.02)


def terms_of(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "provider_area": "takeshiba",
        "consumer_organisation": "App Inc",
        "purpose": "guidance in emergencies",
        "valid_from": (now - timedelta(days=1)).isoformat(),
        "valid_to": (now + timedelta(days=30)).isoformat(),
        **changes,
    }


SERVICES = (
    Service("app", organisation="App Inc", project="p1", area="toyosu"),
    Service("second", organisation="App Inc", project="p2", area="toyosu"),
    Service("stranger", organisation="Else KK", area="toyosu"),
    Service("own", organisation="Takeshiba Council", area="takeshiba"),
)


async def register(url: str, services: tuple[Service, ...]) -> dict[str, str]:
    database = await Database.open(url)
    store = Services(database)
    keys = {s.id: (await store.create(s))[1] for s in services}
    await database.close()
    return keys


@contextmanager
def city(server: str, home: Path, host: Host, **changes: Any) -> Iterator[City]:
    with fresh_database(server) as url:
        given = {"access": "closed", "admin_key": ADMIN, "allow_networks": "127.0.0.0/8", "area": "nishi-shinjuku"}
        gateway = Gateway(settings(home, url, **(given | changes)))
        try:
            source = Recorded(NgsiLdSource([*SHELTERS, *CAMERAS]))
            made = City(gateway, run(register(url, SERVICES)) | {"admin": ADMIN}, source, host)
            platform = {
                "id": "takeshiba",
                "area": "takeshiba",
                "organisation": "Takeshiba Council",
                "adapter": "ngsi_ld",
                "endpoint": host.serve(source).url,
            }
            public = platform | {
                "id": "public",
                "area": "toyosu",
                "organisation": "Toyosu Council",
                "endpoint": host.serve(NgsiLdSource([entity("1", "Toilet", 139.79, open=True)])).url,
                "open_data": True,
                "coverage": {"types": ["Toilet"]},
            }
            for document in (platform, public):
                answer = made.ask("POST", "/platforms", "admin", json=document)
                assert answer.status_code == 201, answer.text
            made.wait(
                lambda: (
                    made.get(type="Toilet").text.count("urn:") > 0 and len(made.get("own", type="Shelter").json()) == 6
                )
            )
            yield made
        finally:
            gateway.close()
