"""An honest source as a process of its own, so that a test can stop it. Prints its address."""

from __future__ import annotations

import asyncio
import sys

from sources import Entity, NgsiLdSource

from adapters.testing.serving import Server


def crowd(n: int) -> Entity:
    return {"id": f"urn:ngsi-ld:Crowd:{n:03}", "type": "Crowd", "count": {"type": "Property", "value": n}}


async def main(entities: int) -> None:
    async with Server(NgsiLdSource([crowd(n) for n in range(entities)])) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
