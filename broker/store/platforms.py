"""Platforms and their sealed credentials. What is in memory elsewhere is loaded by `all`, told by feed `platforms`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import asyncpg
import msgspec

from broker.store.database import Database
from broker.store.feed import bump
from broker.store.ledger_events import enter
from broker.store.text import require_key, require_storable, storable
from schemas.errors import AlreadyExists, BadRequestData, NotFound
from schemas.platform import Coverage, Distribution, Platform, ProbeResult

FEED = "platforms"

_OPEN = bool | tuple[str, ...]

_PLAIN = (
    "id",
    "adapter",
    "endpoint",
    "area",
    "organisation",
    "name",
    "registry_tenant",
    "tenant",
    "service_path",
    "context",
    "mode",
    "timeout_ms",
    "max_concurrency",
    "state",
)
_NESTED = ("options", "coverage", "distribution", "probe", "open_data")
_KINDS: tuple[tuple[str, Any], ...] = (
    ("coverage", Coverage),
    ("distribution", Distribution),
    ("probe", ProbeResult | None),
    ("options", dict[str, Any]),
    ("open_data", _OPEN),
)
_WRITTEN = (*_PLAIN, *_NESTED)
_SELECT = (
    "SELECT p.*, c.platform IS NOT NULL AS has_credential FROM platforms p LEFT JOIN credentials c ON c.platform = p.id"
)
_INSERT = (
    f"INSERT INTO platforms ({', '.join(_WRITTEN)}, created_at, modified_at, version)"  # noqa: S608
    f" VALUES ({', '.join(f'${n}' for n in range(1, len(_WRITTEN) + 4))})"
)
_UPDATE = (
    f"UPDATE platforms SET {', '.join(f'{name} = ${n}' for n, name in enumerate(_WRITTEN, 1))},"  # noqa: S608
    f" modified_at = ${len(_WRITTEN) + 1}, version = ${len(_WRITTEN) + 2} WHERE id = $1"
)
_SEAL = (
    "INSERT INTO credentials (platform, sealed) VALUES ($1, $2)"
    " ON CONFLICT (platform) DO UPDATE SET sealed = excluded.sealed"
)


Recorder: TypeAlias = Callable[[asyncpg.Connection, Platform | None, Platform | None], Awaitable[None]]
"""Called in the transaction of a change with the platform before and after it; None: it was not there, or is gone."""


class Platforms:
    """Methods raise `StoreUnavailable` besides what they name. Times, version and has_credential are set here.

    A platform's version is the feed's at its last change, so that one that was deleted and made again is never taken
    for the old one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recorders: list[Recorder] = []

    def on_change(self, record: Recorder) -> None:
        """From now on tell `record` of every change, in its transaction."""
        self._recorders.append(record)

    async def _tell(self, connection: asyncpg.Connection, before: Platform | None, after: Platform | None) -> None:
        for record in self._recorders:
            await record(connection, before, after)

    async def all(self) -> list[Platform]:
        """Every platform in order of id."""
        async with self._database.connection() as connection:
            return [_platform(row) for row in await connection.fetch(f"{_SELECT} ORDER BY p.id")]

    async def get(self, platform: str) -> Platform:
        """Raises `NotFound`."""
        async with self._database.connection() as connection:
            return await _one(connection, platform)

    async def create(self, platform: Platform, sealed: bytes | None = None) -> Platform:
        """Returns it as stored. Raises `AlreadyExists`, and `BadRequestData` for text that can't be stored."""
        async with self._database.transaction() as connection:
            now = datetime.now(UTC)
            version = await bump(connection, FEED)
            try:
                await connection.execute(_INSERT, *_values(platform), now, now, version)
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"A platform {platform.id} is registered already.", field="id") from None
            if sealed is not None:
                await connection.execute(_SEAL, platform.id, sealed)
            stored = await _one(connection, platform.id)
            await self._tell(connection, None, stored)
            return stored

    async def update(self, platform: Platform, sealed: bytes | None = None) -> Platform:
        """Replace all but the credential, and that too if one is given; `sealed=b""` takes it away.

        `platform.version` is the version that the caller has seen. Raises `NotFound`, and `AlreadyExists` if somebody
        else has changed the platform since.
        """
        async with self._database.transaction() as connection:
            found = await connection.fetchval("SELECT version FROM platforms WHERE id = $1 FOR UPDATE", platform.id)
            if found is None:
                raise _missing(platform.id)
            if found != platform.version:
                raise AlreadyExists(
                    f"Platform {platform.id} has been changed meanwhile; read it again.",
                    field="version",
                    value=platform.version,
                )
            before = await _one(connection, platform.id)
            version = await bump(connection, FEED)
            await connection.execute(_UPDATE, *_values(platform), datetime.now(UTC), version)
            if sealed:
                await connection.execute(_SEAL, platform.id, sealed)
            elif sealed is not None:
                await connection.execute("DELETE FROM credentials WHERE platform = $1", platform.id)
            stored = await _one(connection, platform.id)
            await self._tell(connection, before, stored)
            return stored

    async def delete(self, platform: str) -> None:
        """With its credential. Raises `NotFound`."""
        async with self._database.transaction() as connection:
            before = await _one(connection, platform)
            if not await connection.fetchval("DELETE FROM platforms WHERE id = $1 RETURNING true", platform):
                raise _missing(platform)
            await self._tell(connection, before, None)
            await bump(connection, FEED)

    async def credential(self, platform: str) -> bytes | None:
        """Sealed, as it was given."""
        async with self._database.connection() as connection:
            sealed: bytes | None = await connection.fetchval(
                "SELECT sealed FROM credentials WHERE platform = $1", _text(platform)
            )
            return sealed

    async def reseal(self, renewed: Callable[[bytes, str], bytes], key_id: str) -> int:
        """Replace every sealed credential by what `renewed` makes of it and of its platform; how many there were. The
        ledger is told which key they are sealed with now."""
        async with self._database.transaction() as connection:
            # nobody seals another one meanwhile
            await connection.execute("LOCK TABLE credentials IN SHARE ROW EXCLUSIVE MODE")
            rows = await connection.fetch("SELECT platform, sealed FROM credentials ORDER BY platform")
            await connection.executemany(
                "UPDATE credentials SET sealed = $2 WHERE platform = $1",
                [(row["platform"], renewed(row["sealed"], row["platform"])) for row in rows],
            )
            await enter(connection, "secrets.rotated", key_id, "administration", {"credentials": len(rows)})
            await bump(connection, FEED)
        return len(rows)

    async def credentials(self) -> dict[str, bytes]:
        """All of them, sealed, by platform."""
        async with self._database.connection() as connection:
            return {row["platform"]: row["sealed"] for row in await connection.fetch("SELECT * FROM credentials")}


async def _one(connection: asyncpg.Connection, platform: str) -> Platform:
    row = await connection.fetchrow(f"{_SELECT} WHERE p.id = $1", _text(platform))
    if row is None:
        raise _missing(platform)
    return _platform(row)


def _missing(platform: str) -> NotFound:
    return NotFound(f"No platform {platform} is registered.", field="id", value=platform)


def _text(platform: str) -> str:
    """An id that can be looked for."""
    if not storable(platform):
        raise _missing(platform)
    return platform


def _values(platform: Platform) -> list[Any]:
    document: dict[str, Any] = msgspec.to_builtins(platform, order="deterministic")
    require_key(platform.id, "id")
    for name in _PLAIN:
        if isinstance(value := document[name], str):
            require_storable(value, name)
    return [*(document[name] for name in _PLAIN), *(_json(document[name], name) for name in _NESTED)]


def _json(value: object, field: str) -> str | None:
    if value is None:
        return None
    text = msgspec.json.encode(value).decode()
    # An even number of backslashes before it would make it literal text.
    if r"\u0000" in text.replace(r"\\", ""):
        raise BadRequestData("Text with a NUL character can't be stored.", field=field)
    return text


def _platform(row: asyncpg.Record) -> Platform:
    document = dict(row)
    for name, kind in _KINDS:
        document[name] = msgspec.json.decode(document[name] or "null", type=kind)
    for name in ("created_at", "modified_at"):
        document[name] = document[name].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.convert(document, Platform, from_attributes=True)
