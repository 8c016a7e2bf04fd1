"""Changing local entities: read, decide, write if nobody else has written meanwhile, else again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import asyncpg
import orjson

from broker.store import entity_types
from broker.store.database import Database
from broker.store.entity_expiry import without_expired
from broker.store.entity_lanes import Keyed, Lanes, Place, Stored, changed, write_keys
from broker.store.entity_rows import Entity, Row, make_row, types_of
from broker.store.entity_write import delete_rows, store_rows
from broker.store.text import require_key, storable
from schemas.errors import BadRequestData, KakehashiError, StoreUnavailable

_ATTEMPTS = 30
"""Only many writers of one entity at a time need more than two."""

Decide: TypeAlias = Callable[[Entity | None], Mapping[str, Any] | None]
"""From what is there (None: nothing) to what shall be there; what is given must not be changed in place. May be asked
more than once. A `KakehashiError` leaves the entity as it is and becomes the outcome."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is wanted of one entity. Of several for one id each sees what the one before has made of it."""

    id: str
    decide: Decide


@dataclass(frozen=True, slots=True)
class Written:
    """What one change has made of an entity; `before` None: it was created, `after` None: it is gone. Several of one
    entity in a transaction follow each other, as if they had come apart (clause 5.5.11). Both are stored forms;
    unchanged attributes are the same object in both. `before` still has what has expired. `now`: the instant of the
    change, `created_at` that of the entity's creation."""

    id: str
    before: Entity | None
    after: Entity | None
    now: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made; `created`: there was nothing before it. `types`: those of the entity after it."""

    created: bool
    types: frozenset[str] = frozenset()


Outcome: TypeAlias = Done | KakehashiError
Recorder: TypeAlias = Callable[[asyncpg.Connection, str, Sequence[Written]], Awaitable[None]]
"""Called in the transaction of a change with the tenant and what has become of its entities."""


class Raced(Exception):
    """Another writer was faster."""


@dataclass(slots=True)
class _State:
    """One entity: as it was read, and as the changes leave it."""

    stored: Entity | None = None
    found: Entity | None = None
    """`stored` without what has expired."""
    version: int | None = None
    """None: no row, not even an expired one."""
    types: frozenset[str] = frozenset()
    created_at: datetime | None = None
    times: tuple[datetime, datetime] | None = None
    """createdAt and modifiedAt of the row, be it an expired one."""
    touched: bool = False


async def change_many(
    database: Database, lanes: Lanes, recorders: Sequence[Recorder], tenant: str, changes: Sequence[Change]
) -> list[Outcome]:
    """Make the changes in one transaction; for each what came of it. Errors of one leave the others as they are.

    Raises `StoreUnavailable`, and `BadRequestData` for a tenant that can't be stored.
    """
    require_key(tenant, "NGSILD-Tenant")
    for attempt in range(_ATTEMPTS):
        try:
            return await _attempt(database, lanes, recorders, tenant, changes)
        except (Raced, asyncpg.TransactionRollbackError):
            await asyncio.sleep(random.random() * 0.002 * attempt)  # noqa: S311 - no secret, a spread
        except BadRequestData as error:
            # The database itself refused a row, and does not say which.
            if len(changes) == 1:
                return [error]
            found: list[Outcome] = []
            for change in changes:
                found += await change_many(database, lanes, recorders, tenant, [change])
            return found
    raise StoreUnavailable("Too many writers change the same entities at once.")


async def _attempt(
    database: Database, lanes: Lanes, recorders: Sequence[Recorder], tenant: str, changes: Sequence[Change]
) -> list[Outcome]:
    now = instant()
    async with database.connection() as connection:
        states = await _read(connection, tenant, {change.id for change in changes}, now)
        outcomes, rows, steps = _decide(states, changes, now)
        if not any(state.touched for state in states.values()):
            return outcomes
        keys = await _keys(connection, lanes, tenant, states, rows, now)
        async with connection.transaction():
            await _write(connection, tenant, states, rows, keys, now)
            for record in recorders:
                await record(connection, tenant, steps)
    return outcomes


def _decide(
    states: dict[str, _State], changes: Sequence[Change], now: datetime
) -> tuple[list[Outcome], dict[str, Row], list[Written]]:
    outcomes: list[Outcome] = []
    rows: dict[str, Row] = {}
    steps: list[Written] = []
    for change in changes:
        state = states[change.id]
        there = rows[change.id].entity if change.id in rows else state.found if not state.touched else None
        try:
            wanted = change.decide(there)
            if wanted is there and wanted is not None:
                outcomes.append(Done(False, frozenset(types_of(wanted))))
                continue
            if wanted is None:
                rows.pop(change.id, None)
                types: frozenset[str] = frozenset()
            else:
                row = make_row(wanted, there, now)
                if row.id != change.id:
                    raise BadRequestData("An entity keeps its id.", field="id", value=row.id)
                rows[change.id] = row
                types = frozenset(row.types)
        except KakehashiError as error:
            outcomes.append(error)
            continue
        before = there if state.touched else state.stored
        after = rows[change.id].entity if wanted is not None else None
        if before is not None or after is not None:
            steps.append(Written(change.id, before, after, now, state.created_at or now))
        state.touched = state.touched or wanted is not None or state.version is not None
        outcomes.append(Done(there is None and wanted is not None, types))
    return outcomes, rows, steps


async def _keys(
    connection: asyncpg.Connection,
    lanes: Lanes,
    tenant: str,
    states: Mapping[str, _State],
    rows: Mapping[str, Row],
    now: datetime,
) -> tuple[list[Place], list[Place]]:
    """The keys that go and those that come."""
    removed: list[Keyed] = []
    added: list[Keyed] = []
    for name, state in states.items():
        if state.touched:
            before = None if state.stored is None or state.times is None else Stored(state.stored, *state.times)
            after = Stored(rows[name].entity, state.created_at or now, now) if name in rows else None
            gone, come = changed(before, after)
            removed += gone
            added += come
    return await lanes.places(connection, tenant, removed), await lanes.places(connection, tenant, added)


async def _write(
    connection: asyncpg.Connection,
    tenant: str,
    states: dict[str, _State],
    rows: dict[str, Row],
    keys: tuple[list[Place], list[Place]],
    now: datetime,
) -> None:
    touched = sorted(name for name, state in states.items() if state.touched)
    await _hold(connection, tenant, {name: states[name].version for name in touched})
    gone = [name for name in touched if name not in rows and states[name].version is not None]
    if gone:
        await delete_rows(connection, tenant, gone)
    kept = [rows[name] for name in touched if name in rows]
    if kept:
        known = [row.id for row in kept if states[row.id].version is not None]
        # What has expired makes room for a new entity with a life of its own.
        born = [states[row.id].created_at or now for row in kept]
        fresh = await store_rows(connection, tenant, kept, born, now, known)
        if fresh != {row.id for row in kept} - set(known):
            raise Raced
    await write_keys(connection, *keys)
    gained, lost = set[str](), set[str]()
    for name in touched:
        new = set(rows[name].types) if name in rows else set[str]()
        gained |= new - states[name].types
        lost |= states[name].types - new
    await entity_types.settle(connection, tenant, gained=gained, lost=lost)


async def _read(connection: asyncpg.Connection, tenant: str, ids: Iterable[str], now: datetime) -> dict[str, _State]:
    states = {name: _State() for name in ids}
    found = await connection.fetch(
        "SELECT id, types, entity, version, created_at, modified_at, expires_at, next_expiry FROM entities"
        " WHERE tenant = $1 AND id = ANY($2)",
        tenant,
        [name for name in states if storable(name)],
    )
    for name, types, text, version, created_at, modified_at, expires_at, next_expiry in found:
        state = states[name]
        state.version, state.types = version, frozenset(types)
        state.times = created_at, modified_at
        state.stored = entity = orjson.loads(text)
        if expires_at is None or expires_at > now:
            state.found = entity if next_expiry is None or next_expiry > now else without_expired(entity, now)
            state.created_at = created_at
    return states


async def _hold(connection: asyncpg.Connection, tenant: str, expected: Mapping[str, int | None]) -> None:
    """Lock the rows, in the order of ids so that nobody waits in a circle; `Raced` if one is not as it was read."""
    rows = await connection.fetch(
        "SELECT id, version FROM entities WHERE tenant = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
        tenant,
        [name for name in expected if storable(name)],
    )
    if dict(rows) != {name: version for name, version in expected.items() if version is not None}:
        raise Raced


def instant() -> datetime:
    """Now, to the millisecond, which is what attributes can say."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
