"""Which account the private server runs under. PostgreSQL refuses to run as root, so root lends it an existing one."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from schemas.errors import SettingsError

_CANDIDATES = ("postgres", "nobody")


class Identity(TypedDict, total=False):
    """Arguments for `subprocess` that make a child run as the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """`lent` is True if we are root and the server runs as another user than we do."""

    uid: int
    gid: int
    lent: bool

    @property
    def identity(self) -> Identity:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}

    def own(self, path: Path) -> None:
        """Give a path that we made to the account, and to nobody else."""
        if self.lent:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)

    def can(self, flag: str, path: Path) -> bool:
        """Whether `test FLAG PATH` holds for the account; asked of the system, as access lists and mounts count too."""
        command = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", flag, str(path)]
        done = subprocess.run(command, check=False, cwd="/", stdin=subprocess.DEVNULL, **self.identity)  # noqa: S603
        return done.returncode == 0


def choose(data: Path) -> Account:
    """Ourselves; as root the owner of the data that is there already, else an unprivileged account of the machine.

    Raises `SettingsError` where root finds no such account.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), lent=False)
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, lent=True)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, lent=True)
    raise SettingsError(
        "PostgreSQL does not run as root and this machine has neither an account `postgres` nor `nobody`; "
        "run kakehashi as an ordinary user or set KAKEHASHI_DATABASE_URL.",
        field="KAKEHASHI_DATABASE_URL",
    )
