"""Files that need an agreement: given while it holds, ended with it, counted for its quota, and none that it covers in
part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from agreements import AGREEMENTS, City, city
from gateway import fetch, run
from sources import Host

from adapters.testing.portal import Portal, packages
from adapters.testing.raw import RawServer
from adapters.testing.serving import Request

WHOLE = b"a,b\n" * 1000


class Files(RawServer):
    """`/whole.csv`, and `/endless.csv`, of which a piece comes every 10 ms; `/hung.csv` stops after two.
    `hung`: how often that was fetched."""

    hung = 0

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        self.hung += (request.method, request.path) == ("GET", "/hung.csv")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: %d\r\n\r\n"
        if request.path == "/whole.csv":
            writer.write(head % len(WHOLE) + WHOLE)
            await writer.drain()
            return True
        writer.write(head % 10**9 + WHOLE)
        while request.path == "/endless.csv":
            writer.write(WHOLE)
            await writer.drain()
            await asyncio.sleep(0.01)
        await writer.drain()
        if request.path == "/hung.csv":
            # a piece of its own: the gateway gives one when it has the next
            await asyncio.sleep(0.1)
            writer.write(WHOLE)
            await writer.drain()
        await asyncio.Event().wait()
        return False


class Library(City):
    url: str
    files: Files

    def terms(self, **changes: Any) -> dict[str, Any]:
        return {"provider_area": "otemachi", "operations": ["download"]} | changes

    def fetch(self, place: int, way: str = "download", who: str = "app") -> Any:
        return self.ask("GET", f"{self.url}/distributions/{place}/{way}", who)


@pytest.fixture(scope="module")
def library(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Library]:
    with city(postgres_url, tmp_path_factory.mktemp("files"), host) as opened:
        server = Files()
        files = host.start(server).url
        (record,) = packages(1)
        names = ("whole.csv", "endless.csv", "hung.csv")
        record["resources"] = [
            {"id": n, "name": n, "url": f"{files}/{n}", "format": "CSV", "caddec_contract_required": "required"}
            for n in names
        ]
        made = Library(opened.gateway, opened.keys, opened.source, host)
        source = {
            "id": "portal",
            "kind": "ckan",
            "area": "otemachi",
            "endpoint": host.serve(Portal([record])).url,
            "options": {"delay_ms": 0},
        }
        assert made.ask("POST", "/catalog/sources", "admin", json=source).status_code == 201
        found: list[str] = []

        def harvested() -> bool:
            sets = made.ask("GET", "/catalog/datasets", "admin", params={"source": "portal"}).json()["datasets"]
            found[:] = [one["id"] for one in sets]
            return bool(found)

        made.wait(harvested, 60)
        made.files = server
        made.url = f"/catalog/datasets/{found[0]}"
        yield made


def flows(library: Library, agreement: str) -> list[Any]:
    url = library.gateway.settings.database_url
    return list(run(fetch(url, "SELECT * FROM flows WHERE agreement = $1 ORDER BY outcome = 'opened' DESC", agreement)))


def test_only_what_an_agreement_covers_whole(library: Library) -> None:
    assert library.fetch(0).status_code == 403
    with library.agreed(**library.terms()) as agreement:
        answer = library.fetch(0)
        assert (answer.status_code, answer.content) == (200, WHOLE)
        assert [(row["operation"], row["outcome"]) for row in flows(library, agreement)] == [
            ("download", "opened"),
            ("download", "ok"),
        ]
    # of a file nothing can be kept back
    square = {"type": "Polygon", "coordinates": [[[139, 35], [140, 35], [140, 36], [139, 36], [139, 35]]]}
    for terms in ({"attributes": ["name"]}, {"geometry": square}, {"operations": ["read"]}, {"platforms": ["other"]}):
        with library.agreed(**library.terms(**terms)):
            assert library.fetch(0).status_code == 403, terms
            assert library.fetch(0, "preview").status_code == 403, terms


@pytest.mark.parametrize("place", [1, 2], ids=["endless", "hung"])
def test_a_stream_ends_with_the_agreement(library: Library, place: int) -> None:
    agreement = library.agree(**library.terms())
    client, key = library.gateway.client, {"x-api-key": library.keys["app"]}
    url = f"{library.url}/distributions/{place}/download"
    with client.stream("GET", url, headers=key) as answer:
        assert answer.status_code == 200
        began = time.monotonic()
        assert library.ask("POST", f"{AGREEMENTS}/{agreement}/revoke", "admin").status_code == 200
        with pytest.raises(httpx2.TransportError):
            answer.read()
    # the file alone would go on for hours, and for a hung source we wait for half a minute
    assert time.monotonic() < began + 20
    library.wait(lambda: len(flows(library, agreement)) == 2)
    (_, closing) = flows(library, agreement)
    assert (closing["outcome"], closing["agreement"]) == ("partial", agreement)
    assert library.fetch(place).status_code == 403


def test_a_preview_ends_with_it_too(library: Library) -> None:
    agreement = library.agree(**library.terms())
    before = library.files.hung
    with ThreadPoolExecutor(1) as executor:
        asking = executor.submit(library.fetch, 2, "preview")
        library.wait(lambda: library.files.hung > before)
        library.end(agreement)
        answer = asking.result(60)
    assert (answer.status_code, "ended" in answer.json()["detail"]) == (403, True)
    assert [row["operation"] for row in flows(library, agreement)] == ["preview"]


def test_downloads_count_for_the_quota(library: Library) -> None:
    with library.agreed(**library.terms(quota={"requests_per_day": 2})):
        assert [library.fetch(0).status_code, library.fetch(0, "preview").status_code] == [200, 200]
        refused = library.fetch(0)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
        assert library.fetch(0, "preview").status_code == 429
