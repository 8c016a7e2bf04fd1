"""How the ledger grows: `LedgerSession`, the sequencer's connection, under a lock that one process at a time holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from broker.store.database import connect, store_errors
from broker.store.flows import final_below, read_writers
from broker.store.ledger_forms import EVENT, EVENT_HEAD, EVENT_TAIL, FLOW, FLOW_HEAD, FLOW_TAIL, leaf
from schemas.ledger.tree import Subtree

_LOCK = 0x4B414B45_4C454447
"""Key of the advisory lock ("KAKELEDG")."""

# $1: transactions below this are final. $2, $3: behind this place. $4: at most so many. $5: the first number.
# What is in the ledger already is passed over: a restored database may begin from its first flow again. A subquery, so
# that it stays one look into an index for each row; a join would now and then read the whole ledger.
_ENTER = """
    WITH page AS MATERIALIZED (
        SELECT r.txid, r.place, r.id, r.request, r.time, r.head, r.tail FROM (
            {source}
        ) AS r WHERE r.txid < $1::text::xid8 AND (r.txid, r.place) > ($2::text::xid8, $3::bigint)
        ORDER BY r.txid, r.place LIMIT $4::int
    ), fresh AS (
        SELECT *, row_number() OVER (ORDER BY txid, place) - 1 + $5::bigint AS number FROM page
        WHERE (SELECT true FROM ledger_entries AS known WHERE known.id = page.id) IS NULL
    ), entered AS (
        INSERT INTO ledger_entries (seq, id, request, time, form, leaf)
        SELECT number, id, request, time, {form}, {leaf} FROM fresh ORDER BY number
        RETURNING seq, leaf
    )
    SELECT last.txid::text::bigint AS txid, last.place, (SELECT count(*) FROM page) AS looked,
        (SELECT string_agg(leaf, ''::bytea ORDER BY seq) FROM entered) AS leaves
    FROM page AS last ORDER BY txid DESC, place DESC LIMIT 1
"""
_LEAF = leaf("head || number::text || tail")
_ENTER_FLOWS = _ENTER.format(
    source=f"SELECT f.txid, f.seq AS place, f.id, f.request, f.time, {FLOW_HEAD} AS head, {FLOW_TAIL} AS tail"  # noqa: S608
    " FROM flows AS f",
    form=FLOW,
    leaf=_LEAF,
)
_ENTER_EVENTS = _ENTER.format(
    source=f"SELECT e.txid, e.seq AS place, e.id, NULL::uuid AS request, e.time, {EVENT_HEAD} AS head,"  # noqa: S608
    f" {EVENT_TAIL} AS tail FROM ledger_events AS e",
    form=EVENT,
    leaf=_LEAF,
)

# Numbers of another server, which this one has not reached, would hide what they are on until it has (see
# flows_upkeep.py); the order stays, by seq.
_RENUMBER = """
    ALTER TABLE ledger_events DISABLE TRIGGER ledger_events_stay;
    UPDATE ledger_events SET txid = '3' WHERE txid >= pg_snapshot_xmax(pg_current_snapshot());
    ALTER TABLE ledger_events ENABLE TRIGGER ledger_events_stay;
    UPDATE flows SET txid = '3' WHERE txid >= pg_snapshot_xmax(pg_current_snapshot())
"""

# Everything here goes along an index; without statistics the planner would rather sort all that waits, page by page.
_SESSION = """
    SET synchronous_commit = on;
    SET lock_timeout = '5s';
    SET enable_seqscan = off;
    SET enable_bitmapscan = off
"""

# Whoever writes an event may have its number from before it touched the table: only what no transaction under way
# can still add to is final.
_OLDEST_RUNNING = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@dataclass(frozen=True, slots=True)
class State:
    """How far the ledger has come: `size` entries; behind which flow and which event, by transaction and number."""

    origin: str
    size: int
    flow: tuple[int, int]
    event: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Entered:
    """`leaves`: of the new entries, 32 bytes each. `more`: there may be others waiting."""

    state: State
    leaves: bytes
    more: bool


class LedgerSession:
    """Of all sessions of a database one leads; only that one may use what stands below `lead`."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> LedgerSession:
        """Raises StoreUnavailable."""
        connection = await connect(url, timeout=5.0, command_timeout=60.0)
        try:
            with store_errors():
                await connection.execute(_SESSION)
        except BaseException:
            connection.terminate()
            raise
        return cls(connection)

    async def lead(self) -> bool:
        """Whether this session leads from now on, until it ends; False while another one does."""
        with store_errors():
            return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))

    @property
    def closed(self) -> bool:
        return bool(self._connection.is_closed())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        with store_errors():
            async with self._connection.transaction():
                yield

    async def state(self, origin: str) -> State:
        """The state, made with this origin if the ledger is new; locked until the transaction ends."""
        row = await self._connection.fetchrow("SELECT * FROM ledger_state FOR UPDATE")
        if row is None:
            row = await self._connection.fetchrow("INSERT INTO ledger_state (origin) VALUES ($1) RETURNING *", origin)
        return State(
            row["origin"], row["size"], (row["flow_txid"], row["flow_seq"]), (row["event_txid"], row["event_seq"])
        )

    async def enter(self, state: State, limit: int) -> Entered:
        """Number what became final behind `state`: at most `limit` events, then at most `limit` flows."""
        fetchrow = self._connection.fetchrow
        oldest = await self._connection.fetchval(_OLDEST_RUNNING)
        following, writers = await read_writers(self._connection)
        if max(state.flow[0], state.event[0]) >= following:
            # restored into a server that has not come so far: from the beginning, past what is entered already
            await self._connection.execute(_RENUMBER)
            state = replace(state, flow=(0, 0), event=(0, 0))
        leaves, more = [], False
        row = await fetchrow(_ENTER_EVENTS, str(oldest), str(state.event[0]), state.event[1], limit, state.size)
        if row is not None:
            leaves.append(row["leaves"] or b"")
            state = replace(state, size=state.size + len(leaves[-1]) // 32, event=(row["txid"], row["place"]))
            more = row["looked"] == limit
        below = final_below(following, writers)
        row = await fetchrow(_ENTER_FLOWS, str(below), str(state.flow[0]), state.flow[1], limit, state.size)
        if row is not None:
            leaves.append(row["leaves"] or b"")
            state = replace(state, size=state.size + len(leaves[-1]) // 32, flow=(row["txid"], row["place"]))
            more = more or row["looked"] == limit
        return Entered(state, b"".join(leaves), more)

    async def keep(self, state: State, nodes: Sequence[tuple[Subtree, bytes]]) -> None:
        """The state as it is now, and the subtrees that were completed."""
        await self._connection.execute(
            "UPDATE ledger_state SET size = $1, flow_txid = $2, flow_seq = $3, event_txid = $4, event_seq = $5",
            state.size,
            *state.flow,
            *state.event,
        )
        if nodes:
            await self._connection.executemany(
                "INSERT INTO ledger_nodes (level, place, hash) VALUES ($1, $2, $3)",
                [(level, place, digest) for (level, place), digest in nodes],
            )

    async def sign(self, size: int, root: bytes, time: datetime, note: str) -> None:
        """Keep a checkpoint; it may be shown once the transaction is committed."""
        await self._connection.execute(
            "INSERT INTO ledger_checkpoints (size, root, time, note) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (size) DO NOTHING",
            size,
            root,
            time,
            note,
        )

    @property
    def connection(self) -> asyncpg.Connection:
        """For reads and events within the transaction."""
        return self._connection

    async def close(self) -> None:
        await self._connection.close(timeout=2.0)

    def terminate(self) -> None:
        self._connection.terminate()
