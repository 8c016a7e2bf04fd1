"""Work that a gateway does again and again beside its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from schemas.errors import KakehashiError

_log = structlog.get_logger(__name__)


class Periodic:
    """Does `work` every `seconds`, beginning after the first of them or, with `at_once`, now.

    What `work` raises is logged and ends that turn only: such a task has to go on for months. Every worker has its own;
    work that only one may do takes a lock in the database.
    """

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], seconds: float, *, at_once: bool = False
    ) -> None:
        self.name = name
        self._work = work
        self._seconds = seconds
        self._at_once = at_once
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """What is under way is given up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        if not self._at_once:
            await asyncio.sleep(self._seconds)
        while True:
            try:
                await self._work()
            except KakehashiError as error:
                # most often the database; the next turn takes up what this one did not
                _log.warning("work_put_off", work=self.name, reason=error.detail)
            except Exception:
                _log.exception("work_failed", work=self.name)
            await asyncio.sleep(self._seconds)
