"""How flows are read: filtered, in an order in which nothing ever appears behind what was read already."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from broker.store.database import Database
from schemas.errors import InvalidRequest
from schemas.flow import Consumer, Flow, Provider

_DEFAULT_CONTEXT = "https://uri.etsi.org/ngsi-ld/default-context/"
_LAST = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind the flow with this place. The first flows of all come behind `Cursor()`."""

    txid: int = 0
    seq: int = 0

    def __str__(self) -> str:
        """Opaque to its bearers and safe in a URL."""
        return base64.urlsafe_b64encode(struct.pack(">QQ", self.txid, self.seq)).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises InvalidRequest for what `str(cursor)` has not made."""
        try:
            raw = base64.b64decode(text.encode("ascii") + b"==", altchars=b"-_", validate=True)
            cursor = cls(*struct.unpack(">QQ", raw))
        except (ValueError, binascii.Error, struct.error):
            cursor = cls(-1)
        # The same place has one spelling, and both numbers are PostgreSQL's.
        if not (0 <= cursor.txid <= _LAST and 0 <= cursor.seq <= _LAST) or str(cursor) != text:
            raise InvalidRequest("This is not a cursor that was given out here.", field="cursor", value=text)
        return cursor


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """Flows for which everything that is set here holds. `since` is included, `until` is not.

    `consumer`: a service or an organisation. `provider`: a platform or an organisation. `type`: an IRI, or the short
    name of a type without an IRI of its own. `service`: limits all of it to one consumer, who may see no more.
    """

    since: datetime | None = None
    until: datetime | None = None
    consumer: str | None = None
    consumer_area: str | None = None
    provider: str | None = None
    provider_area: str | None = None
    type: str | None = None
    request: UUID | None = None
    cross_area: bool | None = None
    batch: bool | None = None
    outcome: str | None = None
    operation: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True)
class FlowPage:
    """`cursor` stands behind the last of `flows`; `more`: there are flows behind it already."""

    flows: list[Flow]
    cursor: Cursor
    more: bool


_Condition = tuple[str, Callable[[Any], Any]]


def _same(value: Any) -> Any:
    return value


_CONDITIONS: dict[str, _Condition] = {
    "since": ("time >= {}", _same),
    "until": ("time < {}", _same),
    "consumer": ("{} IN (service, organisation)", _same),
    "consumer_area": ("consumer_area = {}", _same),
    "provider": ("{} IN (platform, provider_organisation)", _same),
    "provider_area": ("provider_area = {}", _same),
    "type": ("types && {}", lambda name: [name, _DEFAULT_CONTEXT + name]),
    "request": ("request = {}", _same),
    "cross_area": ("cross_area = {}", _same),
    "batch": ("batch = {}", _same),
    "outcome": ("outcome = {}", _same),
    "operation": ("operation = {}", _same),
    "service": ("service = {}", _same),
}


# The number that the next transaction gets, and the numbers of those that are writing flows now.
_WRITERS = """
    WITH locks AS MATERIALIZED (SELECT * FROM pg_locks WHERE granted)
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next, ARRAY(
        SELECT own.transactionid::text::bigint FROM locks AS own JOIN locks AS held USING (virtualtransaction)
        WHERE own.locktype = 'transactionid' AND own.mode = 'ExclusiveLock'
            AND held.locktype = 'relation' AND held.relation = 'flows'::regclass
            AND held.mode NOT IN ('AccessShareLock', 'RowShareLock')
            AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS writers
"""


def final_below(following: int, writers: Sequence[int]) -> int:
    """The transaction number below which no flow can appear any more.

    A transaction commits after it has taken its number, so flows may appear behind others with greater numbers; a
    cursor must not pass a transaction that is still writing. Whoever writes flows holds a lock on the table from
    before it has a number until it has ended (COPY does so; others lock first). So a number below `following`, which
    was the next to be given out before the locks were looked at, is final unless it is among the `writers`. These are
    numbers without their upper half.
    """
    ages = ((following - writer) & 0xFFFF_FFFF for writer in writers)
    # What began after the look at `following` seems to be of an age that PostgreSQL lets no transaction reach.
    return following - max((age for age in ages if age < 0x8000_0000), default=0)


async def read_writers(connection: asyncpg.Connection) -> tuple[int, list[int]]:
    """What `final_below` takes: the number that the next transaction gets, and those of the writers of now."""
    following, writers = await connection.fetchrow(_WRITERS)
    return following, writers


def flows_query(where: FlowFilter, cursor: Cursor, limit: int, below: int) -> tuple[str, list[Any]]:
    """The statement and its arguments, for flows of transactions with numbers less than `below`."""
    arguments: list[Any] = [str(cursor.txid), cursor.seq, limit, str(below)]
    conditions = ["txid < $4::text::xid8", "(txid, seq) > ($1::text::xid8, $2::bigint)"]
    for name, (condition, convert) in _CONDITIONS.items():
        value = getattr(where, name)
        if value is not None:
            arguments.append(convert(value))
            conditions.append(condition.format(f"${len(arguments)}"))
    return f"SELECT * FROM flows WHERE {' AND '.join(conditions)} ORDER BY txid, seq LIMIT $3::int", arguments  # noqa: S608


async def read_flows(
    database: Database, where: FlowFilter, *, cursor: Cursor | None = None, limit: int = 100
) -> FlowPage:
    """At most `limit` flows behind `cursor`, in the order (txid, seq).

    Reading on from the cursor of each page, now or later, shows every flow that matches exactly once. Raises
    InvalidRequest for a cursor of another server (the database was restored: begin anew), StoreUnavailable.
    """
    start = cursor or Cursor()
    if not all(_storable(getattr(where, name)) for name in _CONDITIONS):
        return FlowPage([], start, more=False)
    async with database.connection() as connection:
        following, writers = await read_writers(connection)
        if start.txid >= following:
            raise InvalidRequest(
                "This cursor is of another database than this one: read from the beginning.",
                field="cursor",
                value=str(cursor),
            )
        statement, arguments = flows_query(where, start, limit + 1, final_below(following, writers))
        rows = await connection.fetch(statement, *arguments, timeout=20.0)
    page = rows[:limit]
    end = Cursor(int(page[-1]["txid"]), page[-1]["seq"]) if page else start
    return FlowPage([_flow(row) for row in page], end, len(rows) > limit)


def _storable(value: Any) -> bool:
    """False for what no stored text can be equal to, as PostgreSQL takes no such text: NUL, lone surrogates."""
    return not (isinstance(value, str) and _UNSTORABLE.search(value))


def _flow(row: asyncpg.Record) -> Flow:
    return Flow(
        id=row["id"],
        request=row["request"],
        time=row["time"],
        operation=row["operation"],
        consumer=Consumer(
            row["service"], row["organisation"], row["project"], row["consumer_area"], batch=row["batch"]
        ),
        provider=Provider(row["platform"], row["provider_organisation"], row["provider_area"]),
        types=tuple(row["types"]),
        entities=row["entities"],
        bytes=row["bytes"],
        outcome=row["outcome"],
        latency_ms=row["latency_ms"],
        cache_hit=row["cache_hit"],
        agreement=row["agreement"],
        agreement_version=row["agreement_version"],
        replay_of=row["replay_of"],
        idempotency_key=row["idempotency_key"],
    )
