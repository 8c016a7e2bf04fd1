"""`Witness`: sees that a gateway's ledger only grows, and says so by its cosignature. Keeps its own state on disk.

It cosigns a checkpoint after it has proved that it goes on from the last one that it cosigned, and has written that
down. One that does not is never cosigned, whatever is tried afterwards: that is what a witness is for.
"""

from __future__ import annotations

import base64
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec

from schemas.errors import BadRequestData, KakehashiError, SettingsError
from schemas.ledger.checkpoint import SignedCheckpoint, read_checkpoint
from schemas.ledger.note import COSIGNATURE, SigningKey, VerifyingKey, from_base64
from schemas.ledger.rotation import follow
from schemas.ledger.tree import consistent

_KEY = "witness.key"
_STATE = "witness.json"
_LARGEST = 1 << 20


class Refused(KakehashiError):
    """What the gateway shows is not to be cosigned."""


class State(msgspec.Struct, frozen=True):
    """`key`: the ledger's, as it was trusted first. `checkpoint`: the last that was cosigned, "" before the first."""

    key: str
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Seen:
    """`size` entries; `new`: it was cosigned now and not before."""

    origin: str
    size: int
    new: bool


class Witness:
    def __init__(self, folder: Path, name: str, *, trust: VerifyingKey | None = None) -> None:
        """`folder` is made at need and keeps key and state. Without `trust` the key that is shown first is believed.
        Raises SettingsError."""
        self._folder = folder
        self._trust = trust
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.key = SigningKey(name, _seed(folder / _KEY), COSIGNATURE)
            VerifyingKey.parse(str(self.key.verifying))
            self.state = self._load()
        except OSError as error:
            raise SettingsError(f"{folder} can't be used: {error.strerror}", field="--state") from None
        except BadRequestData:
            raise SettingsError("a witness's name has no spaces and no +", field="--name", value=name) from None

    async def look(self, gateway: httpx2.AsyncClient) -> Seen:
        """Once: fetch, check, write down, cosign, tell. Refused, or an error of httpx2."""
        shown = _checkpoint(await _get(gateway, "/ledger/checkpoint"))
        trusted = self._trusted()
        keys = await self._keys(gateway, trusted)
        if not any(shown.note.signed_by(key) for key in keys):
            raise Refused(f"the checkpoint is not signed by {keys[-1]}")
        before = _checkpoint(self.state.checkpoint) if self.state is not None and self.state.checkpoint else None
        if before is not None:
            await _grew(gateway, before, shown)
        text = shown.note.text
        new = before is None or before.note.text != text
        if new:
            self._save(State(str(trusted or keys[0]), str(shown.note)))
        line = self.key.sign(text, int(time.time()))
        answer = await gateway.post(
            "/ledger/witness", content=f"{text}\n{line}", headers={"content-type": "text/plain"}
        )
        if answer.status_code != 204:
            raise Refused(f"the gateway does not take the cosignature: {answer.status_code} {answer.text[:300]}")
        return Seen(shown.checkpoint.origin, shown.checkpoint.size, new)

    def _trusted(self) -> VerifyingKey | None:
        if self._trust is not None:
            return self._trust
        return VerifyingKey.parse(self.state.key) if self.state is not None else None

    async def _keys(self, gateway: httpx2.AsyncClient, trusted: VerifyingKey | None) -> list[VerifyingKey]:
        """The ledger's keys, from the trusted one on, each vouched for by the one before."""
        told = msgspec.json.decode(await _get(gateway, "/ledger/keys"), type=list[dict[str, str | None]])
        try:
            chain = [(VerifyingKey.parse(one["key"] or ""), one["voucher"]) for one in told]
            follow(chain)
        except (KeyError, BadRequestData) as error:
            raise Refused(f"the gateway's keys don't follow each other: {error}") from None
        keys = [key for key, _ in chain]
        if trusted is None:
            return keys
        if trusted not in keys:
            raise Refused(f"the ledger's key {trusted} is not among those of the gateway")
        return keys[keys.index(trusted) :]

    def _load(self) -> State | None:
        file = self._folder / _STATE
        if not file.exists():
            return None
        try:
            return msgspec.json.decode(file.read_bytes(), type=State)
        except msgspec.MsgspecError as error:
            raise SettingsError(f"{file} can't be read: {error}", field="--state") from None

    def _save(self, state: State) -> None:
        """Durable before anything is said: a witness that forgets could say two things."""
        draft = self._folder / f".{_STATE}.{os.getpid()}"
        with draft.open("wb") as out:
            out.write(msgspec.json.encode(state))
            out.flush()
            os.fsync(out.fileno())
        draft.replace(self._folder / _STATE)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.state = state


async def _grew(gateway: httpx2.AsyncClient, before: SignedCheckpoint, shown: SignedCheckpoint) -> None:
    old, new = before.checkpoint, shown.checkpoint
    if old.origin != new.origin:
        raise Refused(f"this is the ledger {new.origin}, and {old.origin} was cosigned before")
    if new.size < old.size:
        raise Refused(f"the ledger was rolled back: it had {old.size} entries, now it has {new.size}")
    proof: list[bytes] = []
    if new.size > old.size:
        told = await _get(gateway, f"/ledger/consistency?from={old.size}&to={new.size}")
        proof = [from_base64(text) or b"" for text in msgspec.json.decode(told)["proof"]]
    if not consistent(old.size, old.root, new.size, new.root, proof):
        raise Refused(f"the ledger was forked: its first {old.size} entries are not those that were cosigned")


async def _get(gateway: httpx2.AsyncClient, path: str) -> bytes:
    answer = await gateway.get(path)
    if answer.status_code != 200 or len(answer.content) > _LARGEST:
        raise Refused(f"{path}: {answer.status_code} {answer.text[:200]}")
    return answer.content


def _checkpoint(text: bytes | str) -> SignedCheckpoint:
    try:
        return read_checkpoint(text if isinstance(text, str) else text.decode())
    except (BadRequestData, UnicodeDecodeError) as error:
        raise Refused(f"this is no checkpoint: {error}") from None


def _seed(file: Path) -> bytes:
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    seed = from_base64(file.read_text().strip()) or b""
    if len(seed) != 32:
        raise SettingsError("a witness's key is 32 bytes in base64", field="--state", value=str(file))
    return seed
