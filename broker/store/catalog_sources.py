"""The catalogue's sources with their sealed credentials, and how their harvests stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from broker.store.catalog_clusters import recluster
from broker.store.database import Database
from broker.store.text import require_key, require_storable, storable
from schemas.catalogue import CatalogueMode, CatalogueSource, HarvestState, HarvestStatus
from schemas.errors import AlreadyExists, BadRequestData, NotFound

_COUNTED = """
SELECT s.*, (SELECT count(*) FROM catalog_datasets d WHERE d.source = s.id) AS datasets
FROM catalog_sources s"""


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A record that was skipped."""

    identifier: str
    words: str
    run: int
    time: datetime


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What a harvest changed. `kind`: added, changed or removed."""

    seq: int
    time: datetime
    source: str
    run: int
    kind: str
    dataset: str
    identifier: str
    title: str


class CatalogSources:
    """Methods raise `StoreUnavailable` besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[tuple[CatalogueSource, HarvestStatus]]:
        """Every source in order of id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(f"{_COUNTED} ORDER BY s.id")
        return [(_source(row), status(row)) for row in rows]

    async def get(self, source: str) -> tuple[CatalogueSource, HarvestStatus]:
        """Raises `NotFound`."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"{_COUNTED} WHERE s.id = $1", _key(source))
        if row is None:
            raise _missing(source)
        return _source(row), status(row)

    async def create(self, source: CatalogueSource, sealed: bytes | None = None) -> CatalogueSource:
        """Raises `AlreadyExists`, and `BadRequestData` for text that can't be stored."""
        require_key(source.id, "id")
        for name in ("endpoint", "title", "area", "organisation"):
            if (text := getattr(source, name)) is not None:
                require_storable(text, name)
        options = msgspec.json.encode(source.options).decode()
        if "\\u0000" in options:
            raise BadRequestData("Text with a NUL character can't be stored.", field="options")
        async with self._database.transaction() as connection:
            try:
                row = await connection.fetchrow(
                    "INSERT INTO catalog_sources"
                    " (id, kind, endpoint, title, area, organisation, mode, options, interval_s, sealed)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *, 0 AS datasets",
                    source.id,
                    source.kind,
                    source.endpoint,
                    source.title,
                    source.area,
                    source.organisation,
                    source.mode.value,
                    options,
                    source.interval_s,
                    sealed,
                )
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"There is a catalogue source {source.id} already.", field="id") from None
        return _source(row)

    async def delete(self, source: str) -> int:
        """With its datasets, which are logged as removed; how many they were. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval("DELETE FROM catalog_sources WHERE id = $1 RETURNING true", _key(source)):
                raise _missing(source)
            await connection.execute(
                "INSERT INTO catalog_changes (source, run, kind, dataset, identifier, title)"
                " SELECT source, 0, 'removed', id, identifier, title FROM catalog_datasets WHERE source = $1",
                source,
            )
            await connection.execute("DELETE FROM catalog_records WHERE source = $1", source)
            await connection.execute("DELETE FROM catalog_faults WHERE source = $1", source)
            done: str = await connection.execute("DELETE FROM catalog_datasets WHERE source = $1", source)
        await recluster(self._database)
        return int(done.rpartition(" ")[2])

    async def credential(self, source: str) -> bytes | None:
        """Sealed, as it was given."""
        async with self._database.connection() as connection:
            sealed: bytes | None = await connection.fetchval(
                "SELECT sealed FROM catalog_sources WHERE id = $1", _key(source)
            )
            return sealed

    async def due(self) -> list[str]:
        """Sources whose time has come and that nobody harvests now, the longest waiting first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id FROM catalog_sources WHERE mode = 'copy' AND (due IS NULL OR due <= now())"
                " AND (lease_until IS NULL OR lease_until < now()) ORDER BY due NULLS FIRST, id"
            )
        return [row["id"] for row in rows]

    async def faults(self, source: str, *, limit: int, offset: int) -> tuple[list[FaultRow], int]:
        """The records that are skipped now, in order of identifier, and how many there are. Raises `NotFound`."""
        await self.get(source)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT identifier, words, run, time, count(*) OVER () AS total FROM catalog_faults"
                " WHERE source = $1 ORDER BY identifier LIMIT $2 OFFSET $3",
                source,
                limit,
                offset,
            )
        found = [FaultRow(r["identifier"], r["words"], r["run"], r["time"]) for r in rows]
        return found, rows[0]["total"] if rows else 0

    async def changes(self, *, after: int, source: str | None, limit: int) -> list[ChangeRow]:
        """What changed, in its order, after the number of an earlier change."""
        if source is not None and not storable(source):
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT seq, time, source, run, kind, dataset, identifier, title FROM catalog_changes"
                " WHERE seq > $1 AND ($2::text IS NULL OR source = $2) ORDER BY seq LIMIT $3",
                after,
                source,
                limit,
            )
        return [ChangeRow(*row) for row in rows]


def status(row: asyncpg.Record) -> HarvestStatus:
    """Of a row of `catalog_sources`."""
    return HarvestStatus(
        source=row["id"],
        state=HarvestState(row["state"]),
        run=row["run"],
        started=_time(row["started"]),
        ended=_time(row["ended"]),
        succeeded=_time(row["succeeded"]),
        due=_time(row["due"]),
        failures=row["failures"],
        problem=row["problem"],
        seen=row["seen"],
        total=row["total"],
        added=row["added"],
        changed=row["changed"],
        removed=row["removed"],
        unchanged=row["unchanged"],
        skipped=row["skipped"],
        datasets=row["datasets"],
    )


def source_of(row: asyncpg.Record) -> CatalogueSource:
    """Of a row of `catalog_sources`."""
    return _source(row)


def _source(row: asyncpg.Record) -> CatalogueSource:
    options: dict[str, Any] = msgspec.json.decode(row["options"])
    return CatalogueSource(
        id=row["id"],
        kind=row["kind"],
        endpoint=row["endpoint"],
        title=row["title"],
        area=row["area"],
        organisation=row["organisation"],
        mode=CatalogueMode(row["mode"]),
        options=options,
        interval_s=row["interval_s"],
        has_credential=row["sealed"] is not None,
        version=row["version"],
    )


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _key(source: str) -> str:
    if not storable(source):
        raise _missing(source)
    return source


def _missing(source: str) -> NotFound:
    return NotFound(f"There is no catalogue source {source}.", field="id", value=source)
