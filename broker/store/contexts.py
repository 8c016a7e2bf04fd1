"""The stored @contexts (clause 5.13): hosted, cached and implicitly created, with how often they were used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

import asyncpg

from broker.store.database import Database
from broker.store.feed import bump
from broker.store.text import require_key, storable
from schemas.errors import OperationNotSupported

FEED = "contexts"
"""Told when a stored @context was deleted or loaded anew: what processes keep of it is no longer good."""
MAX_HOSTED = 10_000
MAX_IMPLICIT = 10_000
MAX_CACHED = 2_000
"""Of each kind; of the last two those go that were used longest ago."""

_PREFIX = "urn:ngsi-ld:Context:"
_COLUMNS = "id, tenant, kind, url, body, created_at, expires_at, last_usage, hits, version"


class Kind(StrEnum):
    HOSTED = "Hosted"
    CACHED = "Cached"
    IMPLICIT = "ImplicitlyCreated"


@dataclass(frozen=True, slots=True)
class StoredContext:
    """`id` is the local identifier; `url` is set for cached ones only, `body` (a JSON object) for the others only."""

    id: str
    tenant: str
    kind: Kind
    url: str | None
    body: bytes | None
    created_at: datetime
    expires_at: datetime | None
    last_usage: datetime | None
    hits: int
    version: int


class Contexts:
    """All methods raise `StoreUnavailable`. A cached @context belongs to no tenant: everyone sees it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def host(self, tenant: str, body: bytes) -> str:
        """Store what a client gave; its local identifier. OperationNotSupported if there are `MAX_HOSTED` already."""
        require_key(tenant, "NGSILD-Tenant")
        name = _new_id()
        async with self._database.transaction() as connection:
            held = await connection.fetchval("SELECT count(*) FROM contexts WHERE kind = $1", Kind.HOSTED.value)
            if held >= MAX_HOSTED:
                raise OperationNotSupported(f"no more than {MAX_HOSTED} hosted @contexts; delete some", clause="5.13.2")
            await connection.execute(
                "INSERT INTO contexts (id, tenant, kind, body, created_at) VALUES ($1, $2, $3, $4, $5)",
                name,
                tenant,
                Kind.HOSTED.value,
                body,
                _now(),
            )
        return name

    async def imply(self, tenant: str, digest: bytes, body: bytes) -> str:
        """Store an inline @context so that it has an address; the same value (`digest`) has one for a tenant."""
        require_key(tenant, "NGSILD-Tenant")
        async with self._database.transaction() as connection:
            known = await connection.fetchval(
                "UPDATE contexts SET last_usage = $3 WHERE tenant = $1 AND digest = $2 RETURNING id",
                tenant,
                digest,
                _now(),
            )
            if known is not None:
                return str(known)
            name: str = await connection.fetchval(
                "INSERT INTO contexts (id, tenant, kind, digest, body, created_at, last_usage)"
                " VALUES ($1, $2, $3, $4, $5, $6, $6)"
                " ON CONFLICT (tenant, digest) DO UPDATE SET last_usage = excluded.last_usage RETURNING id",
                _new_id(),
                tenant,
                Kind.IMPLICIT.value,
                digest,
                body,
                _now(),
            )
            await _trim(connection, Kind.IMPLICIT, MAX_IMPLICIT)
        return name

    async def introduce(self, urls: Sequence[str]) -> None:
        """Have cached entries for these URLs before any of them is used: those of the core @contexts."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO contexts (id, tenant, kind, url, created_at)"
                " SELECT i, '', $1, u, $2 FROM unnest($3::text[], $4::text[]) AS given (i, u) ON CONFLICT DO NOTHING",
                Kind.CACHED.value,
                _now(),
                [_new_id() for _ in urls],
                sorted(urls),
            )

    async def get(self, name: str) -> StoredContext | None:
        """By local identifier, or by the URL that a cached one came from."""
        if not storable(name):
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM contexts WHERE id = $1 OR url = $1",  # noqa: S608
                name,
            )
        return None if row is None else _stored(row)

    async def all(self, tenant: str, kind: Kind | None = None) -> list[StoredContext]:
        """What a tenant sees, without bodies, the newest last."""
        if not storable(tenant):
            return []
        columns = _COLUMNS.replace("body", "NULL AS body")
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {columns} FROM contexts WHERE (tenant = $1 OR kind = 'Cached')"  # noqa: S608
                " AND ($2::text IS NULL OR kind = $2) ORDER BY created_at, id",
                tenant,
                None if kind is None else kind.value,
            )
        return [_stored(row) for row in rows]

    async def delete(self, name: str) -> bool:
        """By local identifier; whether it was there. All processes forget it."""
        async with self._database.transaction() as connection:
            gone = await connection.fetchval("DELETE FROM contexts WHERE id = $1 RETURNING true", name)
            if gone:
                await bump(connection, FEED)
        return bool(gone)

    async def reloaded(self, name: str, expires_at: datetime | None) -> int | None:
        """A cached one was downloaded anew; all processes do so too. Its new version; None if it is gone."""
        async with self._database.transaction() as connection:
            version: int | None = await connection.fetchval(
                "UPDATE contexts SET created_at = $2, expires_at = $3, version = nextval('context_versions')"
                " WHERE id = $1 AND kind = 'Cached' RETURNING version",
                name,
                _now(),
                expires_at,
            )
            if version is not None:
                await bump(connection, FEED)
        return version

    async def used(
        self, urls: Mapping[str, int], ids: Mapping[str, int], expiries: Mapping[str, datetime], keep: Sequence[str]
    ) -> dict[str, int]:
        """Add uses: of cached ones by URL, which makes an entry for a new one, and of the others by local identifier.

        Of more than `MAX_CACHED` cached ones the least recently used go, except `keep`. Gives the versions of the
        cached ones, by URL.
        """
        given = sorted(url for url in urls if storable(url) and len(url) <= 2048)
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                "INSERT INTO contexts AS c (id, tenant, kind, url, created_at, expires_at, last_usage, hits)"
                " SELECT i, '', 'Cached', u, $1, e, $1, n"
                " FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::bigint[]) AS given (i, u, e, n)"
                " ON CONFLICT (url) DO UPDATE SET hits = c.hits + excluded.hits, last_usage = excluded.last_usage,"
                " expires_at = coalesce(excluded.expires_at, c.expires_at) RETURNING url, version, xmax = 0 AS fresh",
                _now(),
                [_new_id() for _ in given],
                given,
                [expiries.get(url) for url in given],
                [urls[url] for url in given],
            )
            if ids:
                ordered = sorted(ids)
                await connection.execute(
                    "UPDATE contexts c SET hits = c.hits + n, last_usage = $1"
                    " FROM (SELECT id, n FROM contexts JOIN unnest($2::text[], $3::bigint[]) AS given (i, n) ON id = i"
                    " ORDER BY id FOR UPDATE OF contexts) AS used WHERE c.id = used.id",
                    _now(),
                    ordered,
                    [ids[one] for one in ordered],
                )
            if any(row["fresh"] for row in rows):
                await _trim(connection, Kind.CACHED, MAX_CACHED, keep)
        return {row["url"]: row["version"] for row in rows}

    async def versions(self, names: Sequence[str]) -> dict[str, int]:
        """Of those that are there, by local identifier and by URL."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id, url, version FROM contexts WHERE id = ANY($1) OR url = ANY($1)", list(names)
            )
        return {name: row["version"] for row in rows for name in (row["id"], row["url"]) if name is not None}


async def _trim(connection: asyncpg.Connection, kind: Kind, most: int, keep: Sequence[str] = ()) -> None:
    await connection.execute(
        "DELETE FROM contexts WHERE id IN (SELECT id FROM contexts"
        " WHERE kind = $1 AND NOT coalesce(url = ANY($3), false) ORDER BY last_usage DESC NULLS LAST OFFSET $2)",
        kind.value,
        most,
        list(keep),
    )


def _stored(row: asyncpg.Record) -> StoredContext:
    return StoredContext(**{**row, "kind": Kind(row["kind"])})


def _new_id() -> str:
    """Unguessable: whoever has the address of a tenant's @context was given it."""
    return _PREFIX + uuid4().hex


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
