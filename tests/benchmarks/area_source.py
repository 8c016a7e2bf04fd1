"""An area's platform with a delay, and as many entities as it is told: what federation adds is measured against it.

Run as a process: `python -m tests.benchmarks.area_source PORT TAG DELAY_MS ENTITIES`. It pages (limit, offset, count,
in order of id), finds one by id and lists its types; every other filter is ignored.
"""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache
from urllib.parse import unquote

import httptools
import orjson
import uvloop

from tests.benchmarks.static_source import answer, entity


class Area(asyncio.Protocol):
    """One connection."""

    def __init__(self, tag: str, delay_s: float, entities: int) -> None:
        self._tag = tag
        self._delay = delay_s
        self._entities = entities
        self._url = ""
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url.decode()

    def on_message_complete(self) -> None:
        reply = self._choose(self._url)
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, reply)  # type: ignore[attr-defined]
        else:
            self._transport.write(reply)  # type: ignore[attr-defined]

    def _choose(self, url: str) -> bytes:
        path, _, query = url.partition("?")
        if path == "/ngsi-ld/v1/types":
            return answer(b'{"id":"urn:ngsi-ld:EntityTypeList:1","type":"EntityTypeList","typeList":["Vehicle"]}')
        params = dict(p.partition("=")[::2] for p in query.split("&"))
        if path == "/ngsi-ld/v1/entities":
            if not params.get("type", "Vehicle").endswith("Vehicle"):
                return answer(b"[]", 0)
            ids = unquote(params["id"]).split(",") if "id" in params else None
            return page(self._tag, self._entities, int(params.get("limit", 20)), int(params.get("offset", 0)), ids)
        found = positions(self._tag, self._entities, [path.rpartition("/")[2]])
        return answer(orjson.dumps(numbered(self._tag, found[0]))) if found else answer(b"{}", status="404 Not Found")


def numbered(tag: str, n: int) -> dict[str, object]:
    return {**entity(tag, n), "id": f"urn:ngsi-ld:Vehicle:{tag}:{n:07}"}


def positions(tag: str, entities: int, ids: list[str]) -> list[int]:
    before = f"urn:ngsi-ld:Vehicle:{tag}:"
    tails = [i.removeprefix(before) for i in ids if i.startswith(before)]
    return sorted(int(t) for t in tails if t.isdigit() and len(t) == 7 and int(t) < entities)


def page(tag: str, entities: int, limit: int, offset: int, ids: list[str] | None) -> bytes:
    if ids is not None:
        found = positions(tag, entities, ids)
        return answer(orjson.dumps([numbered(tag, n) for n in found[offset : offset + limit]]), len(found))
    return whole(tag, entities, limit, offset)


@lru_cache(maxsize=4)
def whole(tag: str, entities: int, limit: int, offset: int) -> bytes:
    rows = [numbered(tag, n) for n in range(offset, min(offset + limit, entities))]
    return answer(orjson.dumps(rows), entities)


async def serve(port: int, tag: str, delay_s: float, entities: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Area(tag, delay_s, entities), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]) / 1000, int(sys.argv[4])))
