"""The files of a bundle, read; nothing is looked at behind what is not as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from schemas.ledger.bundle import PART, Manifest, entry_names, from_text
from schemas.ledger.container import DEFLATED, STORED, BadContainer, Member, lines, read_members, unpack

_LONGEST = 1 << 20
"""Bytes of an entry, at most."""
_SMALL = 1 << 26
"""Bytes of any file but the entries, at most."""


class Stop(BadContainer):
    """A fault behind which nothing can be looked at."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(what, where)


class Contents:
    """Of one bundle; `data` is the whole file. Methods raise BadContainer."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._members: dict[str, Member] = {}

    def open(self) -> None:
        """Read what files there are."""
        self._members = {member.name: member for member in read_members(self._data)}

    @property
    def names(self) -> list[str]:
        """In the order in which they lie there."""
        return list(self._members)

    def digest(self, name: str) -> str:
        """SHA-256 of a file that is there, as it lies there, hexadecimal."""
        member = self._members[name]
        return sha256(self._data[member.begin : member.end]).hexdigest()

    def bytes_of(self, name: str) -> bytes:
        """A small file."""
        member = self._members.get(name)
        if member is None:
            raise Stop(name, "it is missing")
        if member.size > _SMALL or member.method != STORED:
            raise Stop(name, "it is not kept as it should be")
        return b"".join(unpack(self._data, member))

    def struct(self, name: str, kind: type[Any]) -> Any:
        """A small file in canonical JSON."""
        text = self.bytes_of(name)
        try:
            return from_text(text, kind)
        except ValueError as error:
            raise Stop(name, str(error)) from None

    def note(self, name: str) -> str:
        """A small file of text."""
        try:
            return self.bytes_of(name).decode()
        except UnicodeDecodeError:
            raise Stop(name, "it is not UTF-8") from None

    def entries(self, manifest: Manifest) -> Iterator[tuple[str, int, bytes]]:
        """The lines of all entries, each with its file and its number there."""
        names = entry_names(manifest.end - manifest.first)
        for at, name in enumerate(names):
            member = self._members[name]
            if member.method != DEFLATED:
                raise Stop(name, "it is not kept as it should be")
            number = 0
            try:
                for number, line in enumerate(lines(unpack(self._data, member), _LONGEST), 1):
                    yield name, number, line
            except BadContainer:
                raise
            except ValueError as error:
                raise Stop(name, str(error)) from None
            if at < len(names) - 1 and number != PART:
                raise Stop(name, f"it has {number} lines, where {PART} have to be")
