"""A platform made of prepared bytes: as fast as an HTTP server in Python gets, so that it is not what is measured.

Run as a process: `python -m tests.benchmarks.static_source PORT TAG`. It knows the parts of NGSI-LD that a gateway asks
for: entities of type Vehicle (100 of about 400 bytes), one of them by id, types; every other filter is ignored.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httptools
import orjson
import uvloop

CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
PER_SOURCE = 100


def entity(tag: str, i: int) -> dict[str, Any]:
    """About 400 bytes of normalized NGSI-LD."""
    return {
        "id": f"urn:ngsi-ld:Vehicle:{tag}:{i:04d}",
        "type": "Vehicle",
        "brand": {"type": "Property", "value": f"Brand-{i % 7}"},
        "speed": {
            "type": "Property",
            "value": round(40 + i * 0.37, 2),
            "unitCode": "KMH",
            "observedAt": "2026-11-22T10:00:00Z",
        },
        "name": {"type": "Property", "value": f"車両 {tag} {i}"},
        "owner": {"type": "Relationship", "object": f"urn:ngsi-ld:Person:{i}"},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [139.7 + i * 1e-4, 35.6 + i * 1e-4]},
        },
    }


def answer(body: bytes, count: int | None = None, status: str = "200 OK") -> bytes:
    """The bytes of a whole HTTP answer, in the core @context."""
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        f'link: <{CORE}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"\r\n'
    )
    if count is not None:
        head += f"ngsild-results-count: {count}\r\n"
    return head.encode() + b"\r\n" + body


class Source(asyncio.Protocol):
    """One connection."""

    def __init__(self, tag: str) -> None:
        rows = [entity(tag, i) for i in range(PER_SOURCE)]
        self._all = answer(orjson.dumps(rows), PER_SOURCE)
        self._twenty = answer(orjson.dumps(rows[:20]), PER_SOURCE)
        self._one = {r["id"]: answer(orjson.dumps(r)) for r in rows}
        if tag == "s0":
            shared = entity("any", 0)
            self._one[shared["id"]] = answer(orjson.dumps(shared))
        self._none = answer(b"[]", 0)
        self._types = answer(b'{"id":"urn:ngsi-ld:EntityTypeList:1","type":"EntityTypeList","typeList":["Vehicle"]}')
        self._missing = answer(b'{"title":"not found"}', status="404 Not Found")
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url.decode()

    def on_message_complete(self) -> None:
        self._transport.write(self._choose(self._url))  # type: ignore[attr-defined]

    def _choose(self, url: str) -> bytes:
        path, _, query = url.partition("?")
        if path == "/ngsi-ld/v1/types":
            return self._types
        if path == "/ngsi-ld/v1/entities":
            params = dict(p.partition("=")[::2] for p in query.split("&"))
            if not params.get("type", "").endswith("Vehicle") or params.get("offset", "0") != "0" or "id" in params:
                return self._none
            return self._twenty if params.get("limit") == "20" else self._all
        return self._one.get(path.rpartition("/")[2], self._missing)


async def serve(port: int, tag: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Source(tag), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2]))
