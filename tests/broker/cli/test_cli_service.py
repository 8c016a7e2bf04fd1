"""`kakehashi service …` and `admin-key`: keys are shown once, and they open what they should."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_process import Cli

from broker.store.database import Database
from broker.store.services import Kind, Services, hash_key
from schemas.roles import Role


async def test_add_prints_the_key_once(cli: Cli, database: Database) -> None:
    words = ("--name", "Map", "--organisation", "Org", "--project", "P", "--area", "toyosu", "--batch")
    added = cli("service", "add", "--id", "map", *words)
    assert added.code == 0
    key = added.out.splitlines()[-1]
    assert key.startswith("kk_")
    assert "once only" in added.err
    assert key not in added.err
    services = Services(database)
    found = (await services.by_key_hash())[hash_key(key)].service
    assert (found.id, found.name, found.organisation, found.project, found.area) == ("map", "Map", "Org", "P", "toyosu")
    assert found.kind is Kind.BATCH
    for command in (("list",), ("show", "map"), ("list", "--json"), ("show", "map", "--json")):
        shown = cli("service", *command)
        assert shown.code == 0
        assert "map" in shown.out
        assert key not in shown.out + shown.err


async def test_disable_enable_rotate_remove(cli: Cli, database: Database) -> None:
    services = Services(database)
    first = cli("service", "add", "--id", "s", "--json").json()["key"]
    assert cli("service", "disable", "s").code == 0
    assert (await services.get("s")).disabled
    assert "disabled" in cli("service", "list").out
    assert cli("service", "enable", "s").code == 0
    assert not (await services.get("s")).disabled
    second = cli("service", "rotate", "s", "--json").json()["key"]
    known = await services.by_key_hash()
    assert hash_key(first) not in known
    assert known[hash_key(second)].service.id == "s"
    third = cli("service", "rotate", "s", "--keep", "2", "--json").json()["key"]
    known = await services.by_key_hash()
    assert set(known) == {hash_key(second), hash_key(third)}
    await services.used([hash_key(third)])
    newest, older = cli("service", "show", "s", "--json").json()["keys"]
    assert (newest["expires_at"], older["last_used"]) == (None, None)
    assert newest["last_used"] is not None
    assert older["expires_at"] is not None
    assert cli("service", "remove", "s").code == 0
    assert await services.all() == []
    assert cli("service", "list", "--json").json() == []


async def test_roles(cli: Cli, database: Database) -> None:
    assert cli("service", "add", "--id", "o", "--role", "operator", "--role", "auditor").code == 0
    assert (await Services(database).get("o")).roles == {Role.OPERATOR, Role.AUDITOR}
    assert cli("service", "show", "o", "--json").json()["roles"] == ["auditor", "operator"]
    assert cli("service", "add", "--id", "p", "--role", "king").code == 2


@pytest.mark.parametrize("command", ["show", "disable", "enable", "rotate", "remove"])
def test_one_that_is_not_there(cli: Cli, command: str) -> None:
    missing = cli("service", command, "nix")
    assert (missing.code, missing.out, missing.err) == (1, "", "error: There is no service nix. (id = nix)\n")


def test_twice(cli: Cli) -> None:
    assert cli("service", "add", "--id", "s").code == 0
    again = cli("service", "add", "--id", "s")
    assert (again.code, again.err) == (1, "error: There is a service s already. (id)\n")


def test_the_key_of_the_administration(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "home" / "admin.key"
    assert cli("admin-key").out == f"{file}\n"
    key = file.read_text().strip()
    assert (file.stat().st_mode & 0o777, key[:3]) == (0o600, "ka_")
    assert cli("admin-key", "--show").out == f"{key}\n"
    given = {"KAKEHASHI_ADMIN_KEY": "a-key-of-sixteen-and-more"}
    assert "KAKEHASHI_ADMIN_KEY" in cli("admin-key", env=given).out
    assert given["KAKEHASHI_ADMIN_KEY"] not in cli("admin-key", env=given).out
    assert cli("admin-key", "--show", env=given).out == given["KAKEHASHI_ADMIN_KEY"] + "\n"
