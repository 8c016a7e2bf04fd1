"""A load generator on the gateway's own wire: N connections that ask the same question over and over.

Run as a process: `python -m tests.benchmarks.load URL CONNECTIONS SECONDS [HEADER: VALUE …]`; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter
from urllib.parse import urlsplit

import orjson
import uvloop

from adapters.wire import Connection


async def run(url: str, connections: int, seconds: float, headers: list[str]) -> dict[str, float | int]:
    """Requests, other statuses than 200, requests/s, p50 and p99 in ms, the size of the last body."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"host: {parts.netloc}", *headers]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    times: list[float] = []
    other = 0
    size = 0

    async def client() -> None:
        nonlocal other, size
        _, connection = await loop.create_connection(Connection, parts.hostname, parts.port)
        while loop.time() < end:
            began = perf_counter()
            answer = await connection.exchange(request, 1 << 30, loop.time() + 30)
            times.append(perf_counter() - began)
            other += answer.status != 200
            size = len(answer.body)

    began = perf_counter()
    await asyncio.gather(*[client() for _ in range(connections)])
    took = perf_counter() - began
    times.sort()
    return {
        "requests": len(times),
        "other_statuses": other,
        "requests_per_s": round(len(times) / took, 1),
        "p50_ms": round(times[len(times) // 2] * 1000, 2),
        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 2),
        "bytes": size,
    }


if __name__ == "__main__":
    result = uvloop.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
    sys.stdout.buffer.write(orjson.dumps(result))
