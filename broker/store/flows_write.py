"""How flows get into the database: `FlowSession`, a connection of the settler's own, and the rows that it copies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any
from uuid import UUID

import asyncpg

from broker.store.database import connect
from schemas.flow import Flow
from schemas.idempotency import LIFETIME, IdempotencyKey

Row = tuple[Any, ...]

COLUMNS = (
    "id", "request", "time", "entities", "bytes", "latency_ms", "replay_of", "idempotency_key", "operation", "outcome",
    "service", "organisation", "project", "consumer_area", "batch", "platform", "provider_organisation",
    "provider_area", "cross_area", "types", "cache_hit", "agreement", "agreement_version",
)  # fmt: skip

_SESSION = """
    SET synchronous_commit = on;
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '500ms';
    SET idle_in_transaction_session_timeout = '1s'
"""

_CLAIM = """
    INSERT INTO idempotency AS held (client, key, request_hash, request, expires)
    SELECT client, key, request_hash, request, now() + $5
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[]) AS claim (client, key, request_hash, request)
    ORDER BY client COLLATE "C", key COLLATE "C"
    ON CONFLICT (client, key) DO UPDATE SET
        request_hash = CASE WHEN held.expires <= now() THEN excluded.request_hash ELSE held.request_hash END,
        request = CASE WHEN held.expires <= now() THEN excluded.request ELSE held.request END,
        expires = CASE WHEN held.expires <= now() THEN excluded.expires ELSE held.expires END
    RETURNING client, key, request_hash, request
"""


class Fault(Enum):
    """What an exception of a write means for what was to be written."""

    LOST = "lost"
    """The connection is gone or useless; whether it was committed is not known."""
    REFUSED = "refused"
    """Not written, and writing it again now would not help: disk full, no right."""
    DATA = "data"
    """Not written, because of one of the rows or claims; without it the others may go through."""
    DUPLICATE = "duplicate"
    """Not written, because a flow of it is there already: an earlier write whose answer was lost had got through."""


def fault(error: Exception) -> Fault:
    """Unknown exceptions count as LOST: what follows then is checking and a new connection, which is always safe."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return Fault.DUPLICATE
    # A server that has become read-only is a standby now: the next connection may lead to its successor.
    if isinstance(
        error,
        asyncpg.OperatorInterventionError | asyncpg.PostgresConnectionError | asyncpg.ReadOnlySQLTransactionError,
    ):
        return Fault.LOST
    if isinstance(
        error,
        asyncpg.InsufficientResourcesError
        | asyncpg.InsufficientPrivilegeError
        | asyncpg.UndefinedTableError
        | asyncpg.UndefinedColumnError
        | asyncpg.PostgresSystemError,
    ):
        return Fault.REFUSED
    # What can't be encoded raises errors of Python's own; asyncpg's DataError is a ValueError as well.
    if isinstance(error, asyncpg.PostgresError | ValueError | TypeError | OverflowError | AttributeError):
        return Fault.DATA
    return Fault.LOST


_known_types: dict[tuple[str, ...], list[str]] = {}


def _types(types: tuple[str, ...]) -> list[str]:
    """Type names are the one text here that a stranger writes, and the same few come again and again."""
    clean = _known_types.get(types)
    if clean is None:
        if len(_known_types) >= 1024:
            _known_types.clear()
        clean = _known_types[types] = [_scrub(name) for name in types]
    return clean


def row(flow: Flow) -> Row:
    """The flow in the order of `COLUMNS`. Its types are such as PostgreSQL takes."""
    consumer = flow.consumer
    provider = flow.provider
    area = provider.area
    return (
        flow.id,
        flow.request,
        flow.time,
        flow.entities,
        flow.bytes,
        flow.latency_ms,
        flow.replay_of,
        flow.idempotency_key,
        flow.operation,
        flow.outcome,
        consumer.service,
        consumer.organisation,
        consumer.project,
        consumer.area,
        consumer.batch,
        provider.platform,
        provider.organisation,
        area,
        area is not None and area != consumer.area,
        _types(flow.types),
        flow.cache_hit,
        flow.agreement,
        flow.agreement_version,
    )


def scrubbed(values: Row) -> Row:
    """The row with everything out of its texts that PostgreSQL does not take (NUL, lone surrogates become U+FFFD)."""
    return tuple(_scrub(value) for value in values)


def _scrub(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


class FlowSession:
    """A connection on which flows are committed, durably (synchronous_commit), and on which nobody waits for long."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str, *, within: float, lost: Callable[[], None]) -> FlowSession:
        """Takes at most about `within` seconds. `lost` is called once, when the connection ends, for whatever reason.

        Raises StoreUnavailable, SettingsError, TimeoutError or what `asyncpg` raises for a server that is going down.
        """
        connection = await connect(url, timeout=within)
        try:
            await connection.execute(_SESSION, timeout=within)
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(lambda _: lost())
        return cls(connection)

    @property
    def closed(self) -> bool:
        return bool(self._connection.is_closed())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """The lock comes before whatever gives the transaction its number: `flows.final_below` relies on it."""
        execute = self._connection.execute
        try:
            await execute("BEGIN; LOCK TABLE flows IN ROW EXCLUSIVE MODE")
            yield
        except BaseException:
            if not self.closed:
                await execute("ROLLBACK")
            raise
        await execute("COMMIT")

    async def copy(self, rows: Sequence[Row]) -> None:
        """All rows or none. Outside a transaction they are durable when this returns."""
        await self._connection.copy_records_to_table("flows", records=rows, columns=COLUMNS)

    async def claim(self, claims: Collection[IdempotencyKey]) -> dict[tuple[str, str], tuple[bytes, UUID]]:
        """By (client, key) whose it now is: request hash and request id. Part of the transaction that it is called in.

        A key that nobody holds, or held until it expired, becomes the claimant's. No two of `claims` may share client
        and key. Waits while another transaction is claiming the same key.
        """
        rows = await self._connection.fetch(
            _CLAIM,
            [claim.client for claim in claims],
            [claim.key for claim in claims],
            [claim.request_hash for claim in claims],
            [claim.request for claim in claims],
            LIFETIME,
        )
        return {(client, key): (digest, UUID(bytes=request.bytes)) for client, key, digest, request in rows}

    async def present(self, flows: Collection[Flow]) -> bool:
        """Whether any of these flows is committed."""
        found = await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM flows WHERE request = ANY($1::uuid[]) AND id = ANY($2::uuid[]))",
            list({flow.request for flow in flows}),
            [flow.id for flow in flows],
        )
        return bool(found)

    async def ping(self) -> None:
        await self._connection.fetchval("SELECT 1")

    async def close(self) -> None:
        await self._connection.close(timeout=2.0)

    def terminate(self) -> None:
        self._connection.terminate()
