"""`kakehashi area`: what one area has set up, carried to another in one file without secrets."""

from __future__ import annotations

import json
from pathlib import Path

from cli_process import Cli

from broker.store.database import connect

SECRET = "key-of-takeshiba-that-must-not-leave"


async def events(url: str) -> list[tuple[str, bytes]]:
    connection = await connect(url)
    try:
        rows = await connection.fetch("SELECT subject, body FROM ledger_events WHERE kind = 'area.applied'")
        return [(row["subject"], row["body"]) for row in rows]
    finally:
        await connection.close()


async def test_an_area_is_rolled_out(cli: Cli, tmp_path: Path, database_url: str) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET)
    added = cli(
        *("platform", "add", "--id", "takeshiba-orion", "--adapter", "ngsi_v2", "--endpoint", "http://127.0.0.1:9"),
        *("--area", "takeshiba", "--type", "Crowd", "--tenant", "tk", "--bearer", "--credential-file", str(key)),
        "--force",
    )
    assert added.code == 0, added.err
    project = {"id": "prep", "name_ja": "準備", "kind": "preparing", "first_year": 2026, "areas": ["takeshiba"]}
    for name, document in (
        ("a", project),
        ("b", project | {"id": "next", "areas": ["toyosu"]}),
        ("k", {"library": "api-uses"}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    for name in "ab":
        assert cli("project", "set", "--from", str(tmp_path / f"{name}.json")).code == 0
    cli("kpi", "propose", "--project", "prep", "--from", str(tmp_path / "k.json"))
    cli("kpi", "agree", "--project", "prep", "--kpi", "api-uses", "--version", "1", "--side", "project")
    exported = cli("area", "export", "takeshiba")
    assert exported.code == 0, exported.err
    assert SECRET not in exported.out
    assert "127.0.0.1" not in exported.out
    document = json.loads(exported.out)
    assert (document["platforms"][0]["tenant"], document["kpis"][0]["id"]) == ("tk", "api-uses")
    file = tmp_path / "area.json"
    file.write_text(exported.out)
    refused = cli("area", "apply", "--from", str(file), "--as", "toyosu")
    assert (refused.code, "platforms[0].endpoint" in refused.err) == (1, True)
    applied = cli(
        *("area", "apply", "--from", str(file), "--as", "toyosu", "--project", "next"),
        *("--endpoint", "takeshiba-orion=http://127.0.0.1:9/toyosu", "--json"),
    )
    assert applied.code == 0, applied.err
    assert applied.json() == {
        "area": "toyosu", "platforms": ["toyosu-orion"], "agreements": [], "kpis": ["api-uses"], "skipped": [],
    }  # fmt: skip
    made = cli("platform", "show", "toyosu-orion", "--json").json()
    assert (made["area"], made["tenant"], made["has_credential"], made["coverage"]["types"]) == (
        "toyosu", "tk", False, ["Crowd"],
    )  # fmt: skip
    again = cli(
        "area", "apply", "--from", str(file), "--as", "toyosu", "--endpoint", "takeshiba-orion=http://x.example"
    )
    assert (again.code, "toyosu-orion" in again.err) == (1, True)
    ((subject, body),) = await events(database_url)
    assert (subject, json.loads(body)["from"]) == ("toyosu", "takeshiba")
    assert cli("area", "export", "nowhere").code == 1
