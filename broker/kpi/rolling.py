"""Keeps the roll-ups of the flows close behind the flows, in the background of a gateway that serves."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from broker.store.database import Database
from broker.store.usage_rollup import roll_up
from schemas.errors import StoreUnavailable

_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Roller:
    """Any number of workers may run one; they take turns, and who comes second finds little to do."""

    def __init__(self, database: Database, *, seconds: float = _SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="roll-up")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await roll_up(self._database)
            except StoreUnavailable:
                # said elsewhere; the next turn takes up what this one did not
                continue
            except Exception:
                _log.exception("roll_up_failed")
