"""A receipt: that one flow is an entry of the ledger, checked by itself, with no database and no network.

Without a trusted key it shows that the receipt agrees with itself and with the keys that it brings along; whoever made
it could have made another ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from schemas.errors import BadRequestData
from schemas.ledger.bundle import Keys, Signer
from schemas.ledger.checkpoint import SignedCheckpoint, read_checkpoint
from schemas.ledger.entry import FlowEntry, read_entry
from schemas.ledger.note import COSIGNATURE, VerifyingKey, from_base64, to_base64
from schemas.ledger.rotation import follow
from schemas.ledger.tree import included, leaf_hash
from schemas.ledger.verdict import Fault, Verdict

LARGEST = 1 << 20
_DEEPEST = 64
"""Hashes of a proof: no ledger has more than 2**64 entries."""


class Receipt(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`entry`: its text, as it was hashed. `leaf` and `proof` in base64. `keys`: those that signed, the first first,
    and those of the witnesses that cosigned. `witnesses`: how many did."""

    flow: str
    state: Literal["signed"]
    entry: str | None
    leaf: str
    index: int
    proof: list[str]
    checkpoint: str
    witnesses: int
    keys: Keys


def make_keys(signers: Sequence[tuple[VerifyingKey, str | None]], witnesses: Sequence[VerifyingKey]) -> Keys:
    """As a receipt brings them along."""
    return Keys([Signer(str(key), voucher) for key, voucher in signers], [str(key) for key in witnesses])


def verify_receipt(text: bytes, *, trust: Sequence[VerifyingKey] = ()) -> Verdict:
    """`trust`: keys of the ledger or of witnesses that were told by other ways."""
    verdict = Verdict()
    try:
        _check(text, trust, verdict)
    except _Wrong as wrong:
        verdict.faults.append(Fault(wrong.where, wrong.what))
    return verdict


class _Wrong(Exception):
    def __init__(self, where: str, what: str) -> None:
        super().__init__(what)
        self.where = where
        self.what = what


def _check(text: bytes, trust: Sequence[VerifyingKey], verdict: Verdict) -> None:
    if len(text) > LARGEST:
        raise _Wrong("receipt", "it is larger than a receipt can be")
    try:
        receipt = msgspec.json.decode(text, type=Receipt)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise _Wrong("receipt", str(error)) from None
    own, witnesses = _keys(receipt.keys)
    try:
        signed = read_checkpoint(receipt.checkpoint)
    except BadRequestData as error:
        raise _Wrong("checkpoint", error.detail) from None
    signer, cosigned = _signatures(signed, own, witnesses)
    if receipt.witnesses != len(cosigned):
        raise _Wrong("witnesses", f"it states {receipt.witnesses}, {len(cosigned)} have cosigned")
    trusted = [key for key in trust if key.algorithm != COSIGNATURE]
    if trusted and not any(key in own for key in trusted):
        raise _Wrong("keys", f"signed by {signer} ({signer.fingerprint}), which is not the key that you trust")
    for key in trust:
        if key.algorithm == COSIGNATURE and key not in cosigned:
            raise _Wrong("checkpoint", f"the witness {key.name} has not cosigned it")
    entry = _entry(receipt, signed)
    verdict.facts |= {
        "origin": signed.checkpoint.origin,
        "flow": receipt.flow,
        "index": receipt.index,
        "size": signed.checkpoint.size,
        "root": signed.checkpoint.root.hex(),
        "key": str(signer),
        "fingerprint": signer.fingerprint,
        "trusted": bool(trusted),
        "witnesses": [{"key": str(key)} for key in cosigned],
        "entry": msgspec.to_builtins(entry),
    }


def _keys(told: Keys) -> tuple[list[VerifyingKey], list[VerifyingKey]]:
    try:
        signers = [(VerifyingKey.parse(signer.key), signer.voucher) for signer in told.signers]
        follow(signers)
        witnesses = [VerifyingKey.parse(key) for key in told.witnesses]
    except BadRequestData as error:
        raise _Wrong("keys", error.detail) from None
    own = [key for key, _ in signers]
    if any(key.algorithm != COSIGNATURE for key in witnesses) or any(key.algorithm == COSIGNATURE for key in own):
        raise _Wrong("keys", "a key of the wrong kind")
    return own, witnesses


def _signatures(
    signed: SignedCheckpoint, own: Sequence[VerifyingKey], witnesses: Sequence[VerifyingKey]
) -> tuple[VerifyingKey, list[VerifyingKey]]:
    """Whose signatures the checkpoint bears: one of the ledger first, then those of witnesses, all of them good."""
    first, *others = signed.note.signatures
    signer = next((key for key in own if key.name == signed.checkpoint.origin and first.by(key)), None)
    if signer is None or not signer.verifies(signed.note.text, first.blob):
        raise _Wrong("checkpoint", "no key of the ledger has signed it")
    cosigned: list[VerifyingKey] = []
    for signature in others:
        key = next((key for key in witnesses if signature.by(key)), None)
        if key is None or key in cosigned or not key.verifies(signed.note.text, signature.blob):
            raise _Wrong("checkpoint", f"a signature that is not good: {signature.name}")
        cosigned.append(key)
    return signer, cosigned


def _entry(receipt: Receipt, signed: SignedCheckpoint) -> FlowEntry:
    text = (receipt.entry or "").encode()
    try:
        entry = read_entry(text)
    except ValueError as error:
        raise _Wrong("entry", str(error)) from None
    if not isinstance(entry, FlowEntry) or entry.id != receipt.flow:
        raise _Wrong("entry", f"it is not that of the flow {receipt.flow}")
    if entry.seq != receipt.index:
        raise _Wrong("index", f"it states {receipt.index}, the entry has the number {entry.seq}")
    leaf = leaf_hash(text)
    if receipt.leaf != to_base64(leaf):
        raise _Wrong("leaf", "it is not the hash of the entry")
    digests = [from_base64(one) for one in receipt.proof]
    proof = [digest for digest in digests if digest is not None and len(digest) == 32]
    if len(proof) < len(digests) or len(proof) > _DEEPEST:
        raise _Wrong("proof", "it is no list of hashes")
    checkpoint = signed.checkpoint
    if not included(leaf, receipt.index, checkpoint.size, proof, checkpoint.root):
        raise _Wrong("proof", "it does not lead from the entry to the root that was signed")
    return entry
