"""Corrections of flows: requested by one, approved by another. The flow stays; the view `counted_flows` counts anew.

For figures: read `counted_flows` instead of `flows`, with the same columns (entities, bytes and batch as corrected,
reversed flows left out). A day that changes is marked in the transaction that approves (`usage_rollup.mark`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from broker.store.database import Database
from broker.store.ledger_events import enter
from broker.store.text import require_storable
from broker.store.usage_rollup import mark
from schemas.errors import AlreadyExists, BadRequestData, Forbidden, NotFound
from schemas.flow import uuid7
from schemas.ledger.correction import APPROVED, Replacement

REQUESTED = "correction.requested"
REJECTED = "correction.rejected"
STATES = ("requested", "approved", "rejected", "superseded")
_LONGEST = 2000
_TOKYO = ZoneInfo("Asia/Tokyo")
_FLOW = "SELECT request, time, entities, bytes, batch FROM flows WHERE id = $1 AND request = $2"
_FIND = "SELECT request FROM ledger_entries WHERE id = $1 AND request IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Correction:
    """`replacement`: what counts instead; None: the flow counts no more. `state`: one of `STATES`."""

    id: UUID
    flow: UUID
    time: datetime
    reason: str
    replacement: Replacement | None
    state: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        return {
            "id": str(self.id),
            "flow": str(self.flow),
            "time": self.time.isoformat(),
            "reason": self.reason,
            "replacement": None if self.replacement is None else msgspec.to_builtins(self.replacement),
            "state": self.state,
            "requested_by": self.requested_by,
            "requested_at": self.requested_at.isoformat(),
            "decided_by": self.decided_by,
            "decided_at": None if self.decided_at is None else self.decided_at.isoformat(),
        }


class Corrections:
    """Methods raise `StoreUnavailable` besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self, *, state: str | None = None, limit: int = 100) -> list[Correction]:
        """The newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT * FROM corrections WHERE $1::text IS NULL OR state = $1"
                " ORDER BY requested_at DESC, id LIMIT $2",
                state,
                limit,
            )
        return [_correction(row) for row in rows]

    async def get(self, correction: UUID) -> Correction:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM corrections WHERE id = $1", correction)
        if row is None:
            raise _missing(correction)
        return _correction(row)

    async def request(self, flow: UUID, replacement: Replacement | None, reason: str, actor: str) -> Correction:
        """Raises NotFound for a flow that is not in the ledger, BadRequestData, AlreadyExists."""
        require_storable("reason", reason)
        if not reason.strip() or len(reason) > _LONGEST:
            raise BadRequestData(f"A reason of 1 to {_LONGEST} characters is needed.", field="reason")
        if replacement is not None and not (0 <= replacement.entities < 2**53 and 0 <= replacement.bytes < 2**53):
            raise BadRequestData("Whole numbers from 0 are needed.", field="replacement")
        async with self._database.transaction() as connection:
            held = await _flow(connection, flow)
            waiting = await connection.fetchval(
                "SELECT id FROM corrections WHERE flow = $1 AND state = 'requested' FOR UPDATE", flow
            )
            if waiting is not None:
                raise AlreadyExists(f"The correction {waiting} of this flow waits for its approval.", field="flow")
            row = await connection.fetchrow(
                "INSERT INTO corrections (id, flow, request, time, reason, entities, bytes, batch, state, requested_by,"
                " requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'requested', $9, $10) RETURNING *",
                uuid7(),
                flow,
                held["request"],
                held["time"],
                reason,
                *((None, None, None) if replacement is None else
                  (replacement.entities, replacement.bytes, replacement.batch)),
                actor,
                datetime.now(UTC),
            )  # fmt: skip
            made = _correction(row)
            await enter(connection, REQUESTED, str(made.id), actor, _body(made, held))
        return made

    async def approve(self, correction: UUID, actor: str) -> Correction:
        """By another than who requested it. From now on it counts, and an earlier one of the flow no more.

        Raises NotFound, Forbidden, AlreadyExists if it was decided before.
        """
        async with self._database.transaction() as connection:
            asked = await _waiting(connection, correction, actor)
            held = await _flow(connection, asked.flow)
            await connection.execute(
                "UPDATE corrections SET state = 'superseded' WHERE flow = $1 AND state = 'approved'", asked.flow
            )
            made = await _decide(connection, correction, "approved", actor)
            await enter(connection, APPROVED, str(made.id), actor, _body(made, held))
            await mark(connection, [made.time.astimezone(_TOKYO).date()])
        return made

    async def reject(self, correction: UUID, actor: str) -> Correction:
        """By another than who requested it. Raises as `approve` does."""
        async with self._database.transaction() as connection:
            asked = await _waiting(connection, correction, actor)
            made = await _decide(connection, correction, "rejected", actor)
            await enter(connection, REJECTED, str(made.id), actor, _body(made, await _flow(connection, asked.flow)))
        return made


async def _flow(connection: asyncpg.Connection, flow: UUID) -> asyncpg.Record:
    request = await connection.fetchval(_FIND, flow)
    held = None if request is None else await connection.fetchrow(_FLOW, flow, request)
    if held is None:
        raise NotFound("There is no such flow in the ledger.", field="flow", value=str(flow))
    return held


async def _waiting(connection: asyncpg.Connection, correction: UUID, actor: str) -> Correction:
    row = await connection.fetchrow("SELECT * FROM corrections WHERE id = $1 FOR UPDATE", correction)
    if row is None:
        raise _missing(correction)
    asked = _correction(row)
    if asked.state != "requested":
        raise AlreadyExists(f"This correction was {asked.state} before.", field="id", value=str(correction))
    if asked.requested_by == actor:
        raise Forbidden("A correction is decided by another than who requested it.")
    return asked


async def _decide(connection: asyncpg.Connection, correction: UUID, state: str, actor: str) -> Correction:
    row = await connection.fetchrow(
        "UPDATE corrections SET state = $2, decided_by = $3, decided_at = $4 WHERE id = $1 RETURNING *",
        correction,
        state,
        actor,
        datetime.now(UTC),
    )
    return _correction(row)


def _body(made: Correction, held: asyncpg.Record) -> dict[str, Any]:
    """What the ledger keeps of it; of what is approved, as `schemas.ledger.correction` reads it."""
    body = {
        "flow": str(made.flow),
        "original": {"batch": held["batch"], "bytes": held["bytes"], "entities": held["entities"]},
        "reason": made.reason,
        "replacement": None if made.replacement is None else msgspec.to_builtins(made.replacement),
        "requested_by": made.requested_by,
    }
    if made.decided_by is not None:
        body["approved_by" if made.state == "approved" else "rejected_by"] = made.decided_by
    return body


def _correction(row: asyncpg.Record) -> Correction:
    replacement = None
    if row["entities"] is not None:
        replacement = Replacement(batch=row["batch"], bytes=row["bytes"], entities=row["entities"])
    return Correction(
        row["id"], row["flow"], row["time"], row["reason"], replacement, row["state"], row["requested_by"],
        row["requested_at"], row["decided_by"], row["decided_at"],
    )  # fmt: skip


def _missing(correction: UUID) -> NotFound:
    return NotFound("There is no such correction.", field="id", value=str(correction))
