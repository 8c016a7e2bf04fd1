"""Bundles made by hand: what a gateway writes, and what somebody would who has other entries or another key."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from schemas.ledger import bundle
from schemas.ledger.checkpoint import Checkpoint
from schemas.ledger.container import DEFLATED, STORED, Member, directory, lines, read_members, unpack
from schemas.ledger.entry import EventEntry, FlowEntry, canonical, read_entry, written
from schemas.ledger.note import COSIGNATURE, SigningKey, to_base64
from schemas.ledger.tally import Tally
from schemas.ledger.tree import Frontier, Span, consistency_spans, fold, leaf_hash, subtrees

ORIGIN = "kakehashi-test/ledger"
KEY = SigningKey(ORIGIN, b"\1" * 32)
OTHER_KEY = SigningKey(ORIGIN, b"\2" * 32)
WITNESS = SigningKey("secretariat", b"\3" * 32, COSIGNATURE)
START = datetime(2026, 11, 1, tzinfo=UTC)
AREAS = ("otemachi", "takeshiba", "toyosu", "nishi-shinjuku")


def identity(number: int, salt: str = "") -> str:
    return str(UUID(bytes=sha256(f"{salt}{number}".encode()).digest()[:16]))


def flow(seq: int, **changes: object) -> FlowEntry:
    """Three flows a request, one request a minute."""
    fields: dict[str, object] = {
        "agreement": None, "agreement_version": None, "batch": seq % 7 == 0, "bytes": 1000 + seq, "cache_hit": False,
        "consumer_area": "toyosu", "consumer_organisation": "アプリ社", "consumer_project": None,
        "consumer_service": f"app-{seq % 5}", "cross_area": seq % 3 != 0, "entities": seq % 11, "form": 1,
        "id": identity(seq), "kind": "flow", "latency_us": 1500, "operation": "query", "outcome": "ok",
        "platform": f"p-{seq % 3}", "provider_area": AREAS[seq % 4], "provider_organisation": None,
        "replay_of": None, "request": identity(seq // 3, "request"), "seq": seq,
        "time": written(START + timedelta(minutes=seq // 3)), "types": ("urn:t:Shelter",),
    }  # fmt: skip
    return FlowEntry(**(fields | changes))  # type: ignore[arg-type]


def event(seq: int, kind: str, body: dict[str, object]) -> EventEntry:
    time = written(START + timedelta(minutes=seq // 3))
    return EventEntry("secretariat", body, kind, 1, identity(seq), "event", seq, "subject", time)


def ledger(size: int) -> list[bytes]:
    """The texts of a whole ledger, with an agreement and a correction in it."""
    texts = [canonical(flow(seq)) for seq in range(size)]
    if size > 300:
        correction = {
            "approved_by": "secretariat",
            "flow": identity(250),
            "reason": "counted twice by the platform",
            "replacement": {"batch": False, "bytes": 10, "entities": 1},
            "requested_by": "takeshiba",
        }
        texts[210] = canonical(event(210, "agreement.approved", {"協定": "x", "quota": 1.5}))
        texts[300] = canonical(event(300, "correction.approved", correction))
    return texts


@dataclass
class Forgery:
    """What a bundle is made of; `make` seals it. Whatever is not set is computed from the entries."""

    texts: Sequence[bytes]
    """Of the whole ledger."""
    first: int = 0
    end: int | None = None
    key: SigningKey = KEY
    witnesses: tuple[SigningKey, ...] = (WITNESS,)
    since: str | None = None
    until: str | None = None
    earlier: list[int] = field(default_factory=list)

    def checkpoint(self, size: int | None = None) -> str:
        """Of the first `size` entries, signed and cosigned."""
        size = len(self.texts) if size is None else size
        tree = _tree(self.texts[:size])
        text = Checkpoint(ORIGIN, size, tree.root()).text
        return f"{text}\n{self.key.sign(text)}" + "".join(str(w.sign(text, 1_790_000_000)) for w in self.witnesses)

    def files(self) -> dict[str, bytes]:
        """All but the manifest and its signature."""
        end = len(self.texts) if self.end is None else self.end
        leaves = [leaf_hash(text) for text in self.texts]
        tally = Tally(self.since, self.until)
        for text in self.texts[self.first : end]:
            tally.add(read_entry(text))
        blocks = [(8, n) for n in range(-(-self.first // 256), end // 256)]
        proof = bundle.Proof(
            [_b64(leaves, subtree) for subtree in blocks],
            [
                bundle.Earlier(
                    [_span(leaves, span) for span in consistency_spans(size, len(leaves))],
                    to_base64(_tree(self.texts[:size]).root()),
                    size,
                )
                for size in self.earlier
            ],
            [_b64(leaves, subtree) for subtree in subtrees((0, self.first))],
            [_b64(leaves, subtree) for subtree in subtrees((end, len(leaves)))],
        )
        keys = bundle.Keys(
            [bundle.Signer(str(self.key.verifying), None)], [str(witness.verifying) for witness in self.witnesses]
        )
        files = {}
        for at, name in enumerate(bundle.entry_names(end - self.first)):
            begin = self.first + at * bundle.PART
            files[name] = b"".join(text + b"\n" for text in self.texts[begin : min(begin + bundle.PART, end)])
        return files | {
            bundle.PROOF: bundle.to_text(proof),
            bundle.CHECKPOINT: self.checkpoint().encode(),
            bundle.KEYS: bundle.to_text(keys),
            bundle.REPORT: bundle.to_text(tally.report()),
        }

    def manifest(self, files: dict[str, bytes]) -> bundle.Manifest:
        end = len(self.texts) if self.end is None else self.end
        packed = [bundle.Packed(name, sha256(pack(name, content)).hexdigest()) for name, content in files.items()]
        return bundle.Manifest(1, end, packed, self.since, self.first, ORIGIN, len(self.texts), self.until)

    def make(self) -> bytes:
        files = self.files()
        return seal(files, bundle.to_text(self.manifest(files)), self.key)


def seal(files: dict[str, bytes], manifest: bytes, key: SigningKey, signature: bytes | None = None) -> bytes:
    """The ZIP file. `signature`: one that there was, where the key is not at hand."""
    text = bundle.statement(ORIGIN, manifest)
    signed = f"{text}\n{key.sign(text)}".encode() if signature is None else signature
    out, members = io.BytesIO(), []
    for name, content in {**files, bundle.MANIFEST: manifest, bundle.STATEMENT: signed}.items():
        packed = pack(name, content)
        method = DEFLATED if name.startswith("entries/") else STORED
        member = Member(name, method, zlib.crc32(content), len(packed), len(content), out.tell())
        out.write(member.header + packed)
        members.append(member)
    out.write(directory(members))
    return out.getvalue()


def resealed(made: bytes, changed: dict[str, bytes]) -> bytes:
    """With other files and a manifest that lists them, but the signature that was there: all that one without the key
    can do."""
    files = contents(made)
    signature, manifest = files.pop(bundle.STATEMENT), files.pop(bundle.MANIFEST)
    told = bundle.from_text(changed.pop(bundle.MANIFEST, manifest), bundle.Manifest)
    files |= changed
    packed = [bundle.Packed(name, sha256(pack(name, content)).hexdigest()) for name, content in files.items()]
    fields = (told.end, packed, told.since, told.first, told.origin, told.size, told.until)
    return seal(files, bundle.to_text(bundle.Manifest(1, *fields)), KEY, signature)


def contents(made: bytes) -> dict[str, bytes]:
    view = memoryview(made)
    return {member.name: b"".join(unpack(view, member)) for member in read_members(view)}


def entries_of(made: bytes) -> list[bytes]:
    view = memoryview(made)
    members = [member for member in read_members(view) if member.name.startswith("entries/")]
    return [line for member in members for line in lines(unpack(view, member), 1 << 20)]


def pack(name: str, content: bytes) -> bytes:
    if not name.startswith("entries/"):
        return content
    deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
    return deflate.compress(content) + deflate.flush()


def _tree(texts: Iterable[bytes]) -> Frontier:
    tree = Frontier()
    for text in texts:
        tree.push(leaf_hash(text))
    return tree


def _b64(leaves: Sequence[bytes], subtree: tuple[int, int]) -> str:
    level, place = subtree
    tree = Frontier()
    for leaf in leaves[place << level : (place + 1) << level]:
        tree.push(leaf)
    return to_base64(tree.root())


def _span(leaves: Sequence[bytes], span: Span) -> str:
    from_base64 = __import__("base64").b64decode
    return to_base64(fold([from_base64(_b64(leaves, subtree)) for subtree in subtrees(span)]))
