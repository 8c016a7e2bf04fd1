"""Subscriptions to entities and to registrations. What is in memory elsewhere is loaded by `versions` and `load`, told
by feed `subscriptions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

import asyncpg
import orjson

from broker.store.database import Database
from broker.store.feed import bump
from broker.store.text import require_key, storable
from schemas.errors import AlreadyExists, BadRequestData, NotFound, OperationNotSupported
from schemas.ngsi_ld.subscription_view import Delivered

FEED = "subscriptions"
MAX_SUBSCRIPTIONS = 10_000
"""Of one tenant and kind: every one of them is looked at when an entity changes."""

_COLUMNS = (
    "s.tenant, s.kind, s.subscription, s.document, s.sealed, s.context, s.base, s.owner, s.consumer, s.created_at,"
    " s.modified_at, s.version, s.via"
)
_DELIVERED = "d.times_sent, d.times_failed, d.last_notification, d.last_success, d.last_failure, d.status"
_FROM = (
    f"SELECT {_COLUMNS}, {_DELIVERED} FROM subscriptions s"  # noqa: S608
    " LEFT JOIN subscription_states d USING (tenant, kind, subscription)"
)
_INSERT = """
INSERT INTO subscriptions (tenant, kind, subscription, document, sealed, context, base, owner, consumer, created_at,
    modified_at, version, via)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12)"""
_STATE = """
INSERT INTO subscription_states (tenant, kind, subscription, next_at)
VALUES ($1, $2, $3, now() + make_interval(secs => $4))
ON CONFLICT (tenant, kind, subscription) DO UPDATE SET next_at = excluded.next_at"""
_RESUME = """
UPDATE subscription_states SET resume_at = least(resume_at, now()), failures = 0
WHERE tenant = $1 AND kind = $2 AND subscription = $3"""
_UPDATE = """
UPDATE subscriptions SET document = $4, sealed = $5, context = $6, base = $7, modified_at = $8, version = $9
WHERE tenant = $1 AND kind = $2 AND subscription = $3"""


class Kind(StrEnum):
    ENTITIES = "entities"
    REGISTRATIONS = "registrations"


class Key(NamedTuple):
    tenant: str
    kind: Kind
    subscription: str


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """`document` without its endpoint, which is in `sealed`; `context`: value of an @context member, for notifications;
    `base`: where this gateway was reached; `via`: through whom it came; `owner`: the service that subscribed,
    `consumer`: what metering records."""

    key: Key
    document: Mapping[str, Any]
    sealed: bytes
    context: Any
    base: str
    owner: str
    consumer: Mapping[str, Any]
    created_at: datetime
    modified_at: datetime
    version: int
    via: str | None
    delivered: Delivered


@dataclass(frozen=True, slots=True)
class Draft:
    """What a create or an update stores."""

    document: Mapping[str, Any]
    sealed: bytes
    context: Any
    base: str


class SubscriptionStore:
    """All methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, key: Key, draft: Draft, owner: str, consumer: Mapping[str, Any], via: str | None = None
    ) -> None:
        """AlreadyExists; BadRequestData for what can't be stored; OperationNotSupported beyond `MAX_SUBSCRIPTIONS`."""
        require_key(key.tenant, "NGSILD-Tenant")
        require_key(key.subscription, "id")
        async with self._database.transaction() as connection:
            version = await bump(connection, FEED)
            held = await connection.fetchval(
                "SELECT count(*) FROM subscriptions WHERE tenant = $1 AND kind = $2", key.tenant, key.kind.value
            )
            if held >= MAX_SUBSCRIPTIONS:
                raise OperationNotSupported(f"no more than {MAX_SUBSCRIPTIONS} subscriptions; delete some")
            now = datetime.now(UTC)
            values = (*_key(key), _text(draft.document), draft.sealed, _text(draft.context), draft.base)
            try:
                await connection.execute(_INSERT, *values, owner, _text(consumer), now, version, via)
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(
                    f"There is a subscription {key.subscription} already.", field="id", value=key.subscription
                ) from None
            await connection.execute(_STATE, *_key(key), draft.document.get("timeInterval"))

    async def change(self, key: Key, decide: Callable[[StoredSubscription], Draft]) -> StoredSubscription:
        """Store what `decide` makes of it, nobody else changing it meanwhile. NotFound; what `decide` raises."""
        async with self._database.transaction() as connection:
            version = await bump(connection, FEED)
            current = await _one(connection, key, "FOR UPDATE OF s")
            draft = decide(current)
            await connection.execute(
                _UPDATE,
                *_key(key),
                _text(draft.document),
                draft.sealed,
                _text(draft.context),
                draft.base,
                datetime.now(UTC),
                version,
            )
            interval = draft.document.get("timeInterval")
            if interval != current.document.get("timeInterval"):
                await connection.execute(_STATE, *_key(key), interval)
            # whoever changed it may have put right what failed
            await connection.execute(_RESUME, *_key(key))
            return current

    async def get(self, key: Key) -> StoredSubscription:
        """NotFound."""
        async with self._database.connection() as connection:
            return await _one(connection, key)

    async def page(
        self, tenant: str, kind: Kind, owner: str | None, *, limit: int, offset: int
    ) -> tuple[list[StoredSubscription], int]:
        """In order of creation, and how many there are; those of one `owner` only, if one is named."""
        if not storable(tenant):
            return [], 0
        where = "s.tenant = $1 AND s.kind = $2 AND ($3::text IS NULL OR s.owner = $3)"
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"{_FROM} WHERE {where} ORDER BY s.created_at, s.subscription LIMIT $4 OFFSET $5",
                tenant,
                kind.value,
                owner,
                limit,
                offset,
            )
            total = await connection.fetchval(
                f"SELECT count(*) FROM subscriptions s WHERE {where}",  # noqa: S608
                tenant,
                kind.value,
                owner,
            )
        return [_stored(row) for row in rows], total

    async def delete(self, key: Key) -> None:
        """With what was still to be notified. NotFound."""
        async with self._database.transaction() as connection:
            await bump(connection, FEED)
            gone = await connection.fetchval(
                "DELETE FROM subscriptions WHERE tenant = $1 AND kind = $2 AND subscription = $3 RETURNING true",
                *_key(key),
            )
            if not gone:
                raise _missing(key)
            for table in ("subscription_states", "notifications"):
                await connection.execute(
                    f"DELETE FROM {table} WHERE tenant = $1 AND kind = $2 AND subscription = $3",  # noqa: S608
                    *_key(key),
                )

    async def versions(self) -> dict[Key, int]:
        """Of every subscription there is."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT tenant, kind, subscription, version FROM subscriptions")
        return {Key(tenant, Kind(kind), name): version for tenant, kind, name, version in rows}

    async def load(self, keys: Sequence[Key]) -> list[StoredSubscription]:
        """Those of them that are there."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"{_FROM} JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (tenant, kind, subscription)"
                " USING (tenant, kind, subscription)",
                [key.tenant for key in keys],
                [key.kind.value for key in keys],
                [key.subscription for key in keys],
            )
        return [_stored(row) for row in rows]

    async def reseal(self, renewed: Callable[[bytes, str], bytes]) -> int:
        """Replace every sealed endpoint by what `renewed` makes of it and of its `aad`; how many there were. For the
        rotation of the secret key, in one transaction."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                "SELECT tenant, kind, subscription, sealed FROM subscriptions ORDER BY 1, 2, 3 FOR UPDATE"
            )
            for tenant, kind, name, sealed in rows:
                key = Key(tenant, Kind(kind), name)
                await connection.execute(
                    "UPDATE subscriptions SET sealed = $4 WHERE tenant = $1 AND kind = $2 AND subscription = $3",
                    *_key(key),
                    renewed(sealed, aad(key)),
                )
            await bump(connection, FEED)
        return len(rows)


def aad(key: Key) -> str:
    """What a sealed endpoint is bound to."""
    return f"subscription {key.kind} {key.tenant} {key.subscription}"


def _key(key: Key) -> tuple[str, str, str]:
    return key.tenant, key.kind.value, key.subscription


async def _one(connection: asyncpg.Connection, key: Key, lock: str = "") -> StoredSubscription:
    row = None
    if storable(key.subscription) and storable(key.tenant):
        where = "s.tenant = $1 AND s.kind = $2 AND s.subscription = $3"
        row = await connection.fetchrow(f"{_FROM} WHERE {where} {lock}", *_key(key))
    if row is None:
        raise _missing(key)
    return _stored(row)


def _missing(key: Key) -> NotFound:
    return NotFound("there is no such subscription", field="id", value=key.subscription, clause="5.8")


def _text(document: Any) -> str:
    try:
        text = orjson.dumps(document).decode()
    except TypeError as error:
        raise BadRequestData(f"It can't be stored: {error}.", field="body") from None
    if r"\u0000" in text.replace(r"\\", ""):
        raise BadRequestData("Text with a NUL character can't be stored.", field="body")
    return text


def _stored(row: asyncpg.Record) -> StoredSubscription:
    delivered = Delivered(
        row["times_sent"] or 0,
        row["times_failed"] or 0,
        row["last_notification"],
        row["last_success"],
        row["last_failure"],
        row["status"],
    )
    return StoredSubscription(
        Key(row["tenant"], Kind(row["kind"]), row["subscription"]),
        orjson.loads(row["document"]),
        row["sealed"],
        orjson.loads(row["context"]),
        row["base"],
        row["owner"],
        orjson.loads(row["consumer"]),
        row["created_at"],
        row["modified_at"],
        row["version"],
        row["via"],
        delivered,
    )
