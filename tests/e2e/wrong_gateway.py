"""Gateways that meter wrongly on purpose, in the three ways in which others do: `python wrong_gateway.py WAY serve …`.

Kept so that the crash test is seen to find what it is there for.
"""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

from broker import app
from broker.cli.main import main
from broker.metering.settle import Settler
from schemas.flow import Flow
from schemas.idempotency import IdempotencyKey

_PAUSE = 0.05
"""Seconds between two steps that a crash can come between; a busy machine has such pauses anyway."""
_tasks: set[asyncio.Task[UUID | None]] = set()


class FlushLater(Settler):
    """The answer leaves at once, and its flows are written a moment later."""

    async def settle(self, flows: list[Flow], *, key: IdempotencyKey | None = None) -> UUID | None:
        async def later() -> UUID | None:
            await asyncio.sleep(10 * _PAUSE)
            return await super(FlushLater, self).settle(flows, key=key)

        task = asyncio.create_task(later())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return None


class ClaimThenWrite(Settler):
    """The key is claimed in one transaction, the flows are written in the next."""

    async def settle(self, flows: list[Flow], *, key: IdempotencyKey | None = None) -> UUID | None:
        first = await super().settle([], key=key)
        await asyncio.sleep(_PAUSE)
        _mark(flows, key, first)
        await super().settle(flows)
        return first


class NoKey(Settler):
    """The key is written down, but nobody looks whether it was there before."""

    async def settle(self, flows: list[Flow], *, key: IdempotencyKey | None = None) -> UUID | None:
        _mark(flows, key, None)
        await super().settle(flows)
        await asyncio.sleep(_PAUSE)
        return None


def _mark(flows: list[Flow], key: IdempotencyKey | None, first: UUID | None) -> None:
    for flow in flows:
        flow.replay_of = first
        flow.idempotency_key = None if key is None else key.key


WAYS = {"flush-later": FlushLater, "no-key": NoKey, "claim-then-write": ClaimThenWrite}
"""In this order each may take the place of the one before, and does not make up for it."""

if __name__ == "__main__":
    app.Settler = WAYS[sys.argv[1]]  # type: ignore[misc]
    main(sys.argv[2:])
