"""Projects and the versions of their KPIs; each change with who made it and why, and as an event of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from broker.store.database import Database
from broker.store.ledger_events import enter
from broker.store.text import storable
from schemas.errors import AlreadyExists, NotFound, OperationNotSupported
from schemas.kpi.definition import KpiDefinition, digest, read_definition
from schemas.kpi.life import Side, State
from schemas.kpi.project import Project, project_digest, read_project
from schemas.kpi.reading import dump


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes something, for which side, and why."""

    actor: str
    side: Side
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProjectVersion:
    project: Project
    version: int
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KpiVersion:
    """`agreed`: side → who and when."""

    project: str
    version: int
    state: State
    definition: KpiDefinition
    digest: str
    actor: str
    side: Side
    reason: str
    at: datetime
    agreed: dict[str, dict[str, str]]


class Projects:
    """Methods raise StoreUnavailable besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[ProjectVersion]:
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT DISTINCT ON (id) * FROM projects ORDER BY id, version DESC")
        return [_project(row) for row in rows]

    async def get(self, project: str) -> ProjectVersion:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            return await _newest(connection, project)

    async def history(self, project: str) -> list[ProjectVersion]:
        """All its versions, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT * FROM projects WHERE id = $1 ORDER BY version", _key(project))
        return [_project(row) for row in rows]

    async def put(self, project: Project, change: Change) -> ProjectVersion:
        """A new version."""
        async with self._database.transaction() as connection:
            await _lock(connection, project.id)
            row = await connection.fetchrow(
                "INSERT INTO projects (id, version, body, actor, reason, at) SELECT $1, coalesce(max(version), 0) + 1,"
                " $2::jsonb, $3, $4, $5 FROM projects WHERE id = $1 RETURNING *",
                project.id,
                orjson.dumps(dump(project)).decode(),
                change.actor,
                change.reason,
                datetime.now(UTC),
            )
            told = {"version": row["version"], "digest": project_digest(project), **_why(change)}
            await enter(connection, "project.changed", project.id, change.actor, told)
        return _project(row)

    async def versions(self, project: str) -> list[KpiVersion]:
        """Of all its KPIs, by id, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM kpi_versions WHERE project = $1 ORDER BY id, version", _key(project)
            )
        return [_version(row) for row in rows]

    async def propose(self, project: str, definition: KpiDefinition, change: Change) -> KpiVersion:
        """A new version, which takes the place of one that is still talked about. The proposing side agrees to it.

        NotFound for the project; OperationNotSupported where the agreed version before counts something else.
        """
        async with self._database.transaction() as connection:
            await _newest(connection, project)
            await _lock(connection, project)
            rows = await connection.fetch(
                "SELECT * FROM kpi_versions WHERE project = $1 AND id = $2 ORDER BY version", project, definition.id
            )
            known = [_version(row) for row in rows]
            _continues([k.definition for k in known if k.state is State.AGREED], definition)
            talked = [k for k in known if k.state in (State.PROPOSED, State.NEGOTIATED)]
            await connection.execute(
                "UPDATE kpi_versions SET state = 'withdrawn' WHERE project = $1 AND id = $2 AND version = ANY($3)",
                project,
                definition.id,
                [k.version for k in talked],
            )
            row = await connection.fetchrow(
                "INSERT INTO kpi_versions (project, id, version, state, body, digest, actor, side, reason, at)"
                " VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10) RETURNING *",
                project,
                definition.id,
                len(known) + 1,
                (State.NEGOTIATED if talked else State.PROPOSED).value,
                orjson.dumps(dump(definition)).decode(),
                digest(definition),
                change.actor,
                change.side.value,
                change.reason,
                datetime.now(UTC),
            )
            made = _version(row)
            await _event(connection, "kpi.negotiated" if talked else "kpi.proposed", made, change)
            return await _agree(connection, made, change)

    async def agree(self, project: str, kpi: str, version: int, change: Change) -> KpiVersion:
        """One side's consent; with both it is agreed, for good. NotFound; AlreadyExists if that side has agreed."""
        async with self._database.transaction() as connection:
            await _lock(connection, project)
            found = await _open(connection, project, kpi, version)
            if change.side.value in found.agreed:
                raise AlreadyExists("This side has agreed already.", field="side", value=change.side.value)
            return await _agree(connection, found, change)

    async def withdraw(self, project: str, kpi: str, version: int, change: Change) -> KpiVersion:
        """What is not agreed yet is given up. NotFound."""
        async with self._database.transaction() as connection:
            await _lock(connection, project)
            found = await _open(connection, project, kpi, version)
            row = await connection.fetchrow(
                "UPDATE kpi_versions SET state = 'withdrawn' WHERE project = $1 AND id = $2 AND version = $3"
                " RETURNING *",
                *(project, kpi, found.version),
            )
            await _event(connection, "kpi.withdrawn", found, change)
        return _version(row)


async def _agree(connection: asyncpg.Connection, one: KpiVersion, change: Change) -> KpiVersion:
    agreed = one.agreed | {change.side.value: {"actor": change.actor, "at": datetime.now(UTC).isoformat()}}
    settled = all(side.value in agreed for side in Side)
    row = await connection.fetchrow(
        "UPDATE kpi_versions SET agreed = $4::jsonb, state = $5 WHERE project = $1 AND id = $2 AND version = $3"
        " RETURNING *",
        *(one.project, one.definition.id, one.version, orjson.dumps(agreed).decode()),
        (State.AGREED if settled else one.state).value,
    )
    await _event(connection, "kpi.agreed" if settled else "kpi.consented", one, change)
    return _version(row)


async def _open(connection: asyncpg.Connection, project: str, kpi: str, version: int) -> KpiVersion:
    row = await connection.fetchrow(
        "SELECT * FROM kpi_versions WHERE project = $1 AND id = $2 AND version = $3",
        *(_key(project), _key(kpi), version),
    )
    if row is None:
        raise NotFound(f"There is no version {version} of KPI {kpi} in project {project}.", field="version")
    found = _version(row)
    if found.state not in (State.PROPOSED, State.NEGOTIATED):
        raise AlreadyExists(
            f"Version {version} is {found.state.value}: only a new version can change it.", field="version"
        )
    return found


async def _event(connection: asyncpg.Connection, kind: str, one: KpiVersion, change: Change) -> None:
    body = {"version": one.version, "digest": one.digest, "definition": dump(one.definition), **_why(change)}
    await enter(connection, kind, f"{one.project}/{one.definition.id}", change.actor, body)


def _why(change: Change) -> dict[str, Any]:
    return {"side": change.side.value, "reason": change.reason}


def _continues(agreed: list[KpiDefinition], new: KpiDefinition) -> None:
    """A later version may filter and cap otherwise from a day on, not count something else under the same name."""
    if not agreed:
        return
    last = agreed[-1]
    for name, a, b in (("of", last.of, new.of), ("per", last.per, new.per)):
        if (a and a.measure) != (b and b.measure):
            raise OperationNotSupported(
                "An agreed KPI keeps its measure; what counts something else is another KPI.", field=f"{name}.measure"
            )
    if new.kind is not last.kind or (new.scale, new.decimals) != (last.scale, last.decimals):
        raise OperationNotSupported("An agreed KPI keeps its kind, scale and decimals.", field="kind")
    if new.valid_from is None or (last.valid_from is not None and new.valid_from <= last.valid_from):
        raise OperationNotSupported(
            "A change of an agreed KPI says from which day on, after the version before.", field="valid_from"
        )


async def _newest(connection: asyncpg.Connection, project: str) -> ProjectVersion:
    row = await connection.fetchrow("SELECT * FROM projects WHERE id = $1 ORDER BY version DESC LIMIT 1", _key(project))
    if row is None:
        raise NotFound(f"There is no project {project}.", field="project", value=project)
    return _project(row)


async def _lock(connection: asyncpg.Connection, project: str) -> None:
    """One change of a project at a time."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 4242))", "project " + project)


def _key(text: str) -> str:
    if not storable(text):
        raise NotFound("There is nothing of that name.", field="id", value=text)
    return text


def _project(row: asyncpg.Record) -> ProjectVersion:
    return ProjectVersion(
        read_project(orjson.loads(row["body"])), row["version"], row["actor"], row["reason"], row["at"]
    )


def _version(row: asyncpg.Record) -> KpiVersion:
    return KpiVersion(
        row["project"],
        row["version"],
        State(row["state"]),
        read_definition(orjson.loads(row["body"])),
        row["digest"],
        row["actor"],
        Side(row["side"]),
        row["reason"],
        row["at"],
        orjson.loads(row["agreed"]),
    )
