"""Where the private server's files lie: data and locks in the home, the socket where its path is short enough."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from broker.embedded import account as accounts
from broker.embedded.account import Account
from schemas.errors import SettingsError

OUTSIDE = Path("/var/lib/kakehashi-postgres")
"""Programs and data that root's server account can't reach in their own places."""

_SOCKET = ".s.PGSQL.5432"
_LONGEST = 107 - len(f"/{_SOCKET}")
_PLAIN = re.compile(r"[A-Za-z0-9/_.+-]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """Absolute paths of one private server."""

    state: Path
    """The folder in the home: locks, the guardian's log, `instance.json`."""
    data: Path
    socket: Path
    account: Account

    @property
    def users(self) -> Path:
        """Lock file: shared by every user, exclusive for the guardian that stops."""
        return self.state / "users.lock"

    @property
    def guardian(self) -> Path:
        """Lock file: exclusive for the living guardian."""
        return self.state / "guardian.lock"

    @property
    def log(self) -> Path:
        return self.state / "guardian.log"

    @property
    def socket_file(self) -> Path:
        return self.socket / _SOCKET


def state_folder(home: Path) -> Path:
    return home.expanduser().absolute() / "postgres"


def make_state(home: Path) -> Path:
    """The folder in the home, made if need be. Root lets others pass through, so that its server's account may."""
    state = state_folder(home)
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        state.parent.mkdir(mode=mode, parents=True, exist_ok=True)
        state.mkdir(mode=mode, exist_ok=True)
        if not os.access(state, os.W_OK | os.X_OK):
            raise PermissionError(f"Permission denied: '{state}'")
    except OSError as error:
        raise SettingsError(
            f"The home can't be used: {error}", field="KAKEHASHI_HOME", value=str(state.parent)
        ) from error
    return state


def prepare(state: Path) -> Layout:
    """Decide on the places, and remember those outside the home. Call it with the start lock held."""
    record = _Record.read(state)
    account = accounts.choose(record.data or state / "data")
    inside = account.can("-x", state)
    data = record.data or (state / "data" if inside else _outside(account) / secrets.token_hex(8) / "data")
    if not data.parent.exists():
        data.parent.mkdir(mode=0o711)
    run = state / "run"
    if inside and _fits(run) and _private(run, account) and _binds(run):
        place = run
        chosen = record.socket
    else:
        place = chosen = _elsewhere(record.socket, account)
    _Record(data if data.parent != state else None, chosen).write(state)
    return Layout(state, data, place, account)


def recorded_data(state: Path) -> Path:
    """Where the data of this home lie, whether they exist or not."""
    return _Record.read(state).data or state / "data"


def recorded_socket(state: Path) -> Path | None:
    """The socket's folder, if it was chosen outside the home."""
    return _Record.read(state).socket


@dataclass(frozen=True, slots=True)
class _Record:
    """`instance.json`: the places outside the home (None: inside, wherever the home is moved to)."""

    data: Path | None
    socket: Path | None

    @classmethod
    def read(cls, state: Path) -> _Record:
        try:
            said = json.loads((state / "instance.json").read_bytes())
        except (OSError, ValueError):
            return cls(None, None)
        data, place = said.get("data"), said.get("socket")
        return cls(Path(data) if data else None, Path(place) if place else None)

    def write(self, state: Path) -> None:
        fresh = state / "instance.json.new"
        fresh.write_text(
            json.dumps({key: getattr(self, key) and str(getattr(self, key)) for key in ("data", "socket")})
        )
        fresh.replace(state / "instance.json")


def _outside(account: Account) -> Path:
    OUTSIDE.mkdir(mode=0o711, parents=True, exist_ok=True)
    if not account.can("-x", OUTSIDE):
        raise SettingsError(
            f"As root the private database runs under another account, which can enter neither the home nor {OUTSIDE}; "
            "choose a home that others may pass through, or set KAKEHASHI_DATABASE_URL.",
            field="KAKEHASHI_HOME",
        )
    return OUTSIDE


def shared_programs() -> Path:
    OUTSIDE.mkdir(mode=0o711, parents=True, exist_ok=True)
    return OUTSIDE


def _fits(folder: Path) -> bool:
    """Short enough for a socket, and without characters that connection strings treat apart."""
    return len(os.fsencode(folder)) <= _LONGEST and _PLAIN.fullmatch(str(folder)) is not None


def _private(folder: Path, account: Account) -> bool:
    """Make the folder the account's own, or see that it is: in a shared place somebody else may have been first."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (account.uid, os.geteuid()):
            return False
    except OSError:
        return False
    account.own(folder)
    return True


def _binds(folder: Path) -> bool:
    """Whether the file system has sockets; shared folders of virtual machines often have none."""
    trial = folder / ".trial"
    trial.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(trial))
        except OSError:
            return False
    trial.unlink(missing_ok=True)
    return True


def _elsewhere(known: Path | None, account: Account) -> Path:
    """A short folder in a place for temporary files; the same as before where that is still possible."""
    if known is not None and _private(known, account):
        return known
    places = ["/run"] if account.lent else []
    for place in map(Path, (*places, "/tmp", tempfile.gettempdir(), "/var/tmp")):  # noqa: S108
        folder = place / f"kakehashi-{secrets.token_hex(8)}"
        if account.can("-x", place) and _fits(folder) and _private(folder, account):
            return folder
    raise SettingsError("No folder for the database's socket: neither /tmp nor TMPDIR can be written.", field="TMPDIR")
