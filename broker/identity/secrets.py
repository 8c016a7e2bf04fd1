"""Sealing of the credentials that we hold for platforms: AES-256-GCM under a key of the operator's or of the home's."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.errors import SettingsError

_FORMAT = b"\x01"
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER = len(_FORMAT) + _KEY_ID_BYTES
_SHORTEST = 16
_FILE = "secret.key"
_OLD_FILE = "secret.old.key"
_SETTING = "KAKEHASHI_SECRET_KEY"


class SecretBox:
    """Seals with `key`, opens what was sealed with it or with one of the `older` ones. Keys have 32 bytes.

    A sealed value is: format (1 byte), key id (4), nonce (12), ciphertext with tag. It opens only with the same `aad`
    (the platform's id), so one platform's credential can't be put in another's place.
    """

    def __init__(self, key: bytes, *older: bytes, again: Callable[[], Sequence[bytes]] | None = None) -> None:
        """`again`: the keys as they are now, the one to seal with first, for what another process has sealed anew."""
        self._again = again
        self._take((key, *older))

    def _take(self, keys: Sequence[bytes]) -> None:
        self._id = _key_id(keys[0])
        self._ciphers = {_key_id(each): AESGCM(each) for each in reversed(keys)}

    @property
    def key_id(self) -> str:
        """Of the key that is sealed with; it tells nothing of the key."""
        return self._id.hex()

    def current(self, sealed: bytes) -> bool:
        """Whether it was sealed with the key that is sealed with now."""
        return sealed[len(_FORMAT) : _HEADER] == self._id

    def seal(self, secret: Mapping[str, Any], aad: str) -> bytes:
        """`secret` is a JSON object."""
        header = _FORMAT + self._id
        nonce = os.urandom(_NONCE_BYTES)
        plain = orjson.dumps(dict(secret))
        return header + nonce + self._ciphers[self._id].encrypt(nonce, plain, header + aad.encode())

    def open(self, sealed: bytes, aad: str) -> dict[str, Any]:
        """Raises `SettingsError` if it was sealed with another key, for another `aad`, or changed since."""
        header, nonce, text = (
            sealed[:_HEADER],
            sealed[_HEADER : _HEADER + _NONCE_BYTES],
            sealed[_HEADER + _NONCE_BYTES :],
        )
        name = header[len(_FORMAT) :]
        if name not in self._ciphers and self._again is not None:
            self._take(self._again())
        cipher = self._ciphers.get(name)
        if cipher is None or header[: len(_FORMAT)] != _FORMAT or len(nonce) != _NONCE_BYTES:
            raise SettingsError("A stored credential was sealed with another secret key.", field=_SETTING)
        try:
            plain = cipher.decrypt(nonce, text, header + aad.encode())
        except InvalidTag:
            raise SettingsError(
                "A stored credential is damaged or belongs to another platform.", field=_SETTING
            ) from None
        opened: dict[str, Any] = orjson.loads(plain)
        return opened


def open_box(setting: str, older: str, home: Path) -> SecretBox:
    """The box for `KAKEHASHI_SECRET_KEY` (or the home's key), which opens what was sealed with those before, too.

    `older`: keys of `KAKEHASHI_SECRET_KEY_OLD`, comma-separated. Raises `SettingsError`.
    """
    keys = _all_keys(setting, older, home)
    return SecretBox(*keys, again=lambda: _all_keys(setting, older, home))


def _all_keys(setting: str, older: str, home: Path) -> list[bytes]:
    given = [_from_setting(text.strip()) for text in older.split(",") if text.strip()]
    return [load_key(setting, home), *given, *_older(home / _OLD_FILE)]


def renew_file(home: Path) -> None:
    """A new key in the home; the one that was there is kept beside it for what is sealed with it.

    Whoever reads in between finds the old one twice, never neither. Raises `SettingsError`.
    """
    file, old = home / _FILE, home / _OLD_FILE
    before = [_from_file(file), *_older(old)]
    _write(old, before)
    _write(file, [os.urandom(_KEY_BYTES)])


def forget_older(home: Path) -> None:
    """All keys but the home's own and the one before it, when nothing is sealed with those any more."""
    old = home / _OLD_FILE
    _write(old, _older(old)[:1])


def _older(file: Path) -> list[bytes]:
    try:
        lines = file.read_text("ascii").split() if file.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The older keys can't be read: {error}", field=_SETTING, value=str(file)) from error
    keys = [_decoded(line) for line in lines]
    if None in keys:
        raise SettingsError("The file of older keys does not hold keys in base64.", field=_SETTING, value=str(file))
    return [key for key in keys if key is not None]


def _write(file: Path, keys: Sequence[bytes]) -> None:
    """Whole or not at all."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(b"".join(base64.b64encode(key) + b"\n" for key in keys))
            written.flush()
            os.fsync(written.fileno())
        fresh.replace(file)
    except OSError as error:
        raise SettingsError(f"The key can't be written: {error}", field=_SETTING, value=str(file)) from error


def load_key(setting: str, home: Path) -> bytes:
    """The 32 bytes that `KAKEHASHI_SECRET_KEY` stands for; if it is empty those of a file in the home, made at need.

    The setting is 32 bytes in hexadecimal or base64, or a passphrase of at least 16 characters. Raises `SettingsError`
    if it is shorter, or the file can't be used or be read by others.
    """
    return _from_setting(setting.strip()) if setting.strip() else _from_file(home / _FILE)


def _from_setting(text: str) -> bytes:
    key = _decoded(text)
    if key is not None:
        return key
    if len(text) < _SHORTEST:
        raise SettingsError(
            f"{_SETTING} is neither 32 bytes in hexadecimal or base64 nor a passphrase of {_SHORTEST} characters.",
            field=_SETTING,
        )
    # The salt can't be random: the same passphrase has to give the same key on every machine.
    return hashlib.scrypt(text.encode(), salt=b"kakehashi secret key", n=2**14, r=8, p=1, dklen=_KEY_BYTES)


def _decoded(text: str) -> bytes | None:
    if len(text) == 2 * _KEY_BYTES:
        try:
            return bytes.fromhex(text)
        except ValueError:
            return None
    try:
        key = base64.b64decode(
            text.rstrip("=") + "=", altchars=b"-_" if {"-", "_"} & set(text) else None, validate=True
        )
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == _KEY_BYTES else None


def _from_file(file: Path) -> bytes:
    try:
        if not file.exists():
            _make(file)
        mode = file.stat().st_mode
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The secret key's file can't be used: {error}", field=_SETTING, value=str(file)) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            "The secret key's file is open to others than its owner; take that away (chmod 600) and consider the "
            "credentials known.",
            field=_SETTING,
            value=str(file),
        )
    key = _decoded(text)
    if key is None:
        raise SettingsError("The secret key's file does not hold 32 bytes in base64.", field=_SETTING, value=str(file))
    return key


def _make(file: Path) -> None:
    """Whole or not at all, and once: of several processes one wins, and all of them read its key."""
    file.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
            written.flush()
            os.fsync(written.fileno())
        try:
            os.link(fresh, file)
        except FileExistsError:
            pass
    finally:
        fresh.unlink()


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"kakehashi key id" + key).digest()[:_KEY_ID_BYTES]
