"""What a home keeps for its gateway beside the database: the administration's key, the alias and the
ledger's signing key."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from schemas.errors import SettingsError

LEDGER_KEY = "ledger.key"
NEXT_LEDGER_KEY = "ledger.key.next"


def admin_key(setting: str, home: Path) -> str:
    """The setting, else the one in the home's `admin.key` (mode 0600), which is made the first time."""
    if setting:
        if len(setting) < 16:
            raise SettingsError("at least 16 characters", field="KAKEHASHI_ADMIN_KEY")
        return setting
    return _kept(home / "admin.key", "ka_" + secrets.token_urlsafe(32))


def alias(setting: str, home: Path) -> str:
    """The setting, else the one in the home's `alias`, which is made the first time and then stays."""
    return setting or _kept(home / "alias", "kakehashi-" + secrets.token_hex(4))


def ledger_seeds(setting: str, home: Path) -> list[bytes]:
    """Seeds (32 bytes) of the keys that may sign the ledger: the setting, else the home's `ledger.key`, which is made
    the first time, and the one that a rotation under way is about to put in its place."""
    if setting:
        return [seed(setting, "KAKEHASHI_LEDGER_KEY")]
    made = base64.b64encode(secrets.token_bytes(32)).decode()
    seeds = [seed(_kept(home / LEDGER_KEY, made), "KAKEHASHI_HOME")]
    coming = home / NEXT_LEDGER_KEY
    if coming.exists():
        seeds.append(seed(_kept(coming, ""), "KAKEHASHI_HOME"))
    return seeds


def seed(text: str, field: str) -> bytes:
    """The 32 bytes that stand in a key file or setting. SettingsError."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise SettingsError("the ledger's signing key is 32 bytes in base64", field=field)
    return raw


def _kept(file: Path, made: str) -> str:
    """The file's text; it is written first if it is not there (whole, or not at all: several workers start at once)."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # not the process's id: containers that share a home may have the same one
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(made + "\n")
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        text = file.read_text().strip()
    except OSError as e:
        raise SettingsError(f"{file} can't be used: {e.strerror}", field="KAKEHASHI_HOME", value=str(file)) from None
    if not text:
        raise SettingsError(f"{file} is empty; remove it and a new one is made", field="KAKEHASHI_HOME")
    return text
