"""Signed notes and their keys (C2SP signed-note): a text, an empty line, and a line for each signature.

Only canonical encodings are read, so that no two notes say the same.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.errors import BadRequestData

ED25519 = 1
COSIGNATURE = 4
"""Ed25519 over a checkpoint with a time (C2SP tlog-cosignature, v1)."""
_MARK = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+]{1,200}", re.ASCII)
MOST_SIGNATURES = 100


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A name, an algorithm (`ED25519` or `COSIGNATURE`) and 32 bytes."""

    name: str
    public: bytes
    algorithm: int = ED25519

    @property
    def id(self) -> bytes:
        """Four bytes by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """As keys are handed around: name, id and key, with + between them."""
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.algorithm]) + self.public)}"

    @property
    def fingerprint(self) -> str:
        """To be compared by people: SHA-256 of the key, in groups."""
        digest = sha256(self.public).hexdigest()[:40]
        return " ".join(digest[i : i + 8] for i in range(0, 40, 8))

    @classmethod
    def parse(cls, text: str) -> VerifyingKey:
        """Raises BadRequestData for what `str(key)` has not made."""
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        raw = from_base64(encoded) or b"\0"
        key = cls(name, raw[1:], raw[0])
        fits = _NAME.fullmatch(name) and raw[0] in (ED25519, COSIGNATURE) and len(raw) == 33
        if not fits or str(key) != text:
            raise BadRequestData("This is no key as name+id+base64.", field="key", value=text)
        return key

    def verifies(self, text: str, blob: bytes) -> bool:
        """Whether `blob`, as it stands in a signature line behind the key's id, signs the text."""
        message = text.encode()
        if self.algorithm == COSIGNATURE:
            if len(blob) != 72:
                return False
            message = cosigned(text, int.from_bytes(blob[:8], "big"))
            blob = blob[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(blob, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """Its seed (32 bytes) is the secret. `verifying` is for everyone."""

    __slots__ = ("_private", "verifying")

    def __init__(self, name: str, seed: bytes, algorithm: int = ED25519) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifying = VerifyingKey(name, self._private.public_key().public_bytes_raw(), algorithm)

    def sign(self, text: str, time: int = 0) -> Signature:
        """Over `text`, which ends with a line break. `time` (Unix seconds) is that of a cosignature."""
        if self.verifying.algorithm == COSIGNATURE:
            blob = struct.pack(">Q", time) + self._private.sign(cosigned(text, time))
        else:
            blob = self._private.sign(text.encode())
        return Signature(self.verifying.name, self.verifying.id, blob)


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a note: the name and id of a key, and what it signed."""

    name: str
    key_id: bytes
    blob: bytes

    def __str__(self) -> str:
        return f"{_MARK}{self.name} {to_base64(self.key_id + self.blob)}\n"

    def by(self, key: VerifyingKey) -> bool:
        """It names this key; whether it is good is another question."""
        return (self.name, self.key_id) == (key.name, key.id)


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.signatures))

    def signed_by(self, key: VerifyingKey) -> bool:
        """There is a signature of this key, and every one that names it is good."""
        own = [signature for signature in self.signatures if signature.by(key)]
        return bool(own) and all(key.verifies(self.text, signature.blob) for signature in own)


def read_note(source: str) -> Note:
    """Raises BadRequestData with what is wrong."""
    text, gap, lines = source.rpartition("\n\n")
    if not gap:
        raise BadRequestData("A note is a text, an empty line and signatures.", field="note", value=source)
    signatures: list[Signature] = []
    for line in lines.split("\n")[:-1]:
        signature = _signature(line)
        if signature is None or len(signatures) >= MOST_SIGNATURES:
            raise BadRequestData("A line of the note is no signature.", field="note", value=line)
        signatures.append(signature)
    note = Note(text + "\n", tuple(signatures))
    if not signatures or str(note) != source:
        raise BadRequestData("The note is not written as notes are.", field="note", value=source)
    return note


def _signature(line: str) -> Signature | None:
    if not line.startswith(_MARK):
        return None
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    raw = from_base64(encoded)
    if raw is None or len(raw) < 5 or not _NAME.fullmatch(name):
        return None
    return Signature(name, raw[:4], raw[4:])


def cosigned(text: str, time: int) -> bytes:
    """What a witness signs of a checkpoint (C2SP tlog-cosignature)."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes | None:
    """None for anything but the one spelling that `to_base64` gives."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if to_base64(raw) == text else None
