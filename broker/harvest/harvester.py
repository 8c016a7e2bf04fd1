"""One harvest of one source: batch after batch, each stored with the place behind it, to be taken up there again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime
from typing import Any

import structlog

from adapters.catalogued import Batch, Catalogued, CatalogueModule, catalogue_options
from adapters.contract import Services, SourceContext
from adapters.credentials.forms import access_of
from adapters.exchange import Access
from broker.identity.secrets import SecretBox
from broker.store.catalog_clusters import recluster
from broker.store.catalog_harvest import LEASE_SECONDS, CatalogHarvests, Claimed, LeaseLost, StoredBatch
from broker.store.database import Database
from catalog.harvest import ending, next_due, wait_before
from catalog.indexing import DatasetRow, index
from schemas.catalogue import CatalogueSource, HarvestStatus
from schemas.errors import BadUpstream, KakehashiError, SourceError
from schemas.flow import uuid7

Progress = Callable[[HarvestStatus], None]
log = structlog.get_logger(__name__)
_HEARTBEAT = LEASE_SECONDS / 4
_MADE_AT_ONCE = 50
"""Datasets translated and indexed between two turns of the event loop."""


def aad(source: str) -> str:
    """What a source's credential is bound to; no platform can have that id."""
    return f"catalogue {source}"


class Harvester:
    """One per process. `pace`: what a pause of a second takes, for tests."""

    def __init__(
        self,
        database: Database,
        box: SecretBox,
        services: Services,
        module: Callable[[str], CatalogueModule],
        *,
        pace: float = 1.0,
    ) -> None:
        self._database = database
        self._box = box
        self._services = services
        self._module = module
        self._pace = pace
        self.harvests = CatalogHarvests(database, uuid7())

    async def open(self, source: CatalogueSource, sealed: bytes | None) -> tuple[Catalogued, Access]:
        """The catalogue, and what goes along to it. BadRequestData, SettingsError."""
        opened = await self._module(source.kind).open_catalogue(source, self._services)
        credential = self._box.open(sealed, aad(source.id)) if sealed else None
        return opened, access_of(credential, self._services.upstream)

    async def free(self, source_id: str) -> bool:
        """Nobody harvests it now."""
        return await self.harvests.free(source_id)

    async def harvest(
        self, source_id: str, *, progress: Progress | None = None, forced: bool = False
    ) -> HarvestStatus | None:
        """Harvest now, or go on where it was left; None if another process is at it.

        What goes wrong at the source is told in the status. Raises LeaseLost and StoreUnavailable.
        """
        claimed = await self.harvests.claim(source_id)
        if claimed is None:
            return None
        status = claimed.status
        removed, problem, state = 0, "", "done"
        async with self._held(source_id):
            try:
                status = await self._batches(claimed, progress)
                known, missing = await self.harvests.counts(source_id, status.run)
                end = ending(known=known, missing=missing, seen=status.seen, total=status.total, forced=forced)
                problem, state = end.words, "done" if end.whole else "partial"
                if end.remove and missing:
                    removed = await self.harvests.remove_missing(source_id, status.run)
                await recluster(self._database)
            except LeaseLost:
                raise
            except KakehashiError as e:
                problem, state = e.detail, "failed"
            except Exception:
                # an adapter's bug must not leave the source locked, nor keep other sources from their turn
                log.exception("harvest_failed", source=source_id)
                problem, state = "a fault of the gateway; it is in the log", "failed"
        failed = state != "done"
        wait = next_due(claimed.source.interval_s, status.failures + 1 if failed else 0)
        ended = await self.harvests.end(source_id, state, removed=removed, problem=problem, failed=failed, wait=wait)
        level = log.warning if failed else log.info
        level("harvest_ended", source=source_id, state=state, seen=ended.seen, added=ended.added, problem=problem)
        return ended

    async def _batches(self, claimed: Claimed, progress: Progress | None) -> HarvestStatus:
        source, status, cursor = claimed.source, claimed.status, claimed.cursor
        catalogue, access = await self.open(source, claimed.sealed)
        options = catalogue_options(self._module(source.kind).catalogue, source.options)
        asked = False
        while True:
            if asked:
                await asyncio.sleep(options["delay_ms"] / 1000 * self._pace)
            asked = True
            batch = await self._ask(catalogue, cursor, claimed.validator, access, options)
            if batch.unchanged:
                await self.harvests.keep_all(source.id, status.run)
                known, _ = await self.harvests.counts(source.id, status.run)
                return HarvestStatus(source.id, run=status.run, seen=known, unchanged=known, failures=status.failures)
            stored = await self._made(source, batch, anew=claimed.anew)
            status = await self.harvests.store(source.id, status.run, stored)
            if progress is not None:
                progress(status)
            if not batch.cursor:
                return status
            cursor = batch.cursor

    async def _ask(
        self, catalogue: Catalogued, cursor: str, validator: str, access: Access, options: dict[str, Any]
    ) -> Batch:
        attempt = 1
        while True:
            seconds = options["timeout_s"]
            ctx = SourceContext(
                deadline=asyncio.get_running_loop().time() + seconds, access=access, budget=8 * options["max_bytes"]
            )
            try:
                return await catalogue.batch(cursor, validator, ctx)
            except SourceError as e:
                wait = wait_before(attempt, e)
                if wait is None:
                    raise
                log.info("harvest_waits", seconds=wait, attempt=attempt, reason=e.detail)
            await asyncio.sleep(wait * self._pace)
            attempt += 1

    async def _made(self, source: CatalogueSource, batch: Batch, *, anew: bool) -> StoredBatch:
        """What is new or changed, or all of it `anew`, translated and indexed."""
        digests = {entry.identifier: entry.digest for entry in batch.entries}
        known = {} if anew else await self.harvests.known(source.id, list(digests))
        faults = {fault.identifier: fault.words for fault in batch.faults}
        fresh: list[DatasetRow] = []
        still: list[str] = []
        today = datetime.now(UTC).date()
        for place, entry in enumerate(batch.entries):
            if known.get(entry.identifier) == entry.digest:
                still.append(entry.identifier)
                continue
            if place % _MADE_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                fresh.append(self._row(entry.make(), today))
            except BadUpstream as e:
                faults[entry.identifier] = e.detail
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
                # an adapter that trips over a record must not lose the others
                faults[entry.identifier] = f"it could not be translated ({type(e).__name__})"
        made = {row.identifier: digests[row.identifier] for row in fresh if row.identifier in digests}
        return StoredBatch(fresh, made, still, faults, batch.cursor, batch.total, batch.validator)

    def _row(self, dataset: Any, today: date) -> DatasetRow:
        return index(dataset, today)

    @contextlib.asynccontextmanager
    async def _held(self, source: str) -> AsyncIterator[None]:
        """The lease is renewed while the block runs, however long the source takes to answer."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(_HEARTBEAT)
                with contextlib.suppress(KakehashiError):
                    await self.harvests.hold(source)

        task = asyncio.create_task(beat(), name="harvest-lease")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
