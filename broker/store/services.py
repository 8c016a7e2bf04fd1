"""Services that ask, and their API keys. Of a key only its hash is kept. Feed `services` tells of changes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import asyncpg

from broker.store.database import Database
from broker.store.feed import bump
from broker.store.text import require_key, require_storable, storable
from schemas.errors import AlreadyExists, NotFound
from schemas.flow import Consumer
from schemas.roles import Role

FEED = "services"

_PREFIX = "kk_"
_NEW_KEY = "INSERT INTO service_keys (hash, service, created_at) VALUES ($1, $2, $3)"


class Kind(StrEnum):
    INTERACTIVE = "interactive"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Service:
    """A program that asks for data, and for whom it does so."""

    id: str
    name: str = ""
    organisation: str | None = None
    project: str | None = None
    area: str | None = None
    """Home area: data of any other is cross-area."""
    kind: Kind = Kind.INTERACTIVE
    disabled: bool = False
    roles: frozenset[Role] = frozenset({Role.SERVICE})
    """An operator's area is its home area."""
    created_at: datetime | None = None
    """Set by the store."""

    @property
    def consumer(self) -> Consumer:
        return Consumer(self.id, self.organisation, self.project, self.area, batch=self.kind is Kind.BATCH)


@dataclass(frozen=True, slots=True)
class Key:
    """Of a key only this is kept, and its hash. `last_used` is right to a minute or so."""

    service: Service
    created_at: datetime
    expires_at: datetime | None = None
    last_used: datetime | None = None


def new_key() -> str:
    """256 random bits behind a prefix by which scanners for leaked secrets can know it."""
    return _PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> bytes:
    """SHA-256. A slow hash would protect guessable passwords; this is no password, and it is asked at every request."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class Services:
    """Methods raise `StoreUnavailable` besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Service]:
        """Every service in order of id."""
        async with self._database.connection() as connection:
            return [_service(row) for row in await connection.fetch("SELECT * FROM services ORDER BY id")]

    async def by_key_hash(self) -> dict[bytes, Key]:
        """Every key that holds, of the disabled services too, by `hash_key` of it: to be held in memory."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT s.*, k.hash, k.created_at AS made, k.expires_at, k.last_used FROM service_keys k"
                " JOIN services s ON s.id = k.service WHERE k.expires_at IS NULL OR k.expires_at > now()"
            )
        return {r["hash"]: Key(_service(r), r["made"], r["expires_at"], r["last_used"]) for r in rows}

    async def keys(self) -> dict[str, list[Key]]:
        """The keys that hold of every service, newest first."""
        found: dict[str, list[Key]] = {}
        for key in (await self.by_key_hash()).values():
            found.setdefault(key.service.id, []).append(key)
        return {name: sorted(keys, key=lambda k: k.created_at, reverse=True) for name, keys in found.items()}

    async def used(self, hashes: Collection[bytes]) -> None:
        """These keys were used just now."""
        if not hashes:
            return
        async with self._database.connection() as connection:
            await connection.execute("UPDATE service_keys SET last_used = now() WHERE hash = ANY($1)", list(hashes))

    async def get(self, service: str) -> Service:
        """Raises `NotFound`."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM services WHERE id = $1", _text(service))
        if row is None:
            raise _missing(service)
        return _service(row)

    async def create(self, service: Service) -> tuple[Service, str]:
        """Returns it as stored, and its key, which can't be had again. Raises `AlreadyExists`, `BadRequestData`."""
        key = new_key()
        async with self._database.transaction() as connection:
            try:
                row = await connection.fetchrow(
                    "INSERT INTO services"
                    " (id, name, organisation, project, area, kind, disabled, roles, created_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *",
                    *_values(service),
                    datetime.now(UTC),
                )
                await connection.execute(_NEW_KEY, hash_key(key), service.id, datetime.now(UTC))
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"There is a service {service.id} already.", field="id") from None
            await bump(connection, FEED)
        return _service(row), key

    async def update(self, service: Service) -> Service:
        """Replace all but key and time of creation. Raises `NotFound`, `BadRequestData`."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                "UPDATE services SET name = $2, organisation = $3, project = $4, area = $5, kind = $6, disabled = $7,"
                " roles = $8"
                " WHERE id = $1 RETURNING *",
                *_values(service),
            )
            if row is None:
                raise _missing(service.id)
            await bump(connection, FEED)
        return _service(row)

    async def renew_key(self, service: str, *, keep: timedelta = timedelta(0)) -> str:
        """A new key. The newest of the old ones is good for `keep` longer, the others for nothing. `NotFound`."""
        key = new_key()
        async with self._database.transaction() as connection:
            if not await connection.fetchval("SELECT true FROM services WHERE id = $1 FOR UPDATE", _text(service)):
                raise _missing(service)
            now = datetime.now(UTC)
            await connection.execute(
                "DELETE FROM service_keys WHERE service = $1 AND hash NOT IN (SELECT hash FROM service_keys"
                " WHERE service = $1 ORDER BY created_at DESC, hash LIMIT $2)",
                service,
                1 if keep > timedelta(0) else 0,
            )
            await connection.execute("UPDATE service_keys SET expires_at = $2 WHERE service = $1", service, now + keep)
            await connection.execute(_NEW_KEY, hash_key(key), service, now)
            await bump(connection, FEED)
        return key

    async def delete(self, service: str) -> None:
        """Raises `NotFound`. Flows that name the service stay."""
        async with self._database.transaction() as connection:
            if not await connection.fetchval("DELETE FROM services WHERE id = $1 RETURNING true", _text(service)):
                raise _missing(service)
            await bump(connection, FEED)


def _missing(service: str) -> NotFound:
    return NotFound(f"There is no service {service}.", field="id", value=service)


def _text(service: str) -> str:
    """An id that can be looked for."""
    if not storable(service):
        raise _missing(service)
    return service


def _values(service: Service) -> tuple[str | bool | list[str] | None, ...]:
    require_key(service.id, "id")
    texts = {name: getattr(service, name) for name in ("id", "name", "organisation", "project", "area")}
    for name, text in texts.items():
        if text is not None:
            require_storable(text, name)
    return (*texts.values(), service.kind.value, service.disabled, sorted(service.roles))


def _service(row: asyncpg.Record) -> Service:
    return Service(
        id=row["id"],
        name=row["name"],
        organisation=row["organisation"],
        project=row["project"],
        area=row["area"],
        kind=Kind(row["kind"]),
        disabled=row["disabled"],
        roles=frozenset(map(Role, row["roles"])),
        created_at=row["created_at"],
    )
