"""What a bundle consists of: entries, the hashes around them, checkpoint, keys, report, and a signed list of it all."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal, TypeVar

import msgspec

from schemas.ledger.entry import canonical_json
from schemas.ledger.note import from_base64, to_base64

PROOF = "proof.json"
CHECKPOINT = "checkpoint.txt"
KEYS = "keys.json"
REPORT = "report.json"
MANIFEST = "manifest.json"
STATEMENT = "manifest.sig"
KPI = ("kpi.json", "kpi-report.json")
"""In evidence of a KPI report: what it names beside entries (schemas/kpi/basis.py), and the report."""
PART = 250_000
"""Entries in one file."""
BLOCK = 256
"""Entries whose subtree stands in the proof, so that what was changed is found there and not just somewhere."""
_HEAD = "kakehashi.ledger/bundle v1"
T = TypeVar("T", bound=msgspec.Struct)


class Packed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file of the bundle: SHA-256 of its bytes as they lie there."""

    name: str
    sha256: str


class Manifest(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"since": "from", "until": "to"}):
    """`first` to `end` (not included): the entries that are here, of `size`. `since`, `until`: times that the report
    is about, as entries write them; null: from the beginning, to the end."""

    bundle: Literal[1]
    end: int
    files: list[Packed]
    since: str | None
    first: int
    origin: str
    size: int
    until: str | None


class Earlier(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """That the ledger of `size` entries with this root is the beginning of the one that is signed here."""

    proof: list[str]
    root: str
    size: int


class Proof(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Hashes of the subtrees before `first` and from `end` on, and of the whole blocks in between."""

    blocks: list[str]
    earlier: list[Earlier]
    left: list[str]
    right: list[str]


class Signer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    key: str
    voucher: str | None


class Keys(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Those that signed, the first first, and those of the witnesses."""

    signers: list[Signer]
    witnesses: list[str]


def entry_names(count: int) -> list[str]:
    """The files that so many entries take."""
    return [f"entries/{number:06}.ndjson" for number in range(max(1, -(-count // PART)))]


def masked(leaf: bytes) -> bytes:
    """The line of an entry of which only the hash is told: a JSON string, where entries are objects."""
    return b'"' + to_base64(leaf).encode() + b'"'


def masked_leaf(line: bytes) -> bytes | None:
    """The hash in such a line; None if it is none."""
    if not (line.startswith(b'"') and line.endswith(b'"')):
        return None
    leaf = from_base64(line[1:-1].decode("ascii", "replace"))
    return leaf if leaf is not None and len(leaf) == 32 else None


def statement(origin: str, manifest: bytes) -> str:
    """What the ledger's key signs of a bundle."""
    return f"{_HEAD}\n{origin}\n{to_base64(sha256(manifest).digest())}\n"


def to_text(value: msgspec.Struct | dict[str, Any]) -> bytes:
    """Canonical JSON."""
    built: dict[str, Any] = msgspec.to_builtins(value)
    return canonical_json(built)


def from_text(text: bytes, kind: type[T]) -> T:
    """ValueError for anything but the canonical text of such a value."""
    try:
        value = msgspec.json.decode(text, type=kind)
        if to_text(value) != text:
            raise ValueError("it is not written in canonical JSON (RFC 8785)")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    return value
