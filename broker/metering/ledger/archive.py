"""Archives: the flows of a month as Parquet, with what proves that they are those of the ledger.

A row has the fields of an entry, from which its text and so its hash is made again, and the hash. Entries of other
months and events in between are there as a number and a hash only, so that the root comes out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from broker.metering.ledger.signing import key_in_force
from broker.store.ledger import Ledger, LedgerDamaged
from schemas.errors import BadRequestData
from schemas.ledger import bundle
from schemas.ledger.checkpoint import read_checkpoint
from schemas.ledger.entry import FlowEntry, canonical, read_entry, written
from schemas.ledger.note import COSIGNATURE, VerifyingKey, from_base64, read_note, to_base64
from schemas.ledger.rotation import follow
from schemas.ledger.tree import Frontier, leaf_hash, subtrees
from schemas.ledger.verdict import Fault, Verdict

_PAGE = 5000
_META = b"kakehashi"
_STATEMENT = b"kakehashi.statement"
_FLAGS = {"batch", "cache_hit", "cross_area"}
_NUMBERS = {"agreement_version", "bytes", "entities", "latency_us", "seq"}
_FIELDS = tuple(name for name in FlowEntry.__struct_fields__ if name not in ("form", "kind"))
_SCHEMA = pa.schema(
    [
        pa.field(
            name,
            pa.bool_()
            if name in _FLAGS
            else pa.int64()
            if name in _NUMBERS
            else pa.list_(pa.string())
            if name == "types"
            else pa.string(),
        )
        for name in _FIELDS
    ]
    + [pa.field("leaf", pa.binary(32))]
)


class Told(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the file says of itself, in its metadata."""

    archive: int
    checkpoint: str
    end: int
    first: int
    flows: int
    left: list[str]
    month: str
    right: list[str]
    signers: list[bundle.Signer]
    size: int


@dataclass(frozen=True, slots=True)
class Archived:
    """What was written."""

    month: str
    flows: int
    first: int
    end: int
    sha256: str


def months(month: date) -> tuple[datetime, datetime]:
    """From when to when a partition goes, in UTC."""
    first = datetime(month.year, month.month, 1, tzinfo=UTC)
    return first, datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


async def archive(ledger: Ledger, seeds: Sequence[bytes], month: date, folder: Path) -> tuple[Path, Archived]:
    """Write the flows of a month (UTC, as the partitions are), whole or not at all, and note that in the database.

    Raises BadRequestData if there are none or the file is there, LedgerDamaged, StoreUnavailable.
    """
    since, until = months(month)
    first, end = await ledger.range_of(since, until)
    latest = await ledger.latest()
    if latest is None or first == end:
        raise BadRequestData("The ledger has no flows of that month.", field="--month", value=f"{month:%Y-%m}")
    target = folder / f"flows-{month:%Y-%m}.parquet"
    draft = folder / f".{target.name}.{os.getpid()}"
    try:
        _make_room(target)
        flows = await _count(ledger, first, end, written(since), written(until))
        told = await _told(ledger, first, end, flows, f"{month:%Y-%m}")
        schema = _SCHEMA.with_metadata(_metadata(told, seeds))
        with pq.ParquetWriter(draft, schema, compression="zstd") as out:
            for at in range(first, end, _PAGE):
                rows = await _rows(ledger, at, min(at + _PAGE, end), written(since), written(until))
                out.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA).replace_schema_metadata(schema.metadata))
        digest = sha256(draft.read_bytes()).hexdigest()
        draft.replace(target)
    except OSError as error:
        raise BadRequestData(f"it can't be written: {error.strerror}", field="FOLDER", value=str(folder)) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    await ledger.archived(month, target.name, digest, flows, told.size)
    return target, Archived(told.month, flows, first, end, digest)


def _make_room(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise BadRequestData("There is such a file already.", field="FOLDER", value=str(target))


def check(data: memoryview, *, trust: Sequence[VerifyingKey] = ()) -> Verdict:
    """Whether an archive holds: every row has the hash that it states, and all hashes come to the signed root."""
    verdict = Verdict()
    try:
        _check(data, trust, verdict)
    except (pa.ArrowException, ValueError, BadRequestData, KeyError, TypeError, msgspec.MsgspecError) as error:
        verdict.faults.append(Fault("the file", str(error) or type(error).__name__))
    return verdict


def _check(data: memoryview, trust: Sequence[VerifyingKey], verdict: Verdict) -> None:
    faults = verdict.faults
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)))
    told = bundle.from_text(file.schema_arrow.metadata[_META], Told)
    if not file.schema_arrow.equals(_SCHEMA) or told.archive != 1:
        raise ValueError("this is no archive of a ledger")
    signers = [(VerifyingKey.parse(signer.key), signer.voucher) for signer in told.signers]
    current = follow(signers)
    signed = read_checkpoint(told.checkpoint)
    note = read_note(file.schema_arrow.metadata[_STATEMENT].decode())
    if note.text != bundle.statement(signed.checkpoint.origin, bundle.to_text(told)) or not note.signed_by(current):
        faults.append(Fault("metadata", "the ledger's key has not signed it"))
    own = [key for key, _ in signers]
    trusted = [key for key in trust if key.algorithm != COSIGNATURE]
    if trusted and not any(key in own for key in trusted):
        faults.append(Fault("keys", f"signed by {current}, which is not the key that you trust"))
    if not signed.note.signed_by(current) or signed.checkpoint.size != told.size:
        faults.append(Fault("checkpoint", "the ledger's key has not signed it"))
    known = [key for key in trust if key.algorithm == COSIGNATURE]
    witnesses = signed.witnesses(known)
    faults.extend(
        Fault("checkpoint", f"the witness {key.name} has not cosigned it")
        for key in known
        if key not in [witness for witness, _ in witnesses]
    )
    tree = Frontier()
    _push(tree, told.left, (0, told.first))
    flows = 0
    for batch in file.iter_batches(batch_size=_PAGE):
        for row in batch.to_pylist():
            digest = row.pop("leaf")
            if row["seq"] != tree.size or digest is None:
                raise ValueError(f"entry {tree.size} is missing, or has no hash")
            if row["id"] is not None:
                flows += 1
                entry = msgspec.convert({**row, "form": 1, "kind": "flow"}, FlowEntry)
                if leaf_hash(canonical(entry)) != digest or not entry.time.startswith(told.month):
                    faults.append(Fault(f"entry {row['seq']}", "it is not what was recorded"))
            tree.push(digest)
    if (tree.size, flows) != (told.end, told.flows):
        faults.append(Fault("the file", f"{flows} flows up to entry {tree.size}, and it says {told.flows}, {told.end}"))
    _push(tree, told.right, (told.end, told.size))
    if tree.root() != signed.checkpoint.root:
        faults.append(Fault("checkpoint", "the entries do not come to the root that was signed"))
    verdict.facts |= {
        "origin": signed.checkpoint.origin,
        "month": told.month,
        "flows": flows,
        "first": told.first,
        "end": told.end,
        "size": told.size,
        "key": str(current),
        "fingerprint": current.fingerprint,
        "trusted": any(key in own for key in trusted),
        "witnesses": [{"key": str(key), "time": time} for key, time in witnesses],
    }


def _metadata(told: Told, seeds: Sequence[bytes]) -> dict[bytes, bytes]:
    """What is told, signed: how many flows there are can't be seen from the tree, where some rows are hashes only."""
    text = bundle.to_text(told)
    origin = read_checkpoint(told.checkpoint).checkpoint.origin
    statement = bundle.statement(origin, text)
    signature = key_in_force(origin, seeds, told.signers[-1].key).sign(statement)
    return {_META: text, _STATEMENT: f"{statement}\n{signature}".encode()}


def _push(tree: Frontier, hashes: Sequence[str], span: tuple[int, int]) -> None:
    for text, (level, _) in zip(hashes, subtrees(span), strict=True):
        tree.push(from_base64(text) or b"", level)


async def _rows(ledger: Ledger, first: int, end: int, since: str, until: str) -> list[dict[str, Any]]:
    rows = []
    for stored in await ledger.entries(first, end):
        if stored.text is not None and leaf_hash(stored.text) != stored.leaf:
            raise LedgerDamaged(f"entry {stored.seq} is not what was recorded")
        entry = None if stored.text is None else read_entry(stored.text)
        if isinstance(entry, FlowEntry) and since <= entry.time < until:
            row: dict[str, Any] = {name: getattr(entry, name) for name in _FIELDS}
            row["types"] = list(entry.types)
        elif stored.text is None and since <= written(stored.time) < until:
            raise LedgerDamaged(f"entry {stored.seq} is gone")
        else:
            row = dict.fromkeys(_FIELDS)
        rows.append({**row, "seq": stored.seq, "leaf": stored.leaf})
    if [row["seq"] for row in rows] != list(range(first, end)):
        raise LedgerDamaged(f"of the entries {first} to {end} some are gone")
    return rows


async def _count(ledger: Ledger, first: int, end: int, since: str, until: str) -> int:
    flows = 0
    for at in range(first, end, _PAGE):
        rows = await _rows(ledger, at, min(at + _PAGE, end), since, until)
        flows += sum(row["id"] is not None for row in rows)
    return flows


async def _told(ledger: Ledger, first: int, end: int, flows: int, month: str) -> Told:
    latest = await ledger.latest(witnessed=True)
    if latest is None or latest.size < end:
        latest = await ledger.latest()
    if latest is None or latest.size < end:
        raise LedgerDamaged("its entries are not signed yet")
    left, right = list(subtrees((0, first))), list(subtrees((end, latest.size)))
    hashes = await ledger.hashes([*left, *right])
    return Told(
        1,
        latest.note,
        end,
        first,
        flows,
        [to_base64(hashes[subtree]) for subtree in left],
        month,
        [to_base64(hashes[subtree]) for subtree in right],
        [bundle.Signer(str(key), voucher) for key, voucher in await ledger.keys()],
        latest.size,
    )
