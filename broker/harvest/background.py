"""Harvests that are due, one after the other, in every worker that serves; leases keep workers apart."""

from __future__ import annotations

import asyncio

import structlog

from broker.harvest.harvester import Harvester
from broker.store.catalog_sources import CatalogSources
from schemas.errors import KakehashiError

log = structlog.get_logger(__name__)


class Background:
    """`start` and `stop` it; `every`: seconds between looks at what is due."""

    def __init__(self, harvester: Harvester, sources: CatalogSources, *, every: float) -> None:
        self._harvester = harvester
        self._sources = sources
        self._every = every
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="catalogue-harvests")

    async def stop(self) -> None:
        """A harvest that is under way is left as it is; it is taken up again where it stopped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                for source in await self._sources.due():
                    await self._harvester.harvest(source)
            except KakehashiError as e:
                log.warning("harvests_interrupted", reason=e.detail)
            except Exception:
                # it must go on for months, whatever one source made of it
                log.exception("harvests_failed")
