"""The subject of a certificate as text (RFC 4514), read strictly: what can be read in two ways is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SUBJECT_HEADER: Final = "kakehashi-subject"
"""What the subject is called within the gateway, once it is known that a trusted proxy has passed it."""
LONGEST: Final = 1024
_TYPE = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)=")
_PLAIN = re.compile(rb'[^\x00-\x1f\x7f"+,;<>\\]')
_ESCAPED = b' "#+,;<=>\\'
_HEX = re.compile(rb"[0-9A-Fa-f]{2}")

Subject = Mapping[str, tuple[str, ...]]
"""Types of attributes in lower case (`cn`, `o`, or an OID) → their values."""


def read_subject(raw: bytes) -> Subject:
    """ValueError for what is no distinguished name, for values in hexadecimal (`#04…`), and for text that is not UTF-8
    or can't be printed."""
    if not raw or len(raw) > LONGEST:
        raise ValueError(f"a subject has 1 to {LONGEST} bytes")
    found: dict[str, list[str]] = {}
    at = 0
    while True:
        kind = _TYPE.match(raw, at)
        if kind is None:
            raise ValueError(f"no attribute begins at byte {at}; RFC 4514 has it as CN=…,O=…")
        value, at = _value(raw, kind.end())
        found.setdefault(kind.group()[:-1].decode().lower(), []).append(value)
        if at == len(raw):
            return {name: tuple(values) for name, values in found.items()}
        at += 1


def _value(raw: bytes, at: int) -> tuple[str, int]:
    """A value that begins there, and where it ends: at a comma, at a plus sign, or at the end of all."""
    begin, octets = at, bytearray()
    ends_plain = True
    while at < len(raw) and raw[at : at + 1] not in (b",", b"+"):
        if raw[at : at + 1] == b"\\":
            octet, width = _escaped(raw, at + 1)
            octets += octet
            at += 1 + width
            ends_plain = False
        elif _PLAIN.match(raw, at):
            octets += raw[at : at + 1]
            at += 1
            ends_plain = True
        else:
            raise ValueError(f"a character that has to be escaped at byte {at}")
    if not octets:
        raise ValueError(f"an empty value at byte {begin}")
    if raw[begin : begin + 1] in (b" ", b"#") or (ends_plain and raw[at - 1 : at] == b" "):
        raise ValueError(f"a space or # that has to be escaped at byte {begin}")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        raise ValueError(f"text that is not UTF-8 at byte {begin}") from None
    if not text.isprintable():
        raise ValueError(f"text that can't be printed at byte {begin}")
    return text, at


def _escaped(raw: bytes, at: int) -> tuple[bytes, int]:
    one = raw[at : at + 1]
    if one and one in _ESCAPED:
        return one, 1
    pair = _HEX.match(raw, at)
    if pair is None:
        raise ValueError(f"an escape that is none at byte {at - 1}")
    return bytes.fromhex(pair.group().decode()), 2
