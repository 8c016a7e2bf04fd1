"""`kakehashi platform …` against a real platform and a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import Cli

OPTIONS = ("--adapter", "ngsi_v2", "--area", "takeshiba", "--organisation", "Takeshiba AM")
PLACE = ("--tenant", "takeshiba", "--service-path", "/opendata")


def test_add_says_what_was_found_and_keeps_the_key_to_itself(cli: Cli, orion: str) -> None:
    added = cli(
        *("platform", "add", "--id", "tk", "--endpoint", orion, *OPTIONS, *PLACE),
        *("--type", "EvacuationShelter", "--type", "CrowdFlowObserved"),
        *("--api-key-header", "apikey", "--credential-file", "-"),
        stdin=b"right-key\n",
    )
    assert (added.code, added.err) == (0, "")
    assert "Orion 3.10.1" in added.out
    assert "kept encrypted" in added.out
    assert "tk is registered" in added.out
    shown = cli("platform", "show", "tk", "--json")
    document = shown.json()
    assert document["state"] == "active"
    assert document["coverage"]["types"] == ["EvacuationShelter", "CrowdFlowObserved"]
    assert document["probe"]["page_limit"] == 1000
    for result in (added, shown, cli("platform", "show", "tk"), cli("platform", "list")):
        assert "right-key" not in result.out + result.err


@pytest.mark.parametrize(
    ("secret", "endpoint", "field"),
    [("wrong-key", "{orion}", "credential"), ("right-key", "http://127.0.0.1:1", "endpoint")],
)
def test_a_fault_is_named_and_nothing_is_stored(cli: Cli, orion: str, secret: str, endpoint: str, field: str) -> None:
    words = ("platform", "add", "--id", "tk", "--endpoint", endpoint.format(orion=orion), *OPTIONS, *PLACE)
    refused = cli(*words, "--api-key-header", "apikey", env={"KAKEHASHI_CREDENTIAL": secret})
    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.startswith("error: ")
    assert refused.err.endswith(f"({field})\n")
    assert refused.err.count("\n") == 1
    assert secret not in refused.err
    assert cli("platform", "list", "--json").json() == []


def test_force_keeps_it_unverified(cli: Cli) -> None:
    kept = cli("platform", "add", "--id", "tk", "--endpoint", "http://127.0.0.1:1", *OPTIONS, "--force")
    assert kept.code == 0
    assert "Problem (endpoint):" in kept.out
    assert "unverified" in kept.err
    [row] = cli("platform", "list", "--json").json()
    assert (row["id"], row["state"], row["probe"]["ok"]) == ("tk", "unverified", False)
    assert cli("platform", "probe", "tk").code == 1
    assert cli("platform", "certify", "tk").code == 1


def test_from_a_file_with_options_over_it(cli: Cli, orion: str, tmp_path: Path) -> None:
    document = {
        "id": "from-file",
        "adapter": "ngsi_v2",
        "endpoint": orion,
        "tenant": "takeshiba",
        "options": {"timezone": "UTC", "prefix": "/v2"},
        "coverage": {"types": ["EvacuationShelter"], "attributes": ["name"]},
        "credential": {"kind": "header", "name": "apikey", "value": "right-key"},
    }
    file = tmp_path / "platform.json"
    file.write_text(json.dumps(document))
    geometry = '{"type": "Point", "coordinates": [139.76, 35.65]}'
    added = cli(
        *("platform", "add", "--from", f"@{file}", "--area", "takeshiba", "--service-path", "/opendata", "--json"),
        *("--option", "timezone=Asia/Tokyo", "--geometry", geometry, "--timeout-ms", "1234"),
    )
    assert added.code == 0, added.err
    found = added.json()
    assert (found["area"], found["service_path"], found["timeout_ms"]) == ("takeshiba", "/opendata", 1234)
    assert (found["options"]["timezone"], found["options"]["prefix"]) == ("Asia/Tokyo", "/v2")
    assert found["coverage"]["attributes"] == ["name"]
    assert found["coverage"]["geometry"]["type"] == "Point"


def test_probe_certify_remove(cli: Cli, orion: str) -> None:
    words = ("platform", "add", "--id", "tk", "--endpoint", orion, *OPTIONS, *PLACE, "--api-key-header", "apikey")
    assert cli(*words, env={"KAKEHASHI_CREDENTIAL": "right-key"}).code == 0
    again = cli(*words, env={"KAKEHASHI_CREDENTIAL": "right-key"})
    assert (again.code, again.err) == (1, "error: A platform tk is registered already. (id)\n")
    assert cli("platform", "probe", "tk", "--json").json()["probe"]["ok"] is True
    report = cli("platform", "certify", "tk", "--json")
    failed = [c for c in report.json()["checks"] if not c["ok"]]
    assert (report.code, failed) == (0, [])
    assert "certified" in cli("platform", "list").out
    assert cli("platform", "remove", "tk").code == 0
    gone = cli("platform", "remove", "tk")
    assert (gone.code, gone.err) == (1, "error: No platform tk is registered. (id = tk)\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--endpoint", "http://127.0.0.1:1", "--adapter", "ngsi_v2"), "(id"),
        (("--id", "x", "--adapter", "nothing", "--endpoint", "http://127.0.0.1:1"), "(adapter = nothing)"),
        (("--id", "x", "--adapter", "ngsi_v2", "--timeout-ms", "0", "--endpoint", "http://h"), "(timeout_ms = 0)"),
        (("--id", "x", "--adapter", "ngsi_v2"), "(endpoint)"),
        (("--from", "@/no/such/file"), "(--from = /no/such/file)"),
        (("--options", "{"), "(--options)"),
        (("--option", "nothing"), "(--option = nothing)"),
        (("--bearer",), "(--credential-file)"),
        (("--bearer", "--basic", "user"), "(--basic)"),
        (("--credential-file", "-"), "(--credential-file)"),
        (("--credential", "[]"), "(--credential)"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(cli: Cli, words: tuple[str, ...], message: str) -> None:
    refused = cli("platform", "add", *words)
    assert refused.code == 1
    assert refused.out == ""
    assert refused.err.startswith("error: ")
    assert f" {message}" in refused.err
    assert refused.err.count("\n") == 1


def test_in_japanese(cli: Cli) -> None:
    assert "登録されていません" in cli("platform", "list", env={"LANG": "ja_JP.UTF-8"}).out
    assert "登録されていません" in cli("platform", "list", "--lang", "ja").out
    assert "No platform" in cli("--lang=en", "platform", "list", env={"LANG": "ja_JP.UTF-8"}).out
    missing = cli("platform", "show", "nix", env={"LC_ALL": "ja_JP.UTF-8"})
    assert missing.err.startswith("エラー: ")


def test_what_a_terminal_would_obey_is_not_passed_on(cli: Cli) -> None:
    name = "\x1b[31mred\x07\x9b2J"
    words = ("platform", "add", "--id", "tk", "--endpoint", "http://127.0.0.1:1", *OPTIONS, "--force", "--name", name)
    assert cli(*words).code == 0
    for command in (("list",), ("show", "tk")):
        out = cli("platform", *command).out
        assert not {"\x1b", "\x07", "\x9b"} & set(out)
