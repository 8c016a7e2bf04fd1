"""What a project enters (values, reasons, evidence) and what is filed for a year; nothing of it is ever changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from broker.store.database import Database
from broker.store.ledger_events import enter
from schemas.errors import AlreadyExists, NotFound
from schemas.kpi.entry import Entry
from schemas.kpi.life import Filing
from schemas.kpi.reading import dump, read


@dataclass(frozen=True, slots=True)
class Entered:
    kpi: str
    period: str
    entry: Entry
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Filed:
    """`body`: canonical bytes of a JSON document; `digest`: their SHA-256."""

    project: str
    year: int
    number: int
    kind: Filing
    body: bytes
    digest: str
    actor: str
    at: datetime
    supersedes: int | None
    below: int | None = None
    """Flows of transactions with lesser numbers are in its figures; None: not known."""


class Filings:
    """Methods raise StoreUnavailable besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, project: str, kpi: str, period: str, entry: Entry, actor: str) -> None:
        """With its event in the ledger."""
        body = dump(entry)
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO kpi_entries (project, id, period, body, actor, at) VALUES ($1, $2, $3, $4::jsonb, $5, $6)",
                *(project, kpi, period, orjson.dumps(body).decode(), actor, datetime.now(UTC)),
            )
            await enter(connection, "kpi.entered", f"{project}/{kpi}", actor, {"period": period, **body})

    async def entered(self, project: str) -> list[Entered]:
        """The latest entry for each KPI and period."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT ON (id, period) * FROM kpi_entries WHERE project = $1 ORDER BY id, period, seq DESC",
                project,
            )
        return [Entered(r["id"], r["period"], read(Entry, orjson.loads(r["body"])), r["actor"], r["at"]) for r in rows]

    async def file(
        self,
        project: str,
        year: int,
        kind: Filing,
        body: bytes,
        actor: str,
        *,
        supersedes: int | None = None,
        below: int | None = None,
    ) -> Filed:
        """With its event in the ledger. AlreadyExists for a second closing or result that corrects none; NotFound if
        what it corrects is not there."""
        digest = hashlib.sha256(body).hexdigest()
        async with self._database.transaction() as connection:
            await connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 4243))", f"filing {project} {year}"
            )
            if supersedes is not None and not await connection.fetchval(
                "SELECT true FROM kpi_filings WHERE project = $1 AND year = $2 AND number = $3 AND kind = $4",
                *(project, year, supersedes, kind.value),
            ):
                raise NotFound(f"There is no {kind.value} {supersedes} of that year to correct.", field="supersedes")
            try:
                row = await connection.fetchrow(
                    "INSERT INTO kpi_filings (project, year, number, kind, body, digest, actor, at, supersedes,"
                    " below) SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7, $8, $9 FROM kpi_filings"
                    " WHERE project = $1 AND year = $2 RETURNING *",
                    *(project, year, kind.value, body, digest, actor, datetime.now(UTC), supersedes, below),
                )
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(
                    f"There is a {kind.value} already: a correction names the newest one (`supersedes`).",
                    field="supersedes",
                    value=supersedes,
                ) from None
            told: dict[str, Any] = {"number": row["number"], "year": year, "digest": digest}
            if supersedes is not None:
                told["supersedes"] = supersedes
            await enter(connection, f"kpi.{kind.value}", project, actor, told)
        return _filed(row)

    async def filed(self, project: str, year: int | None = None) -> list[Filed]:
        """In order of number."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM kpi_filings WHERE project = $1 AND ($2::int IS NULL OR year = $2) ORDER BY year, number",
                *(project, year),
            )
        return [_filed(row) for row in rows]

    async def newest(self, project: str, year: int, kind: Filing) -> Filed | None:
        found = [one for one in await self.filed(project, year) if one.kind is kind]
        return found[-1] if found else None


def _filed(row: asyncpg.Record) -> Filed:
    return Filed(
        row["project"],
        row["year"],
        row["number"],
        Filing(row["kind"]),
        bytes(row["body"]),
        row["digest"],
        row["actor"],
        row["at"],
        row["supersedes"],
        row["below"],
    )
