from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn

import adapters.geojson as geojson
from adapters.contract import Services, SourceContext
from adapters.guard import LOOPBACK, Guard
from adapters.testing.session import Session
from adapters.testing.shape import faults
from adapters.upstream import Upstream
from broker.demo.files import create_app, main, toyosu_folder
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Platform

DATA = toyosu_folder().parent
REGISTRATIONS = orjson.loads((toyosu_folder() / "registrations.json").read_bytes())
TOYOSU = parse_geo(
    "within", "Polygon", "[[[139.775,35.640],[139.808,35.640],[139.808,35.662],[139.775,35.662],[139.775,35.640]]]"
)
OTEMACHI = parse_geo(
    "within", "Polygon", "[[[139.757,35.672],[139.772,35.672],[139.772,35.691],[139.757,35.691],[139.757,35.672]]]"
)


def soon() -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + 10)


async def serve(folder: Path) -> tuple[uvicorn.Server, asyncio.Task[None], str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(folder), log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    return server, task, f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server, task, address = await serve(toyosu_folder())
    yield address
    server.should_exit = True
    await task


async def test_files_have_validators_and_media_types(url: str) -> None:
    async with httpx2.AsyncClient() as client:
        listed = (await client.get(url + "/")).json()["files"]
        assert "accessible-toilets.csv" in listed
        first = await client.get(url + "/accessible-toilets.csv")
        assert first.headers["content-type"] == "text/csv"
        assert first.headers["last-modified"]
        again = await client.get(url + "/accessible-toilets.csv", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get(url + "/crowd-flow.geojson")).headers["content-type"] == "application/geo+json"


async def test_nothing_outside_the_folder_is_served(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    (tmp_path / "secret.json").write_text("1")
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    server, task, address = await serve(folder)
    async with httpx2.AsyncClient() as client:
        for path in ("/../secret.json", "/%2e%2e/secret.json", "/link.json", "/none.json"):
            assert (await client.get(address + path)).status_code == 404, path
    server.should_exit = True
    await task


def test_a_folder_that_is_not_there_ends_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--dir", str(tmp_path / "none")])
    assert "no folder" in capsys.readouterr().err


@pytest.mark.parametrize("registration", REGISTRATIONS, ids=lambda r: r["path"])
async def test_each_file_is_read_as_its_registration_says(url: str, registration: dict[str, Any]) -> None:
    upstream = Upstream(Guard(LOOPBACK))

    async def no_context(address: str) -> Context:
        raise AssertionError(address)

    platform = Platform("urn:x:t", "geojson", f"{url}/{registration['path']}", options=registration["options"])
    adapter = await geojson.open(platform, Services(upstream, no_context))
    result = await adapter.probe(soon())
    assert result.ok, result.problem
    assert result.types == (CORE.expand(registration["type"]),)
    taken = await Session(adapter, soon).ask(EntityQuery(limit=100))
    assert len(taken.kept) == 12
    for entity in taken.kept:
        assert list(faults(entity)) == []
        assert entity["id"].startswith(f"urn:ngsi-ld:{registration['type']}:demo-toyosu-")
        assert entity["dataProvider"]["value"] == "synthetic demo data"
        assert TOYOSU.matches(entity)
    await adapter.close()
    await upstream.close()


def test_the_toilets_are_in_shift_jis_below_a_title_row() -> None:
    data = (toyosu_folder() / "accessible-toilets.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        data.decode()
    assert data.decode("cp932").splitlines()[1].startswith("管理番号,名称")


def test_otemachi_is_normalized_ngsi_ld_in_its_area() -> None:
    entities = orjson.loads((DATA / "otemachi.json").read_bytes())
    counts: dict[str, int] = {}
    for entity in entities:
        counts[entity["type"]] = counts.get(entity["type"], 0) + 1
        assert list(faults(entity)) == []
        assert entity["dataProvider"]["value"] == "synthetic demo data"
        assert OTEMACHI.matches(entity), entity["id"]
    assert counts == {"EvacuationShelter": 12, "CrowdFlowObserved": 12, "AccessibleToilet": 12}
    assert len({entity["id"] for entity in entities}) == 36
    assert all("observedAt" in e["peopleCount"] for e in entities if e["type"] == "CrowdFlowObserved")
