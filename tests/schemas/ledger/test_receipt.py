"""A receipt that holds, and every way to forge one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from bundle_forger import KEY, OTHER_KEY, WITNESS, Forgery, identity, ledger

from schemas.ledger.entry import read_entry
from schemas.ledger.note import COSIGNATURE, SigningKey, to_base64
from schemas.ledger.receipt import LARGEST, verify_receipt
from schemas.ledger.tree import leaf_hash, node_hash

TEXTS = ledger(41)
HONEST = Forgery(TEXTS)
FLOW = 17


def root_of(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, in the plainest way."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root_of(leaves[:k]), root_of(leaves[k:]))


def path_of(place: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    if place < k:
        return [*path_of(place, leaves[:k]), root_of(leaves[k:])]
    return [*path_of(place - k, leaves[k:]), root_of(leaves[:k])]


def receipt(at: int = FLOW, forgery: Forgery = HONEST, size: int | None = None) -> dict[str, Any]:
    texts = list(forgery.texts)[: size or None]
    leaves = [leaf_hash(text) for text in texts]
    return {
        "flow": read_entry(texts[at]).id,  # type: ignore[union-attr]
        "state": "signed",
        "entry": texts[at].decode(),
        "leaf": to_base64(leaves[at]),
        "index": at,
        "proof": [to_base64(digest) for digest in path_of(at, leaves)],
        "checkpoint": forgery.checkpoint(len(texts)),
        "witnesses": len(forgery.witnesses),
        "keys": {
            "signers": [{"key": str(forgery.key.verifying), "voucher": None}],
            "witnesses": [str(witness.verifying) for witness in forgery.witnesses],
        },
    }


def told(made: dict[str, Any], *trust: Any) -> str:
    verdict = verify_receipt(orjson.dumps(made), trust=trust)
    assert not verdict.holds
    assert verdict.facts == {}
    return "\n".join(f"{fault.where}: {fault.what}" for fault in verdict.faults)


@pytest.mark.parametrize("at", [0, FLOW, 31, 32, 40])
def test_an_honest_one_holds(at: int) -> None:
    verdict = verify_receipt(orjson.dumps(receipt(at)), trust=[KEY.verifying, WITNESS.verifying])
    assert verdict.faults == []
    facts = verdict.facts
    assert (facts["flow"], facts["index"], facts["size"], facts["trusted"]) == (identity(at), at, 41, True)
    assert facts["witnesses"] == [{"key": str(WITNESS.verifying)}]
    untrusting = verify_receipt(orjson.dumps(receipt(at)))
    assert (untrusting.holds, untrusting.facts["trusted"]) == (True, False)


def changed(entry: str) -> str:
    return entry.replace('"entities":', '"entities":1', 1)


def leaf_of(entry: str) -> str:
    return to_base64(leaf_hash(entry.encode()))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda r: r | {"entry": changed(r["entry"])}, "leaf"),
        (lambda r: r | {"entry": changed(r["entry"]), "leaf": leaf_of(changed(r["entry"]))}, "proof"),
        (lambda r: r | {"entry": r["entry"].replace(":", ": ", 1)}, "entry"),
        (lambda r: r | {"entry": None}, "entry"),
        (lambda r: r | {"flow": identity(3)}, "entry"),
        (lambda r: r | {"entry": TEXTS[3].decode()}, "entry"),
        (lambda r: r | {"index": 16}, "index"),
        (lambda r: r | {"proof": r["proof"][:-1]}, "proof"),
        (lambda r: r | {"proof": [*r["proof"], r["leaf"]]}, "proof"),
        (lambda r: r | {"proof": r["proof"][::-1]}, "proof"),
        (lambda r: r | {"proof": [r["proof"][0] + "=", *r["proof"][1:]]}, "proof"),
        (lambda r: r | {"proof": [r["leaf"]] * 100_000}, "receipt"),
        (lambda r: r | {"leaf": to_base64(leaf_hash(b"x"))}, "leaf"),
        (lambda r: r | {"checkpoint": HONEST.checkpoint(40)}, "proof"),
        (lambda r: r | {"checkpoint": Forgery(TEXTS, key=OTHER_KEY).checkpoint()}, "checkpoint"),
        (lambda r: r | {"checkpoint": r["checkpoint"].replace("\n41\n", "\n42\n")}, "checkpoint"),
        (lambda r: r | {"checkpoint": "nonsense"}, "checkpoint"),
        (lambda r: r | {"witnesses": 2}, "witnesses"),
        (lambda r: r | {"keys": r["keys"] | {"witnesses": []}}, "checkpoint"),
        (lambda r: r | {"keys": r["keys"] | {"signers": []}}, "keys"),
        (lambda r: r | {"keys": r["keys"] | {"signers": [{"key": str(WITNESS.verifying), "voucher": None}]}}, "keys"),
        (lambda r: r | {"state": "pending"}, "receipt"),
        (lambda r: r | {"note": "more"}, "receipt"),
        (lambda r: {k: v for k, v in r.items() if k != "leaf"}, "receipt"),
    ],
)  # fmt: skip
def test_a_forged_one_is_refused(change: Any, where: str) -> None:
    made = change(receipt())
    assert told(made).startswith(f"{where}: ")


def test_another_ledger_is_found_by_trust_only() -> None:
    forged = receipt(forgery=Forgery(TEXTS, key=OTHER_KEY))
    assert verify_receipt(orjson.dumps(forged)).holds
    assert "not the key that you trust" in told(forged, KEY.verifying)
    accomplice = SigningKey("secretariat", b"\4" * 32, COSIGNATURE)
    cosigned = receipt(forgery=Forgery(TEXTS, witnesses=(accomplice,)))
    assert verify_receipt(orjson.dumps(cosigned), trust=[KEY.verifying]).holds
    assert "secretariat has not cosigned" in told(cosigned, KEY.verifying, WITNESS.verifying)


def test_a_key_that_nobody_vouched_for_is_none() -> None:
    made = receipt(forgery=Forgery(TEXTS, key=OTHER_KEY))
    made["keys"]["signers"].insert(0, {"key": str(KEY.verifying), "voucher": None})
    assert told(made, KEY.verifying).startswith("keys: ")


@pytest.mark.parametrize("text", [b"", b"{", b"{}", b"[]", b"\xff", b"[" * 100_000, b"{" + b" " * LARGEST + b"}"])
def test_what_is_no_receipt_is_refused(text: bytes) -> None:
    assert not verify_receipt(text).holds
