"""Signed notes, keys and checkpoints: what is written is read again, and nothing else is."""

from __future__ import annotations

import pytest

from schemas.errors import BadRequestData
from schemas.ledger.checkpoint import Checkpoint, read_checkpoint
from schemas.ledger.note import COSIGNATURE, SigningKey, VerifyingKey, read_note

KEY = SigningKey("kakehashi-1/ledger", bytes(range(32)))
WITNESS = SigningKey("secretariat", bytes(32), COSIGNATURE)
CHECKPOINT = Checkpoint("kakehashi-1/ledger", 42, b"\7" * 32)
TEXT = f"{CHECKPOINT.text}\n{KEY.sign(CHECKPOINT.text)}{WITNESS.sign(CHECKPOINT.text, 1_790_000_000)}"


def test_a_note_of_others() -> None:
    """The example in the documentation of Go's golang.org/x/mod/sumdb/note."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = VerifyingKey.parse(text)
    assert str(key) == text
    note = read_note(
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert note.signed_by(key)


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    read = read_checkpoint(TEXT)
    assert read.checkpoint == CHECKPOINT
    assert str(read.note) == TEXT
    assert read.note.signed_by(KEY.verifying)
    assert read.witnesses([WITNESS.verifying, KEY.verifying]) == [(WITNESS.verifying, 1_790_000_000)]


def test_another_key_or_text_does_not_pass() -> None:
    note = read_note(TEXT)
    other = SigningKey("kakehashi-1/ledger", b"\1" * 32)
    assert not note.signed_by(other.verifying)
    changed = read_checkpoint(TEXT.replace("\n42\n", "\n43\n"))
    assert not changed.note.signed_by(KEY.verifying)
    assert changed.witnesses([WITNESS.verifying]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n42\n", "\n042\n"),
        ("\n42\n", "\n42 \n"),
        ("\n42\n", "\n-1\n"),
        ("\n42\n", "\n42\n\n"),
        ("=\n\n", "\n\n"),
        ("— kake", "- kake"),
        ("— kake", "—  kake"),
        ("\n— secr", "\n\n— secr"),
    ],
)
def test_one_spelling_only(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(BadRequestData):
        read_checkpoint(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    "text", [TEXT[:-1], TEXT + "\n", TEXT + "x", "", "\n\n", CHECKPOINT.text, CHECKPOINT.text + "\n"]
)
def test_ends_and_nothing(text: str) -> None:
    with pytest.raises(BadRequestData):
        read_checkpoint(text)


def test_keys_are_handed_around_as_text() -> None:
    for key in (KEY.verifying, WITNESS.verifying):
        assert VerifyingKey.parse(str(key)) == key
    for text in (
        "",
        "a+b+c",
        str(KEY.verifying)[:-1],
        str(KEY.verifying).replace("+", "+0", 1),
        "a" + str(KEY.verifying),
    ):
        with pytest.raises(BadRequestData):
            VerifyingKey.parse(text)
    assert len(KEY.verifying.fingerprint.split()) == 5
