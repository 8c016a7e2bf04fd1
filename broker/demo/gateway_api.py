"""The gateway's and the city OS's HTTP API, as far as the demo speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import httpx2
import orjson

from broker.demo.processes import DemoFailed

_BATCH = 500
_PAGE = 1000
_PATIENCE = 15.0


def client(base: str, key: str = "") -> httpx2.AsyncClient:
    """Proxies of the environment are not for loopback."""
    headers = {"X-API-Key": key} if key else {}
    return httpx2.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False)


async def fill(city_os: httpx2.AsyncClient, entities: Sequence[Mapping[str, Any]]) -> None:
    """Leave exactly these entities in an NGSI-LD city OS."""
    while held := await _ids(city_os):
        _done(await _post(city_os, "/ngsi-ld/v1/entityOperations/delete", held), 204)
    for start in range(0, len(entities), _BATCH):
        batch = entities[start : start + _BATCH]
        _done(await _post(city_os, "/ngsi-ld/v1/entityOperations/upsert", batch), 201, 204)


async def register(gateway: httpx2.AsyncClient, documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Post the platforms, in place of those that an earlier run left; returns what the gateway found of each.

    Comes back when the gateway asks the new ones and none of the old: it hears of changes by its feed.
    """
    old = [p["id"] for p in await _all_platforms(gateway) if p["id"].startswith("demo-")]
    for one in old:
        _done(await gateway.delete(f"/platforms/{one}"), 204)
    await _until_known(gateway, absent=old)
    answers = await asyncio.gather(*(_post(gateway, "/platforms", document) for document in documents))
    found = [_done(answer, 201).json() for answer in answers]
    await _until_known(gateway, present=[d["id"] for d in documents])
    return found


async def until_known(gateway: httpx2.AsyncClient) -> None:
    """Wait until the gateway takes this client's key."""
    await _patiently(lambda: _explain(gateway))


async def flows(gateway: httpx2.AsyncClient, since: str) -> list[dict[str, Any]]:
    """All flows metered since then, page by page, as `GET /flows` gives them."""
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {"from": since, "limit": str(_PAGE)}
    while True:
        answer = _done(await gateway.get("/flows", params=query), 200)
        found += answer.json()
        if 'rel="next"' not in answer.headers.get("link", ""):
            return found
        query["cursor"] = answer.headers["kakehashi-next-cursor"]


async def explain(gateway: httpx2.AsyncClient, params: Mapping[str, str]) -> dict[str, Any]:
    """The plan of a query."""
    found: dict[str, Any] = _done(await gateway.get("/federation/explain", params=params), 200).json()
    return found


async def _ids(city_os: httpx2.AsyncClient) -> list[str]:
    answer = _done(await city_os.get("/ngsi-ld/v1/entities", params={"type": "*", "limit": str(_PAGE)}), 200)
    return [e["id"] for e in answer.json()]


async def _all_platforms(gateway: httpx2.AsyncClient) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        answer = _done(await gateway.get("/platforms", params={"limit": "1000", "offset": str(len(rows))}), 200)
        page = answer.json()
        rows += page
        if not page or len(rows) >= int(answer.headers["kakehashi-results-count"]):
            return rows


async def _until_known(gateway: httpx2.AsyncClient, *, present: Iterable[str] = (), absent: Iterable[str] = ()) -> None:
    wanted, gone = frozenset(present), frozenset(absent)

    async def look() -> bool:
        plan = await explain(gateway, {"type": "EvacuationShelter"})
        known = {source["platform"] for source in plan["sources"]}
        return wanted <= known and not gone & known

    await _patiently(look)


async def _explain(gateway: httpx2.AsyncClient) -> bool:
    return (await gateway.get("/federation/explain", params={"type": "EvacuationShelter"})).status_code == 200


async def _patiently(look: Callable[[], Awaitable[bool]]) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE
    while not await look():
        if loop.time() > deadline:
            raise DemoFailed(f"the gateway did not hear of a change within {_PATIENCE:.0f} seconds")
        await asyncio.sleep(0.02)


async def _post(to: httpx2.AsyncClient, path: str, body: object) -> httpx2.Response:
    return await to.post(path, content=orjson.dumps(body), headers={"content-type": "application/json"})


def _done(answer: httpx2.Response, *statuses: int) -> httpx2.Response:
    """The answer, if it is what it should be; else DemoFailed with what the other side said."""
    if answer.status_code not in statuses:
        request = answer.request
        raise DemoFailed(f"{request.method} {request.url.path} gave {answer.status_code}: {answer.text[:500]}")
    return answer
