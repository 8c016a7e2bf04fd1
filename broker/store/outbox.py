"""The outbox: what is to be notified, written with the change that it tells of, and taken by whichever worker is free.

A worker holds a subscription by a lease while it notifies, so that its notifications leave in order and are counted
exactly, and no transaction waits for a receiver. What a killed worker held is taken over when its lease has run out,
and sent again: at least once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from broker.store.database import Database
from broker.store.subscriptions import Key, Kind
from schemas.errors import BadRequestData
from schemas.flow import uuid7

MAX_WAITING = 1000
"""Notifications that wait for one subscriber; beyond it the oldest are dropped."""
_TAKEN = 16

_CLAIM = """
UPDATE subscription_states s
SET holder = $4, leased_until = now() + make_interval(secs => $5)
WHERE tenant = $1 AND kind = $2 AND subscription = $3
    AND (holder IS NULL OR holder = $4 OR leased_until <= now()) AND (resume_at IS NULL OR resume_at <= now())
    AND (next_at <= now() OR EXISTS (
        SELECT 1 FROM notifications n WHERE n.tenant = $1 AND n.kind = $2 AND n.subscription = $3))
RETURNING last_notification, resume_at, failures, COALESCE(next_at <= now(), false) AS due"""

# Not those whose receiver is left alone or that another worker holds; what belongs to no subscription is taken away.
_LINES = """
SELECT n.tenant, n.kind, n.subscription, n.held, s.tenant IS NULL OR (
    (s.resume_at IS NULL OR s.resume_at <= now()) AND (s.holder IS NULL OR s.leased_until <= now())) AS ready
FROM (SELECT tenant, kind, subscription, count(*) AS held FROM notifications GROUP BY 1, 2, 3) AS n
LEFT JOIN subscription_states s USING (tenant, kind, subscription)"""

# What is lost of this in a crash of the database is sent again; so nobody waits for the disk.
_SETTLE = """
WITH quick AS (SELECT set_config('synchronous_commit', 'off', true) AS set),
gone AS (DELETE FROM notifications WHERE seq = ANY($4) RETURNING 1)
UPDATE subscription_states SET
    times_sent = times_sent + $5, times_failed = times_failed + $6,
    last_notification = COALESCE($7, last_notification),
    last_success = COALESCE($8, last_success), last_failure = COALESCE($9, last_failure),
    status = COALESCE($10, status), failures = CASE WHEN $5 = 0 THEN failures WHEN $6 = 0 THEN 0 ELSE failures + 1 END,
    resume_at = CASE WHEN $5 = 0 THEN resume_at ELSE now() + make_interval(secs => $11) END,
    next_at = CASE WHEN $12::float8 IS NULL OR next_at > now() THEN next_at
        ELSE next_at + make_interval(secs => $12 * (floor(extract(epoch FROM now() - next_at) / $12) + 1)) END,
    leased_until = now() + make_interval(secs => $13)
FROM quick
WHERE tenant = $1 AND kind = $2 AND subscription = $3 AND set = 'off'"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One notification to be sent; `body` as it was put in, `created_at`: when what it tells of happened."""

    seq: int
    id: UUID
    created_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """A subscription that this worker holds. `due`: a periodic notification is to be sent."""

    waiting: Sequence[Waiting]
    last_notification: datetime | None
    resume_at: datetime | None
    failures: int
    due: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a notification. `pause`: seconds for which the receiver is left alone."""

    at: datetime
    failed: bool = False
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to do: lines of `waiting` notifications, and seconds until the next periodic one."""

    keys: list[Key]
    next_in: float | None
    waiting: int


async def enqueue(connection: asyncpg.Connection, rows: Sequence[tuple[Key, UUID, datetime, bytes]]) -> None:
    """Put notifications in, within the transaction of what they tell of. Raises BadRequestData."""
    try:
        await connection.copy_records_to_table(
            "notifications",
            columns=("tenant", "kind", "subscription", "id", "created_at", "body"),
            records=[(*key, name, moment, body) for key, name, moment, body in rows],
        )
    except (asyncpg.DataError, asyncpg.ProgramLimitExceededError) as error:
        raise BadRequestData(f"The notification can't be stored: {error}.") from error


class Outbox:
    """One for each worker, `holder` its name. All methods raise `StoreUnavailable`."""

    def __init__(self, database: Database, holder: UUID) -> None:
        self._database = database
        self._holder = holder

    async def look(self) -> Look:
        """Every subscription that something can be done for. Lines that are too long are cut."""
        async with self._database.connection() as connection:
            lines = await connection.fetch(_LINES)
            due = await connection.fetch(
                "SELECT tenant, kind, subscription, extract(epoch FROM next_at - now())::float8 AS seconds"
                " FROM subscription_states WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1000"
            )
            for tenant, kind, name, held, _ in lines:
                if held > MAX_WAITING:
                    await connection.execute(
                        "DELETE FROM notifications WHERE seq IN (SELECT seq FROM notifications WHERE tenant = $1"
                        " AND kind = $2 AND subscription = $3 ORDER BY seq LIMIT $4)",
                        tenant,
                        kind,
                        name,
                        held - MAX_WAITING,
                    )
        keys = [Key(tenant, Kind(kind), name) for tenant, kind, name, _, ready in lines if ready]
        keys += [Key(tenant, Kind(kind), name) for tenant, kind, name, seconds in due if seconds <= 0]
        later = [seconds for *_, seconds in due if seconds > 0]
        return Look(keys, min(later, default=None), sum(held for *_, held, _ in lines))

    async def put(self, key: Key, body: bytes) -> None:
        """One that nothing else is written with."""
        async with self._database.transaction() as connection:
            await enqueue(connection, [(key, uuid7(), datetime.now(UTC), body)])

    async def claim(self, key: Key, lease: float) -> Claimed | None:
        """Hold a subscription for `lease` seconds; None if there is nothing to do, or another worker holds it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, *key, self._holder, lease)
            if row is None:
                return None
            waiting = await connection.fetch(
                "SELECT seq, id, created_at, body FROM notifications"
                " WHERE tenant = $1 AND kind = $2 AND subscription = $3 ORDER BY seq LIMIT $4",
                *key,
                _TAKEN,
            )
        return Claimed([Waiting(*one) for one in waiting], *row)

    async def settle(
        self,
        key: Key,
        done: Sequence[int],
        sent: Sequence[Sent],
        lease: float,
        *,
        interval: float | None = None,
    ) -> None:
        """Take away what was `done`, count what was `sent`, and hold on. `interval`: a periodic one was done."""
        failed = [one.at for one in sent if one.failed]
        good = [one.at for one in sent if not one.failed]
        last = sent[-1] if sent else None
        async with self._database.connection() as connection:
            await connection.execute(
                _SETTLE,
                *key,
                list(done),
                len(sent),
                len(failed),
                None if last is None else last.at,
                max(good, default=None),
                max(failed, default=None),
                None if last is None else "failed" if last.failed else "ok",
                None if last is None else last.pause,
                interval,
                lease,
            )

    async def release(self, key: Key) -> None:
        """Let another worker have it."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE subscription_states SET holder = NULL, leased_until = NULL"
                " WHERE tenant = $1 AND kind = $2 AND subscription = $3 AND holder = $4",
                *key,
                self._holder,
            )

    async def discard(self, key: Key) -> None:
        """Everything that waits for a subscription that is no more."""
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM notifications n WHERE tenant = $1 AND kind = $2 AND subscription = $3 AND NOT EXISTS"
                " (SELECT 1 FROM subscriptions s WHERE s.tenant = $1 AND s.kind = $2 AND s.subscription = $3)",
                *key,
            )
