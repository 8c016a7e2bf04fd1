"""Writing a bundle: the entries of some days, with all that an auditor needs to check them without us."""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from broker.metering.ledger.signing import key_in_force
from broker.store.ledger import Ledger, LedgerDamaged
from schemas.errors import BadRequestData
from schemas.ledger import bundle
from schemas.ledger.checkpoint import SignedCheckpoint, read_checkpoint
from schemas.ledger.container import DEFLATED, LARGEST, STORED, Member, directory
from schemas.ledger.entry import Entry, read_entry, written
from schemas.ledger.note import to_base64
from schemas.ledger.tally import Tally
from schemas.ledger.tree import Span, leaf_hash, subtrees

_PAGE = 5000
_LEVEL = 4


class Appendix(Protocol):
    """What a bundle is evidence of, beside the ledger's own figures."""

    def take(self, entry: Entry) -> bool:
        """Every entry, in order; False for one of which the bundle has only the hash."""

    def files(self) -> list[tuple[str, bytes]]:
        """Names and contents, asked for after the last entry, in a thread."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: entries `first` to `end`, under a checkpoint of `size`, cosigned by `witnesses`."""

    first: int
    end: int
    size: int
    witnesses: int
    fingerprint: str


class _Writer:
    """Members one after another; a packed one gets its header when its length is known."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.members: list[Member] = []
        self.packed: list[bundle.Packed] = []

    def stored(self, name: str, content: bytes) -> None:
        member = Member(name, STORED, zlib.crc32(content), len(content), len(content), self._out.tell())
        self._out.write(member.header + content)
        self._keep(member, sha256(content).hexdigest())

    async def deflated(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """BadRequestData if it gets too large."""
        offset = self._out.tell()
        self._out.write(Member(name, DEFLATED, 0, 0, 0, offset).header)
        deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
        crc = size = packed = 0
        digest = sha256()

        def write(out: bytes) -> None:
            nonlocal packed
            packed += len(out)
            digest.update(out)
            self._out.write(out)

        async for piece in pieces:
            crc = zlib.crc32(piece, crc)
            size += len(piece)
            write(deflate.compress(piece))
        write(deflate.flush())
        end = self._out.tell()
        if max(end, size) > LARGEST:
            raise BadRequestData("That is too much for one bundle (4 GiB); take fewer days.", field="--from")
        member = Member(name, DEFLATED, crc, packed, size, offset)
        self._out.seek(offset)
        self._out.write(member.header)
        self._out.seek(end)
        self._keep(member, digest.hexdigest())

    def _keep(self, member: Member, digest: str) -> None:
        self.members.append(member)
        self.packed.append(bundle.Packed(member.name, digest))


async def export(
    ledger: Ledger,
    seeds: Sequence[bytes],
    target: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    earlier: Sequence[str] = (),
    span: Span | None = None,
    appendix: Appendix | None = None,
    page: int = _PAGE,
) -> Exported:
    """Write the entries of a time (`until` not included) to `target`, whole or not at all.

    `earlier`: checkpoints that the bundle shall prove to be its ledger's. `span`: just these entries, as far as they
    are signed for. `appendix`: what else is in it. `page`: entries between which others get their turn. Raises
    LedgerDamaged if an entry is not what was signed, BadRequestData, SettingsError, NotFound, StoreUnavailable.
    """
    latest = await ledger.latest()
    if latest is None:
        raise LedgerDamaged("nothing was ever signed in this ledger")
    first, end = await ledger.range_of(since, until) if since or until else (0, latest.size)
    if since is None:
        first = 0
    if until is None:
        end = latest.size
    if span is not None:
        first, end = min(span[0], latest.size), min(span[1], latest.size)
    witnessed = await ledger.latest(witnessed=True)
    chosen = witnessed if witnessed is not None and witnessed.size >= end else latest
    signed = read_checkpoint(chosen.note)
    keys = await ledger.keys()
    signer = key_in_force(signed.checkpoint.origin, seeds, str(keys[-1][0]))
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with draft.open("xb") as out:
            writer = _Writer(out)
            reading = _Reading(ledger, first, end, Tally(_written(since), _written(until)), appendix, page)
            for name in bundle.entry_names(end - first):
                await writer.deflated(name, reading.part())
            proof = await _proof(ledger, first, end, signed, earlier)
            writer.stored(bundle.PROOF, bundle.to_text(proof))
            writer.stored(bundle.CHECKPOINT, chosen.note.encode())
            writer.stored(bundle.KEYS, bundle.to_text(await _keys(ledger, signed)))
            # seconds for some million entries, and others are served meanwhile
            writer.stored(bundle.REPORT, bundle.to_text(await asyncio.to_thread(reading.tally.report)))
            if appendix is not None:
                for name, content in await asyncio.to_thread(appendix.files):
                    writer.stored(name, content)
            manifest = bundle.to_text(
                bundle.Manifest(
                    1, end, list(writer.packed), _written(since), first, signed.checkpoint.origin,
                    signed.checkpoint.size, _written(until),
                )
            )  # fmt: skip
            writer.stored(bundle.MANIFEST, manifest)
            text = bundle.statement(signed.checkpoint.origin, manifest)
            writer.stored(bundle.STATEMENT, f"{text}\n{signer.sign(text)}".encode())
            out.write(directory(writer.members))
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    except OSError as error:
        raise BadRequestData(
            f"the bundle can't be written: {error.strerror}", field="BUNDLE", value=str(target)
        ) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return Exported(first, end, signed.checkpoint.size, chosen.witnesses, signer.verifying.fingerprint)


class _Reading:
    """The entries in order, each looked at, in parts of a bundle."""

    def __init__(
        self, ledger: Ledger, first: int, end: int, tally: Tally, appendix: Appendix | None, page: int
    ) -> None:
        self.tally = tally
        self._appendix = appendix
        self._page = page
        self._ledger = ledger
        self._next = first
        self._end = end

    async def part(self) -> AsyncIterator[bytes]:
        stop = min(self._next + bundle.PART, self._end)
        while self._next < stop:
            page = await self._ledger.entries(self._next, min(self._next + self._page, stop))
            texts = []
            for stored in page:
                text = stored.text
                if stored.seq != self._next or text is None or leaf_hash(text) != stored.leaf:
                    raise LedgerDamaged(f"entry {self._next} is gone, or is not what was recorded")
                texts.append(self._line(text, stored.leaf) + b"\n")
                self._next += 1
            if not texts:
                raise LedgerDamaged(f"entry {self._next} is gone")
            yield b"".join(texts)

    def _line(self, text: bytes, leaf: bytes) -> bytes:
        entry = read_entry(text)
        if self._appendix is not None and not self._appendix.take(entry):
            return bundle.masked(leaf)
        self.tally.add(entry)
        return text


async def _proof(
    ledger: Ledger, first: int, end: int, signed: SignedCheckpoint, earlier: Sequence[str]
) -> bundle.Proof:
    size = signed.checkpoint.size
    left, right = list(subtrees((0, first))), list(subtrees((end, size)))
    blocks = [(8, place) for place in range(-(-first // bundle.BLOCK), end // bundle.BLOCK)]
    hashes: dict[tuple[int, int], bytes] = {}
    for at in range(0, len(blocks), _PAGE):
        hashes |= await ledger.hashes(blocks[at : at + _PAGE])
    hashes |= await ledger.hashes([*left, *right])
    return bundle.Proof(
        [to_base64(hashes[subtree]) for subtree in blocks],
        [await _earlier(ledger, read_checkpoint(text), signed) for text in earlier],
        [to_base64(hashes[subtree]) for subtree in left],
        [to_base64(hashes[subtree]) for subtree in right],
    )


async def _earlier(ledger: Ledger, before: SignedCheckpoint, signed: SignedCheckpoint) -> bundle.Earlier:
    old, new = before.checkpoint, signed.checkpoint
    if old.origin != new.origin or not 0 < old.size <= new.size:
        raise BadRequestData("That checkpoint is not of this ledger.", field="--since", value=old.text)
    proof = await ledger.consistency(old.size, new.size)
    return bundle.Earlier([to_base64(digest) for digest in proof], to_base64(old.root), old.size)


async def _keys(ledger: Ledger, signed: SignedCheckpoint) -> bundle.Keys:
    """The signers, and those witnesses that have cosigned."""
    signers = [bundle.Signer(str(key), voucher) for key, voucher in await ledger.keys()]
    names = [signature.name for signature in signed.note.signatures[1:]]
    witnesses = signed.witnesses(await ledger.witnesses(names))
    return bundle.Keys(signers, [str(key) for key, _ in witnesses])


def _written(time: datetime | None) -> str | None:
    return None if time is None else written(time)


def summary(exported: Exported) -> dict[str, Any]:
    """For --json."""
    return {
        "first": exported.first,
        "end": exported.end,
        "size": exported.size,
        "witnesses": exported.witnesses,
        "fingerprint": exported.fingerprint,
    }
