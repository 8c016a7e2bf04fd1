"""Takes away in the background what has expired (clause 4.22). Readers never see it, swept or not."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from broker.store.entities import Entities
from schemas.errors import StoreUnavailable

_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Sweeper:
    """One per worker; several get along."""

    def __init__(self, entities: Entities, *, seconds: float = _SECONDS) -> None:
        self._entities = entities
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sweeper")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._entities.sweep()
            except StoreUnavailable as error:
                _log.warning("nothing swept", reason=error.detail)
            except Exception:
                # Whatever one sweep stumbled over must not end all later ones.
                _log.exception("sweep failed")
            await asyncio.sleep(self._seconds)
