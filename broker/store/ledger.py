"""How the ledger is read: entries, proofs and checkpoints. What it grows by is in ledger_append.py.

For figures that rest on flows: `Ledger.range_of` tells which entries hold the flows of a time, and `Ledger.latest` the
checkpoint that covers them; both go into a report as its evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from broker.store.database import Database
from broker.store.ledger_forms import EVENT, EVENT_HEAD, EVENT_TAIL, FLOW, FLOW_HEAD, FLOW_TAIL
from schemas.errors import KakehashiError, NotFound
from schemas.ledger.note import VerifyingKey
from schemas.ledger.tree import (
    EMPTY,
    STEP,
    Frontier,
    Span,
    Subtree,
    consistency_spans,
    inclusion_spans,
    prove,
    subtrees,
)

# The limits keep these from becoming joins, which would read all flows for a page.
_ENTRIES = f"""
    SELECT s.seq, s.leaf, convert_to(coalesce(
        (SELECT {FLOW_HEAD} || s.seq::text || {FLOW_TAIL} FROM flows AS f
            WHERE s.form = {FLOW} AND f.request = s.request AND f.id = s.id AND f.time = s.time LIMIT 1),
        (SELECT {EVENT_HEAD} || s.seq::text || {EVENT_TAIL} FROM ledger_events AS e
            WHERE s.form = {EVENT} AND e.id = s.id LIMIT 1)
    ), 'UTF8') AS text, s.time
    FROM ledger_entries AS s WHERE s.seq >= $1 AND s.seq < $2 ORDER BY s.seq
"""  # noqa: S608
# The hashes of each span of kept subtrees, joined.
_LEAVES = """
    SELECT r.n, (SELECT string_agg(k.leaf, ''::bytea ORDER BY k.seq) FROM (
        SELECT seq, leaf FROM ledger_entries WHERE seq >= r.first AND seq < r.last ORDER BY seq LIMIT 256
    ) AS k) AS hashes
    FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (first, last, n)
"""
_NODES = """
    SELECT r.n, (SELECT string_agg(k.hash, ''::bytea ORDER BY k.place) FROM (
        SELECT place, hash FROM ledger_nodes
        WHERE level = r.level AND place >= r.first AND place < r.last ORDER BY place LIMIT 256
    ) AS k) AS hashes
    FROM unnest($1::bigint[], $2::bigint[], $3::smallint[]) WITH ORDINALITY AS r (first, last, level, n)
"""
_CHECKPOINT = """
    SELECT c.size, c.root, c.time, c.note || coalesce(
        (SELECT string_agg(line, '' ORDER BY witness) FROM ledger_cosignatures AS w WHERE w.size = c.size), ''
    ) AS note, (SELECT count(*) FROM ledger_cosignatures AS w WHERE w.size = c.size) AS witnesses
    FROM ledger_checkpoints AS c
"""
_WAITING = """
    SELECT least(
        (SELECT time FROM flows WHERE (txid, seq) > ($1::text::xid8, $2::bigint) ORDER BY txid, seq LIMIT 1),
        (SELECT time FROM ledger_events WHERE (txid, seq) > ($3::text::xid8, $4::bigint) ORDER BY txid, seq LIMIT 1)
    )
"""
# Flows wait for seconds: looked for among those that wait, in their order.
_SETTLED = """
    SELECT EXISTS (SELECT FROM ledger_entries WHERE id = $1) OR EXISTS (SELECT FROM (
        SELECT id FROM flows WHERE (txid, seq) > ($2::text::xid8, $3::bigint) ORDER BY txid, seq LIMIT 100000
    ) AS waiting WHERE id = $1)
"""


class LedgerDamaged(KakehashiError):
    """What is kept of the ledger is not whole, or not what was signed."""


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """`note`: as it is served, with the witnesses' lines, of which there are `witnesses`."""

    size: int
    root: bytes
    time: datetime
    note: str
    witnesses: int


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """`leaf`: as it stands in the tree. `text`: as the row gives it now; None if the row is archived or gone."""

    seq: int
    leaf: bytes
    text: bytes | None
    time: datetime


class Ledger:
    """Methods raise `StoreUnavailable` besides what they name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, *, witnessed: bool = False) -> StoredCheckpoint | None:
        """The newest checkpoint, or the newest that has a witness."""
        where = "WHERE EXISTS (SELECT FROM ledger_cosignatures AS w WHERE w.size = c.size)" if witnessed else ""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"{_CHECKPOINT} {where} ORDER BY c.size DESC LIMIT 1")
        return None if row is None else StoredCheckpoint(*row)

    async def covering(self, size: int) -> StoredCheckpoint | None:
        """The first checkpoint with at least `size` entries."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"{_CHECKPOINT} WHERE c.size >= $1 ORDER BY c.size LIMIT 1", size)
        return None if row is None else StoredCheckpoint(*row)

    async def keys(self) -> list[tuple[VerifyingKey, str | None]]:
        """The keys that signed, the first first, each with the note by which the one before vouches for it."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT key, voucher FROM ledger_keys ORDER BY number")
        return [(VerifyingKey.parse(row["key"]), row["voucher"]) for row in rows]

    async def witnesses(self, names: Sequence[str]) -> list[VerifyingKey]:
        """The keys of witnesses of these names that were ever let cosign, in order of their names."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT convert_from(body, 'UTF8')::jsonb ->> 'key' AS key FROM ledger_events"
                " WHERE subject = ANY($1) AND kind = 'ledger.witness-added' ORDER BY key",
                list(names),
            )
        return [VerifyingKey.parse(row["key"]) for row in rows]

    async def find(self, entry: UUID) -> int | None:
        """The number of a flow or an event; None if it has none (yet)."""
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval("SELECT seq FROM ledger_entries WHERE id = $1", entry)
        return found

    async def entries(self, first: int, end: int) -> list[StoredEntry]:
        """Those with numbers from `first` up to, not including, `end`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_ENTRIES, first, end, timeout=60.0)
        return [StoredEntry(*row) for row in rows]

    async def range_of(self, since: datetime | None, until: datetime | None) -> Span:
        """The shortest span that has all entries of a time (`until` not included); empty at 0 if there are none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                # + 0: not from an end of the numbers, which may be far from the time
                "SELECT min(seq + 0) AS first, max(seq + 0) AS last FROM ledger_entries"
                " WHERE ($1::timestamptz IS NULL OR time >= $1) AND ($2::timestamptz IS NULL OR time < $2)",
                since,
                until,
                timeout=60.0,
            )
        return (0, 0) if row["first"] is None else (row["first"], row["last"] + 1)

    async def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that entry `index` is in the tree of `size` entries."""
        async with self._database.connection() as connection:
            return await _proof(connection, inclusion_spans(index, size))

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `new` entries begins with that of `old`."""
        async with self._database.connection() as connection:
            return await _proof(connection, consistency_spans(old, new) if old else [])

    async def hashes(self, wanted: Iterable[Subtree]) -> dict[Subtree, bytes]:
        async with self._database.connection() as connection:
            return await subtree_hashes(connection, list(wanted))

    async def archived(self, month: date, file: str, digest: str, entries: int, size: int) -> None:
        """Note that a month's flows were written to a file (its name and SHA-256) under a checkpoint of `size`."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO ledger_archives (month, file, sha256, entries, size, written)"
                " VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT (month) DO UPDATE SET file = excluded.file,"
                " sha256 = excluded.sha256, entries = excluded.entries, size = excluded.size, written = now()",
                month.replace(day=1),
                file,
                digest,
                entries,
                size,
            )

    async def settled(self, flow: UUID) -> bool:
        """Whether there is such a flow that waits to be numbered, or an entry that waits to be signed for."""
        async with self._database.connection() as connection:
            txid, seq = await connection.fetchrow("SELECT flow_txid, flow_seq FROM ledger_state") or (0, 0)
            found: bool = await connection.fetchval(_SETTLED, flow, str(txid), seq)
        return found

    async def waiting(self) -> datetime | None:
        """The time of the oldest flow or event that is not in the ledger yet."""
        async with self._database.connection() as connection:
            return await oldest_waiting(connection)


async def _proof(connection: asyncpg.Connection, spans: Sequence[Span]) -> list[bytes]:
    wanted = [subtree for span in spans for subtree in subtrees(span)]
    return prove(spans, await subtree_hashes(connection, wanted))


async def subtree_hashes(connection: asyncpg.Connection, wanted: Sequence[Subtree]) -> dict[Subtree, bytes]:
    """By level and place. LedgerDamaged if one is not complete in what is kept."""
    found: dict[Subtree, bytes] = {}
    leaves = [subtree for subtree in wanted if subtree[0] < STEP]
    nodes = [subtree for subtree in wanted if subtree[0] >= STEP]
    for statement, asked in ((_LEAVES, leaves), (_NODES, nodes)):
        if not asked:
            continue
        steps = [level % STEP for level, _ in asked]
        arguments: list[list[int]] = [
            [place << step for (_, place), step in zip(asked, steps, strict=True)],
            [(place + 1) << step for (_, place), step in zip(asked, steps, strict=True)],
        ]
        if statement is _NODES:
            arguments.append([level - step for (level, _), step in zip(asked, steps, strict=True)])
        for n, hashes in await connection.fetch(statement, *arguments):
            level, place = asked[n - 1]
            if hashes is not None and len(hashes) == 32 << (level % STEP):
                found[level, place] = _fold(hashes)
    if len(found) < len(set(wanted)):
        raise LedgerDamaged(f"the subtrees {sorted(set(wanted) - found.keys())[:5]} are not whole")
    return found


def _fold(hashes: bytes) -> bytes:
    """The hash over a power of two of hashes."""
    frontier = Frontier()
    for at in range(0, len(hashes), 32):
        frontier.push(hashes[at : at + 32])
    return frontier.root()


async def frontier_of(connection: asyncpg.Connection, size: int) -> Frontier:
    """The tree of the first `size` entries, to be gone on with. LedgerDamaged."""
    wanted = list(subtrees((0, size)))
    hashes = await subtree_hashes(connection, wanted)
    return Frontier([(level, hashes[level, place]) for level, place in wanted])


async def root_of(connection: asyncpg.Connection, size: int) -> bytes:
    return (await frontier_of(connection, size)).root() if size else EMPTY


async def oldest_waiting(connection: asyncpg.Connection) -> datetime | None:
    """The arrival of the oldest flow (or the time of the oldest event) that is not in the ledger yet."""
    state = await connection.fetchrow("SELECT flow_txid, flow_seq, event_txid, event_seq FROM ledger_state")
    txid, seq, event_txid, event_seq = state or (0, 0, 0, 0)
    found: datetime | None = await connection.fetchval(_WAITING, str(txid), seq, str(event_txid), event_seq)
    return found


async def last_signed(connection: asyncpg.Connection) -> tuple[int, bytes] | None:
    """Size and root of the newest checkpoint."""
    row = await connection.fetchrow("SELECT size, root FROM ledger_checkpoints ORDER BY size DESC LIMIT 1")
    return None if row is None else (row["size"], row["root"])


async def is_signed(connection: asyncpg.Connection) -> bool:
    """Whether the newest checkpoint covers every entry."""
    found: bool = await connection.fetchval(
        "SELECT (SELECT size FROM ledger_state) IS NOT DISTINCT FROM (SELECT max(size) FROM ledger_checkpoints)"
    )
    return found


async def current_key(connection: asyncpg.Connection) -> str | None:
    """The key that checkpoints are signed with now."""
    found: str | None = await connection.fetchval("SELECT key FROM ledger_keys ORDER BY number DESC LIMIT 1")
    return found


def missing(entry: UUID) -> NotFound:
    return NotFound("There is no such flow in the ledger.", field="flow", value=str(entry))
