"""A harvest in the database: who holds it (a lease), where it is (a cursor), its batches, each in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg

from broker.store.catalog_rows import REMOVED, UPSERT, payload
from broker.store.catalog_sources import source_of, status
from broker.store.database import Database
from catalog.indexing import INDEX_VERSION, DatasetRow
from schemas.catalogue import CatalogueSource, HarvestStatus
from schemas.errors import KakehashiError

LEASE_SECONDS = 20
"""A harvest whose process has died is taken up by another after this time."""

_CLAIM = """
UPDATE catalog_sources SET lease_owner = $2, lease_until = now() + make_interval(secs => $3),
    started = CASE WHEN state = 'running' THEN started ELSE now() END,
    run = CASE WHEN state = 'running' THEN run ELSE run + 1 END,
    cursor = CASE WHEN state = 'running' THEN cursor ELSE '' END,
    new_validator = CASE WHEN state = 'running' THEN new_validator ELSE '' END,
    seen = CASE WHEN state = 'running' THEN seen ELSE 0 END,
    total = CASE WHEN state = 'running' THEN total END,
    added = CASE WHEN state = 'running' THEN added ELSE 0 END,
    changed = CASE WHEN state = 'running' THEN changed ELSE 0 END,
    removed = 0,
    unchanged = CASE WHEN state = 'running' THEN unchanged ELSE 0 END,
    skipped = CASE WHEN state = 'running' THEN skipped ELSE 0 END,
    state = 'running'
WHERE id = $1 AND (lease_until IS NULL OR lease_until < now()) RETURNING *, 0 AS datasets"""
_HOLD = (
    "UPDATE catalog_sources SET lease_until = now() + make_interval(secs => $3)"
    " WHERE id = $1 AND lease_owner = $2 RETURNING true"
)
_ADVANCE = """
UPDATE catalog_sources SET lease_until = now() + make_interval(secs => $3), cursor = $4,
    total = coalesce($5, total), seen = seen + $6, added = added + $7, changed = changed + $8,
    unchanged = unchanged + $9, skipped = skipped + $10,
    new_validator = CASE WHEN $11 = '' THEN new_validator ELSE $11 END
WHERE id = $1 AND lease_owner = $2 RETURNING *, 0 AS datasets"""
_SEE = """
INSERT INTO catalog_records (source, identifier, digest, run)
SELECT $1, identifier, digest, $2 FROM unnest($3::text[], $4::bytea[]) AS seen (identifier, digest)
ON CONFLICT (source, identifier) DO UPDATE SET digest = excluded.digest, run = excluded.run"""
_STILL = "UPDATE catalog_records SET run = $2 WHERE source = $1 AND identifier = ANY($3::text[])"
_FAULT = """
INSERT INTO catalog_faults (source, identifier, run, words)
SELECT $1, identifier, $2, words FROM unnest($3::text[], $4::text[]) AS fault (identifier, words)
ON CONFLICT (source, identifier) DO UPDATE SET run = excluded.run, words = excluded.words, time = now()"""
_PRUNE = "DELETE FROM catalog_changes WHERE source = $1 AND time < now() - interval '400 days'"
_END = """
UPDATE catalog_sources SET state = $3, ended = now(), removed = $4, problem = $5,
    failures = CASE WHEN $6 THEN failures + 1 ELSE 0 END,
    succeeded = CASE WHEN $3 = 'done' THEN now() ELSE succeeded END,
    indexed = CASE WHEN $3 = 'done' THEN $8 ELSE indexed END,
    validator = CASE WHEN $3 = 'done' AND new_validator <> '' THEN new_validator ELSE validator END,
    due = now() + make_interval(secs => $7), lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_owner = $2 RETURNING *,
    (SELECT count(*) FROM catalog_datasets d WHERE d.source = catalog_sources.id) AS datasets"""


_UNSTORABLE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)


class LeaseLost(KakehashiError):
    """Another process has taken the harvest over; whatever this one does now is not stored."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A harvest that is ours: the source, how far it came, and what its catalogue looked like when last seen whole."""

    source: CatalogueSource
    status: HarvestStatus
    cursor: str
    validator: str
    sealed: bytes | None
    anew: bool
    """What is stored of it was made by an older index, so that all of it is made again."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What a batch comes to. `fresh` are new or changed, `digests` theirs; `still` were as they are known."""

    fresh: Sequence[DatasetRow]
    digests: Mapping[str, bytes]
    still: Collection[str]
    faults: Mapping[str, str]
    cursor: str
    total: int | None
    validator: str


class CatalogHarvests:
    """`owner` is this process. Methods raise `StoreUnavailable`, and `LeaseLost` where they write."""

    def __init__(self, database: Database, owner: UUID) -> None:
        self._database = database
        self._owner = owner

    async def claim(self, source: str) -> Claimed | None:
        """Begin a harvest, or go on with one that was interrupted; None if another holds it or it is gone."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, source, self._owner, LEASE_SECONDS)
        if row is None:
            return None
        anew = row["indexed"] != INDEX_VERSION
        validator = "" if anew else row["validator"]
        return Claimed(source_of(row), status(row), row["cursor"], validator, row["sealed"], anew)

    async def free(self, source: str) -> bool:
        """Nobody holds it now."""
        async with self._database.connection() as connection:
            held = await connection.fetchval("SELECT lease_until >= now() FROM catalog_sources WHERE id = $1", source)
        return not held

    async def hold(self, source: str) -> None:
        """Say that it goes on, while nothing is stored."""
        async with self._database.connection() as connection:
            if not await connection.fetchval(_HOLD, source, self._owner, LEASE_SECONDS):
                raise _lost(source)

    async def known(self, source: str, identifiers: Sequence[str]) -> dict[str, bytes]:
        """The digests of those that are known."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT identifier, digest FROM catalog_records WHERE source = $1 AND identifier = ANY($2::text[])",
                source,
                list(identifiers),
            )
        return {row["identifier"]: row["digest"] for row in rows}

    async def store(self, source: str, run: int, batch: StoredBatch) -> HarvestStatus:
        """A batch, all or nothing, together with the cursor behind it."""
        async with self._database.transaction() as connection:
            batch, added, changed = await _upsert(connection, batch, run)
            row = await connection.fetchrow(
                _ADVANCE,
                source,
                self._owner,
                LEASE_SECONDS,
                batch.cursor,
                batch.total,
                len(batch.fresh) + len(batch.still) + len(batch.faults),
                added,
                changed,
                len(batch.still) + len(batch.fresh) - added - changed,
                len(batch.faults),
                batch.validator,
            )
            if row is None:
                raise _lost(source)
            digests = batch.digests
            await connection.execute(_SEE, source, run, list(digests), list(digests.values()))
            # one that can't be read now keeps what was read of it before
            await connection.execute(_STILL, source, run, [*batch.still, *batch.faults])
            await connection.execute(_FAULT, source, run, list(batch.faults), list(batch.faults.values()))
            return status(row)

    async def keep_all(self, source: str, run: int) -> None:
        """The whole catalogue is as it was."""
        async with self._database.transaction() as connection:
            await self._held(connection, source)
            await connection.execute("UPDATE catalog_records SET run = $2 WHERE source = $1", source, run)
            await connection.execute("UPDATE catalog_faults SET run = $2 WHERE source = $1", source, run)
            await connection.execute(
                "UPDATE catalog_sources SET unchanged = seen.n, seen = seen.n, total = seen.n"
                " FROM (SELECT count(*) AS n FROM catalog_records WHERE source = $1) AS seen WHERE id = $1",
                source,
            )

    async def counts(self, source: str, run: int) -> tuple[int, int]:
        """How many records are known of the source, and how many of them this run has not seen."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT count(*) AS known, count(*) FILTER (WHERE run < $2) AS missing"
                " FROM catalog_records WHERE source = $1",
                source,
                run,
            )
        return row["known"], row["missing"]

    async def remove_missing(self, source: str, run: int) -> int:
        """Take away what this run, which saw all there is, did not see."""
        async with self._database.transaction() as connection:
            await self._held(connection, source)
            removed: int = await connection.fetchval(REMOVED, source, run)
            return removed

    async def end(
        self, source: str, state: str, *, removed: int, problem: str, failed: bool, wait: float
    ) -> HarvestStatus:
        """Give the lease back; the next harvest is due in `wait` seconds."""
        async with self._database.transaction() as connection:
            if state == "done":
                await connection.execute(_PRUNE, source)
                await connection.execute(
                    "DELETE FROM catalog_faults f USING catalog_sources s"
                    " WHERE f.source = $1 AND s.id = $1 AND f.run < s.run AND s.lease_owner = $2",
                    source,
                    self._owner,
                )
            row = await connection.fetchrow(
                _END, source, self._owner, state, removed, problem[:1000], failed, wait, INDEX_VERSION
            )
            if row is None:
                raise _lost(source)
            return status(row)

    async def _held(self, connection: asyncpg.Connection, source: str) -> None:
        if not await connection.fetchval(_HOLD, source, self._owner, LEASE_SECONDS):
            raise _lost(source)


async def _upsert(connection: asyncpg.Connection, batch: StoredBatch, run: int) -> tuple[StoredBatch, int, int]:
    """The rows, how many of them are new, and how many others have changed. A row that the database can't hold becomes
    a fault, the others are stored: what one source writes must not keep the rest out."""
    if not batch.fresh:
        return batch, 0, 0
    try:
        async with connection.transaction():
            rows = await connection.fetch(UPSERT, payload(batch.fresh), run)
        return batch, *_counted(rows)
    except _UNSTORABLE:
        pass
    stored: list[asyncpg.Record] = []
    fresh: list[DatasetRow] = []
    faults = dict(batch.faults)
    for one in batch.fresh:
        try:
            async with connection.transaction():
                stored += await connection.fetch(UPSERT, payload([one]), run)
        except _UNSTORABLE as e:
            faults[one.identifier] = f"it can't be stored: {e}"[:500]
            continue
        fresh.append(one)
    digests = {row.identifier: batch.digests[row.identifier] for row in fresh if row.identifier in batch.digests}
    return replace(batch, fresh=fresh, faults=faults, digests=digests), *_counted(stored)


def _counted(rows: Sequence[asyncpg.Record]) -> tuple[int, int]:
    added = sum(row["added"] for row in rows)
    return added, sum(row["changed"] for row in rows) - added


def _lost(source: str) -> LeaseLost:
    return LeaseLost(f"The harvest of {source} was taken over by another process, or its source removed.", field="id")
