"""The ZIP file of a bundle, byte for byte: one way to write it, and a reader that takes nothing else.

Any tool unpacks it; but no byte of it is free, so nothing can be hidden in it or changed without being found.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE = 0x21
"""1980-01-01, the first that there is: a bundle does not depend on when it was written."""
_MODE = 0o100644 << 16
STORED = 0
DEFLATED = 8
LARGEST = 2**32 - 1
MOST = 2**16 - 1
"""Files that the format can count."""
_CHUNK = 1 << 20


class BadContainer(ValueError):
    """What is wrong, and where."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{where}: {what}")
        self.what = what
        self.where = where


@dataclass(frozen=True, slots=True)
class Member:
    """A file in it; `offset` is that of its header, `packed` and `size` are bytes as it lies there and as it is."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def header(self) -> bytes:
        name = self.name.encode()
        return (
            _LOCAL.pack(
                b"PK\3\4", 20, 0, self.method, 0, _DATE, self.crc, self.packed, self.size, len(name), 0
            )
            + name
        )  # fmt: skip

    @property
    def begin(self) -> int:
        """Where its bytes begin."""
        return self.offset + _LOCAL.size + len(self.name.encode())

    @property
    def end(self) -> int:
        return self.begin + self.packed


def directory(members: Sequence[Member]) -> bytes:
    """Everything behind the last file."""
    at = members[-1].end if members else 0
    told = b"".join(
        _CENTRAL.pack(
            b"PK\1\2", 20, 20, 0, one.method, 0, _DATE, one.crc, one.packed, one.size, len(one.name.encode()),
            0, 0, 0, 0, _MODE, one.offset,
        )
        + one.name.encode()
        for one in members
    )  # fmt: skip
    return told + _END.pack(b"PK\5\6", 0, 0, len(members), len(members), len(told), at, 0)


def read_members(data: memoryview) -> list[Member]:
    """The files, in their order. BadContainer if `data` is not just as `Member.header` and `directory` write it."""
    members: list[Member] = []
    names: set[str] = set()
    at = 0
    while bytes(data[at : at + 4]) == b"PK\3\4":
        member = _member(data, at)
        if member.name in names:
            raise BadContainer("there twice", member.name)
        if len(members) == MOST:
            raise BadContainer("there are more files than a bundle has", f"byte {at}")
        names.add(member.name)
        members.append(member)
        at = member.end
    if not members:
        raise BadContainer("this is no bundle: it does not begin with a file", "byte 0")
    if bytes(data[at:]) != directory(members):
        raise BadContainer("the list of files is not the one that belongs here", f"byte {at}")
    return members


def _member(data: memoryview, at: int) -> Member:
    where = f"byte {at}"
    if len(data) < at + _LOCAL.size:
        raise BadContainer("cut off", where)
    _, _, _, method, _, _, crc, packed, size, length, _ = _LOCAL.unpack_from(data, at)
    try:
        name = bytes(data[at + _LOCAL.size : at + _LOCAL.size + length]).decode("ascii")
    except UnicodeDecodeError:
        raise BadContainer("a name that is none", where) from None
    member = Member(name, method, crc, packed, size, at)
    if bytes(data[at : member.begin]) != member.header or method not in (STORED, DEFLATED):
        raise BadContainer("a header that is not written as here", where)
    if member.end > len(data):
        raise BadContainer("cut off", name)
    return member


def unpack(data: memoryview, member: Member) -> Iterator[bytes]:
    """Its content, in pieces. BadContainer if it is not what its header says."""
    packed = data[member.begin : member.end]
    crc = size = 0
    inflate = zlib.decompressobj(-15) if member.method == DEFLATED else None
    try:
        for at in range(0, len(packed), _CHUNK):
            piece = bytes(packed[at : at + _CHUNK])
            while piece:
                if inflate is None:
                    out, piece = piece, b""
                else:
                    if inflate.eof:
                        raise BadContainer("there is something behind its end", member.name)
                    out, piece = inflate.decompress(piece, _CHUNK), inflate.unconsumed_tail
                crc = zlib.crc32(out, crc)
                size += len(out)
                if size > member.size:
                    break
                yield out
    except zlib.error as error:
        raise BadContainer(f"it can't be unpacked ({error})", member.name) from None
    whole = inflate is None or (inflate.eof and not inflate.unused_data)
    if not whole or (crc, size) != (member.crc, member.size):
        raise BadContainer("it is not what its header says", member.name)


def lines(pieces: Iterator[bytes], longest: int) -> Iterator[bytes]:
    """Without their ends. ValueError for one that is longer, or that has no end."""
    rest = b""
    for piece in pieces:
        found = (rest + piece).split(b"\n")
        rest = found.pop()
        if len(rest) > longest:
            raise ValueError("a line that is too long")
        yield from found
    if rest:
        raise ValueError("the last line has no end")
