"""Commands that show: figures, flows, plans, adapters, settings, the version."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from cli_process import Cli

from broker.metering.settle import Settler
from schemas.flow import Consumer, Flow, Provider, uuid7

SHELTER = "https://uri.etsi.org/ngsi-ld/default-context/EvacuationShelter"


@pytest.fixture
async def flows(database_url: str) -> list[Flow]:
    """Five requests, the oldest two days old, the others of the last minutes."""
    now = datetime.now(UTC)
    settler = await Settler.start(database_url)
    made = []
    for n, age in enumerate((timedelta(days=2), *(timedelta(seconds=60 - k) for k in range(4)))):
        consumer, provider = Consumer("nav", "org", "p", "takeshiba"), Provider("tk\x1b[2J", "am", "toyosu")
        flow = Flow(uuid7(), uuid7(), now - age, "query", consumer, provider, (SHELTER,), n + 1, 1000, "ok", 1.5)
        await settler.settle([flow])
        made.append(flow)
    await settler.drain()
    return made


def test_kpi(cli: Cli, flows: list[Flow]) -> None:
    report = cli("kpi", "show", "--json").json()
    # of the two days, one may lie in another fiscal year
    assert report["total"]["api_uses"]["total"] in (4, 5)
    assert report["total"]["services"] == 1
    assert cli("kpi", "show", "--json", "--area", "otemachi").json()["total"]["api_uses"]["total"] == 0
    assert "令和" in cli("kpi", "show", "--lang", "ja").out
    assert "API uses" in cli("kpi", "show").out
    again = cli("kpi", "rollup", "--anew", "--check")
    assert (again.code, again.out) == (0, "5 flows were counted\nThe roll-ups equal the flows\n")
    wrong = cli("kpi", "show", "--year", "12")
    assert (wrong.code, wrong.err.endswith("(year = 12)\n")) == (1, True)


def test_flows(cli: Cli, flows: list[Flow]) -> None:
    recent = [str(f.id) for f in flows[1:]]
    assert [f["id"] for f in cli("flows", "--json").json()] == recent
    assert [f["id"] for f in cli("flows", "--json", "--limit", "2").json()] == recent[-2:]
    lines = cli("flows", "--ndjson", "--from", (flows[0].time - timedelta(hours=1)).isoformat()).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [str(flows[0].id), *recent]
    rows = list(csv.DictReader(io.StringIO(cli("flows", "--csv").out)))
    assert [row["id"] for row in rows] == recent
    assert cli("flows", "--json", "--consumer", "somebody").json() == []
    assert cli("flows", "--type", "Other").out == "No flow matches\n"
    table = cli("flows").out
    assert "EvacuationShelter" in table
    assert "\x1b" not in table
    assert cli("flows", "--json", "--csv").code == 1
    assert cli("flows", "--from", "yesterday").err.endswith("(from = yesterday)\n")


def test_explain(cli: Cli) -> None:
    words = ("platform", "add", "--id", "tk", "--adapter", "ngsi_v2", "--endpoint", "http://127.0.0.1:1", "--force")
    assert cli(*words, "--type", "EvacuationShelter").code == 0
    query = '/ngsi-ld/v1/entities?type=EvacuationShelter&q=name=="東京"'
    [source] = cli("explain", query, "--json").json()["sources"]
    assert (source["platform"], source["matches"], source["filtered_here"]) == ("tk", True, ["types", "q"])
    assert "GET /entities?type=EvacuationShelter" in cli("explain", query).out
    assert "対象外" in cli("explain", "type=Other", "--lang", "ja").out
    wrong = cli("explain", "type=A&limit=-1")
    assert (wrong.code, "limit" in wrong.err, wrong.err.count("\n")) == (1, True, 1)


def test_adapters(cli: Cli) -> None:
    listed = cli("adapters")
    assert {"geojson", "ngsi_ld", "ngsi_v2"} <= set(listed.out.replace("│", " ").split())
    whole = cli("adapters", "ngsi_v2", "--lang", "ja").out
    assert "service_paths" in whole
    assert "タイムゾーン" in whole
    [manifest] = cli("adapters", "geojson", "--json").json()
    assert manifest["capabilities"]["by_type"] is True
    assert "mapping" in manifest["options_schema"]["properties"]
    assert cli("adapters", "nix").err.endswith("(adapter = nix)\n")


def test_settings_with_their_source_and_without_secrets(cli: Cli, tmp_path: object) -> None:
    secrets = {"KAKEHASHI_ADMIN_KEY": "very-secret-admin-key", "KAKEHASHI_SECRET_KEY": "very-secret-passphrase"}
    shown = cli("settings", "--json", env=secrets | {"KAKEHASHI_DATABASE_URL": "postgresql://u:pass-word@h/d"})
    rows = {row["setting"]: row for row in shown.json()}
    assert not any(word in shown.out for word in (*secrets.values(), "pass-word"))
    assert rows["KAKEHASHI_DATABASE_URL"]["value"] == "postgresql://u:********@h/d"
    assert rows["KAKEHASHI_ADMIN_KEY"]["source"] == "environment"
    assert rows["KAKEHASHI_ACCESS"] == rows["KAKEHASHI_ACCESS"] | {"value": "closed", "source": "default"}
    assert cli("settings", "--lang", "ja").out.count("環境変数") == 3
    wrong = cli("settings", env={"KAKEHASHI_ACCESS": "ajar"})
    assert (wrong.code, wrong.err.endswith("(KAKEHASHI_ACCESS = ajar)\n")) == (1, True)


def test_settings_from_a_file(cli: Cli, tmp_path: object) -> None:
    file = f"{tmp_path}/k.toml"
    with open(file, "w") as out:
        out.write('area = "toyosu"\nalias = "from-file"\n')
    rows = cli("settings", "--json", env={"KAKEHASHI_CONFIG": file, "KAKEHASHI_ALIAS": "from-env"}).json()
    found = {row["setting"]: (row["value"], row["source"]) for row in rows}
    assert found["KAKEHASHI_AREA"] == ("toyosu", "file")
    assert found["KAKEHASHI_ALIAS"] == ("from-env", "environment")


def test_version_and_wrong_calls(cli: Cli) -> None:
    assert cli("version").out == cli("--version").out
    assert cli("version").out.startswith("kakehashi ")
    assert cli("no-such-command").code == 2
    assert cli("platform", "show").code == 2
    assert cli("--lang", "fr", "version").code == 1


def test_without_a_database(cli: Cli) -> None:
    lost = cli("platform", "list", env={"KAKEHASHI_DATABASE_URL": "postgresql://u:pw@127.0.0.1:1/d"})
    assert lost.code == 1
    assert lost.err.startswith("error: ")
    assert lost.err.count("\n") == 1
    assert "pw" not in lost.err
