"""`verify`: whether a bundle holds, and if not, what is wrong and where. Needs nothing but the bundle.

Without a trusted key it shows that the bundle agrees with itself and with the key that it brings along; whoever made
it could have made another one. With the key that the reader was told by other ways it shows that the ledger said so;
with an earlier checkpoint, that what was said before still stands; with a witness, that others were told the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from schemas.errors import BadRequestData
from schemas.kpi.basis import Basis
from schemas.kpi.evidence import Evidence
from schemas.ledger.blocks import Blocks
from schemas.ledger.bundle import (
    BLOCK,
    CHECKPOINT,
    KEYS,
    KPI,
    MANIFEST,
    PART,
    PROOF,
    REPORT,
    STATEMENT,
    Earlier,
    Keys,
    Manifest,
    Proof,
    entry_names,
    masked_leaf,
    statement,
    to_text,
)
from schemas.ledger.checkpoint import SignedCheckpoint, read_checkpoint
from schemas.ledger.container import BadContainer
from schemas.ledger.contents import Contents, Stop
from schemas.ledger.entry import read_entry
from schemas.ledger.note import COSIGNATURE, VerifyingKey, from_base64, read_note, to_base64
from schemas.ledger.rotation import follow
from schemas.ledger.tally import Tally
from schemas.ledger.tree import Frontier, consistent, leaf_hash, subtrees
from schemas.ledger.verdict import Fault, Verdict, differences

_MOST_FAULTS = 50


def verify(data: memoryview, *, trust: Sequence[VerifyingKey] = (), since: str | None = None) -> Verdict:
    """`data`: the whole file. `trust`: keys of the ledger or of witnesses. `since`: an earlier checkpoint's text."""
    check = _Check(data)
    try:
        check.run(list(trust), since)
    except BadContainer as error:
        check.fault(error.where, error.what)
    return check.verdict


class _Check:
    def __init__(self, data: memoryview) -> None:
        self.verdict = Verdict()
        self._contents = Contents(data)

    def fault(self, where: str, what: str) -> None:
        if len(self.verdict.faults) < _MOST_FAULTS:
            self.verdict.faults.append(Fault(where, what))

    def run(self, trust: list[VerifyingKey], since: str | None) -> None:
        self._contents.open()
        manifest = self._contents.struct(MANIFEST, Manifest)
        self._files(manifest)
        keys, signer = self._keys(trust)
        checkpoint = self._checkpoint(manifest, keys, signer, trust)
        self._statement(manifest, signer)
        proof = self._contents.struct(PROOF, Proof)
        earlier = self._since(manifest, checkpoint, keys, since)
        self._entries(manifest, proof, checkpoint, earlier)
        self._earlier(proof, checkpoint, earlier)

    # --- the small files -------------------------------------------------------------------------------------------

    def _files(self, manifest: Manifest) -> None:
        if not 0 <= manifest.first <= manifest.end <= manifest.size:
            raise Stop(MANIFEST, "its numbers make no sense")
        if manifest.end - manifest.first > PART * len(self._contents.names):
            raise Stop(MANIFEST, "it tells of more entries than so many files can have")
        more = KPI if KPI[0] in self._contents.names else ()
        expected = [*entry_names(manifest.end - manifest.first), PROOF, CHECKPOINT, KEYS, REPORT, *more]
        if self._contents.names != [*expected, MANIFEST, STATEMENT]:
            raise Stop(MANIFEST, "there are files too many or too few, or in another order")
        if [packed.name for packed in manifest.files] != expected:
            raise Stop(MANIFEST, "it lists other files than there are")
        for packed in manifest.files:
            if self._contents.digest(packed.name) != packed.sha256:
                self.fault(packed.name, "its hash is not the one in the manifest")
        self.verdict.facts |= {
            "origin": manifest.origin,
            "from": manifest.since,
            "to": manifest.until,
            "first": manifest.first,
            "end": manifest.end,
            "size": manifest.size,
        }

    def _keys(self, trust: list[VerifyingKey]) -> tuple[list[VerifyingKey], VerifyingKey]:
        told: Keys = self._contents.struct(KEYS, Keys)
        try:
            signers = [(VerifyingKey.parse(signer.key), signer.voucher) for signer in told.signers]
            current = follow(signers)
            witnesses = [VerifyingKey.parse(key) for key in told.witnesses]
        except BadRequestData as error:
            raise Stop(KEYS, error.detail) from None
        if any(key.algorithm != COSIGNATURE for key in witnesses) or any(
            key.algorithm == COSIGNATURE for key, _ in signers
        ):
            raise Stop(KEYS, "a key of the wrong kind")
        if len(set(witnesses)) < len(witnesses):
            raise Stop(KEYS, "a witness is there twice")
        own = [key for key, _ in signers]
        trusted = [key for key in trust if key.algorithm != COSIGNATURE]
        if trusted and not any(key in own for key in trusted):
            self.fault(KEYS, f"signed by {current} ({current.fingerprint}), which is not the key that you trust")
        self.verdict.facts |= {
            "key": str(current),
            "fingerprint": current.fingerprint,
            "trusted": any(key in own for key in trusted),
        }
        return [*own, *witnesses], current

    def _checkpoint(
        self, manifest: Manifest, keys: list[VerifyingKey], signer: VerifyingKey, trust: list[VerifyingKey]
    ) -> SignedCheckpoint:
        try:
            signed = read_checkpoint(self._contents.note(CHECKPOINT))
        except BadRequestData as error:
            raise Stop(CHECKPOINT, error.detail) from None
        checkpoint, note = signed.checkpoint, signed.note
        if (checkpoint.origin, checkpoint.size) != (manifest.origin, manifest.size):
            self.fault(CHECKPOINT, "it is of another ledger or another size than the manifest says")
        known = [key for key in keys if key.name == checkpoint.origin or key.algorithm == COSIGNATURE]
        if not note.signatures[0].by(signer) or not signer.verifies(note.text, note.signatures[0].blob):
            self.fault(CHECKPOINT, "the ledger's key has not signed it")
        names = [(signature.name, signature.key_id) for signature in note.signatures]
        for number, signature in enumerate(note.signatures[1:], 1):
            key = next((key for key in known if signature.by(key) and key.algorithm == COSIGNATURE), None)
            if key is None or not key.verifies(note.text, signature.blob) or names[number] in names[:number]:
                self.fault(CHECKPOINT, f"a signature that is not good: {signature.name}")
        witnesses = signed.witnesses(known)
        for key in trust:
            if key.algorithm == COSIGNATURE and key not in [witness for witness, _ in witnesses]:
                self.fault(CHECKPOINT, f"the witness {key.name} has not cosigned it")
        self.verdict.facts |= {
            "root": checkpoint.root.hex(),
            "witnesses": [{"key": str(key), "time": time} for key, time in witnesses],
        }
        return signed

    def _statement(self, manifest: Manifest, signer: VerifyingKey) -> None:
        try:
            note = read_note(self._contents.note(STATEMENT))
        except BadRequestData as error:
            raise Stop(STATEMENT, error.detail) from None
        if note.text != statement(manifest.origin, self._contents.bytes_of(MANIFEST)):
            self.fault(MANIFEST, "it is not the one that was signed")
        if len(note.signatures) != 1 or not note.signed_by(signer):
            self.fault(STATEMENT, "the ledger's key has not signed it")

    # --- the entries -----------------------------------------------------------------------------------------------

    def _entries(
        self, manifest: Manifest, proof: Proof, signed: SignedCheckpoint, earlier: SignedCheckpoint | None
    ) -> None:
        tree = self._tree(proof.left, (0, manifest.first))
        if manifest.first != tree.size:
            raise Stop(PROOF, "the hashes before the first entry are not as many as they have to be")
        tree.grown.clear()
        blocks = Blocks(manifest.first, proof.blocks)
        tally = Tally(manifest.since, manifest.until)
        evidence = self._evidence()
        masked = 0
        expected = manifest.first
        mark = earlier.checkpoint.size if earlier is not None else -1
        for name, number, line in self._contents.entries(manifest):
            where = f"{name}, line {number} (entry {expected})"
            leaf = masked_leaf(line) if evidence is not None and evidence.basis.masked else None
            if leaf is None:
                try:
                    entry = read_entry(line)
                    tally.add(entry)
                    if evidence is not None:
                        evidence.take(entry)
                except ValueError as error:
                    raise Stop(where, str(error)) from None
                if entry.seq != expected:
                    raise Stop(where, f"its number is {entry.seq}, where {expected} has to be")
            masked += leaf is not None
            if expected == mark:
                self._stands(tree, earlier)
            tree.push(leaf or leaf_hash(line))
            if tree.grown:
                if not all(blocks.fits(subtree, block) for subtree, block in tree.grown):
                    self.fault(f"entries {expected + 1 - BLOCK} to {expected}", "one of them is not as it was recorded")
                tree.grown.clear()
            expected += 1
        if expected != manifest.end:
            raise Stop(name, f"it ends before entry {expected}, where {manifest.end} entries have to be")
        if blocks.left_over:
            self.fault(PROOF, "there are more blocks than entries")
        if expected == mark:
            self._stands(tree, earlier)
        self._right(tree, manifest, proof, signed)
        doubled = tally.doubled()
        if doubled is not None:
            self.fault("entries", f"the id {doubled} is there twice")
        self._report(tally)
        if evidence is not None:
            self._kpi_report(evidence, proof, signed, masked)

    def _evidence(self) -> Evidence | None:
        if KPI[0] not in self._contents.names:
            return None
        try:
            return Evidence(self._contents.struct(KPI[0], Basis))
        except BadRequestData as error:
            raise Stop(KPI[0], f"{error.field}: {error.detail}") from None

    def _kpi_report(self, evidence: Evidence, proof: Proof, signed: SignedCheckpoint, masked: int) -> None:
        """Its figures are those that the entries come to."""
        now = signed.checkpoint
        stood = {(one.size, one.root) for one in proof.earlier if _holds(one, now.size, now.root)}
        stood.add((now.size, to_base64(now.root)))
        basis = evidence.basis
        self.verdict.facts["kpi"] = {
            "project": evidence.project.id,
            "year": basis.year,
            "kind": basis.kind,
            "filing": basis.filing,
            "masked": masked,
        }
        for fault in evidence.faults(self._contents.bytes_of(KPI[1]), lambda size, root: (size, root) in stood):
            self.fault(fault.where, fault.what)

    def _tree(self, hashes: list[str], span: tuple[int, int]) -> Frontier:
        tree = Frontier()
        self._push(tree, hashes, span)
        return tree

    def _push(self, tree: Frontier, hashes: list[str], span: tuple[int, int]) -> None:
        wanted = list(subtrees(span))
        digests = [from_base64(text) or b"" for text in hashes]
        if len(wanted) != len(digests) or any(len(digest) != 32 for digest in digests):
            raise Stop(PROOF, f"the hashes of entries {span[0]} to {span[1]} are not as many as they have to be")
        for (level, _), digest in zip(wanted, digests, strict=True):
            tree.push(digest, level)

    def _right(self, tree: Frontier, manifest: Manifest, proof: Proof, signed: SignedCheckpoint) -> None:
        self._push(tree, proof.right, (manifest.end, manifest.size))
        if tree.root() != signed.checkpoint.root:
            self.fault(
                CHECKPOINT,
                f"the root of entries {manifest.first} to {manifest.end} and of the hashes around them is "
                f"{tree.root().hex()}, and {signed.checkpoint.root.hex()} was signed",
            )

    def _report(self, tally: Tally) -> None:
        stated = self._contents.bytes_of(REPORT)
        counted = tally.report()
        self.verdict.facts["report"] = counted
        if to_text(counted) == stated:
            return
        try:
            told = orjson.loads(stated)
        except orjson.JSONDecodeError:
            told = None
        different = list(differences(told, counted, ""))
        for path, was, now in different[:10]:
            self.fault(REPORT, f"{path}: it states {was}, the entries come to {now}")
        if not different:
            self.fault(REPORT, "it is not written in canonical JSON (RFC 8785)")

    # --- what was said before --------------------------------------------------------------------------------------

    def _since(
        self, manifest: Manifest, signed: SignedCheckpoint, keys: list[VerifyingKey], since: str | None
    ) -> SignedCheckpoint | None:
        if since is None:
            return None
        where = "--since"
        try:
            earlier = read_checkpoint(since)
        except BadRequestData as error:
            raise Stop(where, error.detail) from None
        if earlier.checkpoint.origin != manifest.origin:
            raise Stop(where, f"that checkpoint is of {earlier.checkpoint.origin}, the bundle of {manifest.origin}")
        if not any(earlier.note.signed_by(key) for key in keys if key.algorithm != COSIGNATURE):
            raise Stop(where, "that checkpoint was not signed by a key of this ledger")
        if earlier.checkpoint.size > manifest.size:
            raise Stop(
                where,
                f"the ledger was rolled back: it had {earlier.checkpoint.size} entries, here it has {manifest.size}",
            )
        self.verdict.facts["since"] = earlier.checkpoint.size
        return earlier

    def _stands(self, tree: Frontier, earlier: SignedCheckpoint | None) -> None:
        if earlier is not None and tree.root() != earlier.checkpoint.root:
            self.fault(
                "--since",
                f"the ledger was forked: its first {earlier.checkpoint.size} entries are not those that were signed",
            )

    def _earlier(self, proof: Proof, signed: SignedCheckpoint, earlier: SignedCheckpoint | None) -> None:
        """The proofs that the bundle brings along hold, and one of them is about `earlier` if the entries are not."""
        now = signed.checkpoint
        shown = False
        for one in proof.earlier:
            if not _holds(one, now.size, now.root):
                self.fault(PROOF, f"the ledger of {one.size} entries is not the beginning of the one that was signed")
            elif earlier is not None and one.size == earlier.checkpoint.size:
                shown = True
                if from_base64(one.root) != earlier.checkpoint.root:
                    self.fault("--since", f"the ledger was forked: its first {one.size} entries are others")
        if earlier is None or shown:
            return
        size = earlier.checkpoint.size
        if size == now.size and earlier.checkpoint.root != now.root:
            self.fault("--since", f"the ledger was forked: with {size} entries it had another root")
        elif size != now.size and not self.verdict.facts["first"] <= size <= self.verdict.facts["end"]:
            self.fault("--since", f"the bundle does not tell of {size} entries: export it with --since")


def _holds(one: Earlier, size: int, root: bytes) -> bool:
    digests = [from_base64(text) for text in (one.root, *one.proof)]
    if not 0 < one.size <= size or any(digest is None or len(digest) != 32 for digest in digests):
        return False
    known = [digest for digest in digests if digest is not None]
    return consistent(one.size, known[0], size, root, known[1:])
