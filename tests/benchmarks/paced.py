"""A load at a fixed rate: a request is due at its time whether or not earlier ones were answered, and its latency
counts from then, so that a server that stalls can't hide it.

Run as a process: `python -m tests.benchmarks.paced URL RATE SECONDS`; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import urlsplit

import orjson
import uvloop

from adapters.wire import Connection


async def run(url: str, rate: float, seconds: float) -> dict[str, float | int]:
    """Requests, other statuses than 200, p50, p99 and the longest in ms."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    request = f"GET {target} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    idle: list[Connection] = []
    times: list[float] = []
    other = 0

    async def one(due: float) -> None:
        nonlocal other
        connection = idle.pop() if idle else None
        if connection is None or not connection.reusable:
            _, connection = await loop.create_connection(Connection, parts.hostname, parts.port)
        answer = await connection.exchange(request, 1 << 30, loop.time() + 60)
        times.append(loop.time() - due)
        other += answer.status != 200
        idle.append(connection)

    began = loop.time()
    tasks = []
    for n in range(int(rate * seconds)):
        due = began + n / rate
        await asyncio.sleep(max(due - loop.time(), 0.0))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    times.sort()
    return {
        "requests": len(times),
        "other_statuses": other,
        "p50_ms": round(times[len(times) // 2] * 1000, 2),
        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 2),
        "max_ms": round(times[-1] * 1000, 2),
    }


if __name__ == "__main__":
    result = uvloop.run(run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.buffer.write(orjson.dumps(result))
