"""Sort keys: bytes that stand in the order in which `order` puts single values under the root collation.

Where two keys differ, their values stand in that order. Equal keys of up to `LONGEST` bytes mean values that are equal
in the order (`exact`); longer ones are cut, and then their values have to be compared. A key begins with the rank of
its value (clause 4.23.2), so that the keys of one kind are a range.
"""

from __future__ import annotations

import struct
import unicodedata
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, Final

from schemas.ngsi_ld.collation import CLASSES, LETTER, ROOT, katakana
from schemas.ngsi_ld.order import ranked

LONGEST: Final = 48
SCHEME: Final = f"1 unicode-{unicodedata.unidata_version}"
"""Changes whenever the key of any value may have changed: stored keys are then made anew."""

NUMBER, TEXT, OBJECT, ARRAY, BOOLEAN, TIME, DATE, DATETIME = range(8)
_SHORT: Final = 256
"""Characters of which letters usually fill a key; longer texts are not remembered."""
_WHOLE: Final = 2**53
"""Beyond it not every whole number is a double of its own."""
_EPOCH: Final = datetime(1, 1, 1, tzinfo=UTC)
_PREFIX: Final = {0: "\x10", 1: "\x20", 2: "\x30", 3: "\x38"}
"""First byte of the weight of what is neither digit nor letter, by class."""
_ZERO: Final = 0x40
_OTHER_NUMBER: Final = "\x41"
_LATIN: Final = 0x50
_OTHER_LETTER: Final = "\x6a"


def sort_key(value: Any) -> bytes | None:
    """The key of a value as `Order` sorts it; None for none."""
    if isinstance(value, str):
        return text_key(value)
    if isinstance(value, bool | int | float):
        return plain_key(value)
    place = ranked(value, ROOT)
    if place is None:
        return None
    rank, inner = place
    if isinstance(inner, bytes):
        return bytes((rank,)) + inner[: LONGEST - 1]
    return plain_key(inner)


def plain_key(value: float | bool | time | date | datetime) -> bytes:
    """The key of anything but texts, objects and arrays; a datetime has its zone, a time none."""
    if isinstance(value, bool):
        return bytes((BOOLEAN, value))
    if isinstance(value, int | float):
        return b"\0" + _number(value)
    if isinstance(value, datetime):
        return bytes((DATETIME,)) + _microseconds(value).to_bytes(8)
    if isinstance(value, date):
        return bytes((DATE,)) + value.toordinal().to_bytes(3)
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return bytes((TIME,)) + (seconds * 1_000_000 + value.microsecond).to_bytes(5)


def text_key(text: str) -> bytes:
    """The levels of the root collation one after the other: letters, accents, case, code points."""
    if len(text) <= _SHORT:
        return _text_key(text)
    weights, _, _ = _levels(text[:_SHORT])
    first = f"\1{weights}".encode()[:LONGEST]
    # More accents than letters may leave room for what comes after.
    return first if len(first) == LONGEST else _text_key.__wrapped__(text)


@lru_cache(maxsize=8192)
def _text_key(text: str) -> bytes:
    weights, accents, case = _levels(text)
    # Of two texts that are alike up to here, that of ASCII alone comes first: it needs no last level.
    key = f"\1{weights}\0{accents}\0{case}\0{'' if text.isascii() else text}".encode()
    # What ends in nothing but empty levels comes first with and without them.
    return key.rstrip(b"\0")[:LONGEST]


def _levels(text: str) -> tuple[str, str, str]:
    if text.isascii():
        return text.translate(_ASCII), "", "" if text.islower() else text.translate(_CAPITALS).rstrip("0")
    apart = unicodedata.normalize("NFKD", text)
    accents = "".join(c for c in apart if unicodedata.combining(c))
    letters = "".join(c for c in apart if not unicodedata.combining(c))
    case = "".join("1" if c.isupper() or katakana(c) else "0" for c in letters).rstrip("0")
    return "".join(map(_weight, letters.casefold())), accents, case


def exact(key: bytes) -> bool:
    """Whether no other value has this key."""
    if key[:1] != b"\0":
        return len(key) < LONGEST
    (bits,) = struct.unpack(">Q", key[1:])
    bits = bits ^ _SIGN if bits & _SIGN else bits ^ _ALL
    (number,) = struct.unpack(">d", struct.pack(">Q", bits))
    return bool(abs(number) < _WHOLE)


def rank_ends(rank: int) -> tuple[bytes, bytes]:
    """Keys that no key of this rank comes before and after."""
    return bytes((rank,)), bytes((rank,)) + b"\xff" * 9


_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1


def _number(value: float) -> bytes:
    try:
        number = float(value) + 0.0
    except OverflowError:
        number = float("inf") if value > 0 else float("-inf")
    (bits,) = struct.unpack(">Q", struct.pack(">d", number))
    return struct.pack(">Q", bits ^ _ALL if bits & _SIGN else bits | _SIGN)


def _microseconds(instant: datetime) -> int:
    apart = instant - _EPOCH
    return (apart.days * 86_400 + apart.seconds) * 1_000_000 + apart.microseconds


@lru_cache(maxsize=8192)
def _weight(c: str) -> str:
    """As text whose UTF-8 stands in the order of the weights that `collation` gives; no NUL in it."""
    kind = unicodedata.category(c)
    if kind == "Nd":
        digit = unicodedata.digit(c)
        return chr(_ZERO + digit + 1) if digit else chr(_ZERO)
    if kind == "Sc":
        return _PREFIX[3] + c
    order = CLASSES.get(kind[0], LETTER)
    if order == CLASSES["N"]:
        return _OTHER_NUMBER + c
    if order != LETTER:
        # A control character may be NUL, which would end the level.
        return _PREFIX[order] + (c if c != "\0" else "\1")
    folded = chr(ord(c) - 0x60) if katakana(c) else c
    if "a" <= folded <= "z":
        return chr(_LATIN + ord(folded) - ord("a"))
    # The UTF-8 of any other letter begins behind those of the Latin ones.
    return folded if folded > "\x7f" else _OTHER_LETTER + folded


_CAPITALS: Final = {c: "1" if chr(c).isupper() else "0" for c in range(128)}
_ASCII: Final = {c: _weight(chr(c).casefold()) for c in range(128)}
