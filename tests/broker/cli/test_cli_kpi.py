"""`kakehashi project` and `kakehashi kpi`: from a definition to a filed report, as a secretariat would type it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import Cli

PROJECT = {"id": "nav", "name_ja": "避難所ナビ", "kind": "linked", "first_year": 2024, "areas": ["toyosu"]}


def written(folder: Path, name: str, document: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(document))
    return str(path)


def test_from_definition_to_closing(cli: Cli, tmp_path: Path) -> None:
    assert "API利用回数" in cli("kpi", "define", "--lang", "ja").out
    ready = cli("kpi", "define", "--library", "api-uses").json()
    assert ready["definition"]["of"]["window_minutes"] == 1
    kept = cli("project", "set", "--from", written(tmp_path, "project.json", PROJECT), "--lang", "ja")
    assert (kept.code, "第1版" in kept.out) == (0, True)
    assert cli("project", "show", "nav", "--json").json()["areas"] == ["toyosu"]
    assert "データ連携型" in cli("project", "list", "--lang", "ja").out
    file = written(tmp_path, "kpi.json", {"library": "api-uses", "targets": [{"year": 10}]})
    proposed = cli("kpi", "propose", "--project", "nav", "--from", file, "--side", "project", "--actor", "am-toyosu")
    assert (proposed.code, proposed.out) == (0, "api-uses version 1: proposed (agreed by: project)\n")
    agreed = cli("kpi", "agree", "--project", "nav", "--kpi", "api-uses", "--version", "1")
    assert "agreed" in agreed.out
    assert "am-toyosu" in cli("kpi", "versions", "--project", "nav").out
    entered = cli(
        *("kpi", "enter", "--project", "nav", "--kpi", "api-uses", "--period", "2024", "--unmet-reason", "工事")
    )
    assert entered.code == 0
    closed = cli("kpi", "close", "--project", "nav", "--year", "2024")
    assert (closed.code, closed.out.startswith("Closing no. 1 is filed")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("project", "show", "none"), "There is no project none"),
        (("project", "set", "--from", "/nowhere.json"), "--from = /nowhere.json"),
        (("kpi", "define", "--library", "none"), "library = none"),
        (("kpi", "close", "--project", "none", "--year", "2024"), "There is no project none"),
        (("kpi", "enter", "--project", "p", "--kpi", "k", "--period", "2024", "--value", "x"), "--value = x"),
    ],
)
def test_what_is_wrong_is_told(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    answer = cli(*arguments)
    assert (answer.code, told in answer.err) == (1, True)


def test_a_report_in_every_form(cli: Cli, tmp_path: Path) -> None:
    cli("project", "set", "--from", written(tmp_path, "project.json", PROJECT))
    file = written(tmp_path, "kpi.json", {"library": "active-days", "targets": [{"year": 10}]})
    cli("kpi", "propose", "--project", "nav", "--from", file, "--side", "project")
    cli("kpi", "agree", "--project", "nav", "--kpi", "active-days", "--version", "1")
    shown = cli("kpi", "report", "--project", "nav", "--year", "2024").json()
    assert (shown["kpis"][0]["year1"]["target"], shown["as_of"]) == (10, "2025-03-31")
    out = tmp_path / "report.pdf"
    asked = ("kpi", "report", "--project", "nav", "--year", "2024", "--kind", "individual", "--format", "pdf")
    made = cli(*asked, "--out", str(out), "--file", "--lang", "ja")
    assert (made.code, "個別会資料 第1号" in made.out, out.read_bytes()[:5]) == (0, True, b"%PDF-")
    joint = cli("kpi", "report", "--kind", "joint", "--year", "2024", "--format", "csv", "--lang", "ja")
    assert "合同会資料" in joint.out
    refused = cli("kpi", "report", "--project", "nav", "--year", "2024", "--kind", "result", "--file")
    assert (refused.code, "closed first" in refused.err) == (1, True)
    assert cli("kpi", "report", "--kind", "status").code == 1


def test_evidence_is_written_and_verified(cli: Cli, tmp_path: Path) -> None:
    cli("project", "set", "--from", written(tmp_path, "project.json", PROJECT))
    file = written(tmp_path, "kpi.json", {"library": "active-days", "targets": [{"year": 10}]})
    bundle = str(tmp_path / "evidence.zip")
    early = cli("kpi", "evidence", bundle, "--project", "nav", "--year", "2024")
    assert (early.code, "agreed by both sides" in early.err) == (1, True)
    cli("kpi", "propose", "--project", "nav", "--from", file, "--side", "project")
    cli("kpi", "agree", "--project", "nav", "--kpi", "active-days", "--version", "1")
    cli("kpi", "report", "--project", "nav", "--year", "2024", "--out", str(tmp_path / "r.json"), "--file")
    made = cli("kpi", "evidence", bundle, "--project", "nav", "--filing", "1", "--masked", "--lang", "ja")
    assert (made.code, bundle in made.out) == (0, True), made.err
    checked = cli("verify", bundle, "--lang", "ja")
    assert (checked.code, "nav 2024年度(状況報告)。すべての数値が台帳の記録と一致" in checked.out) == (0, True)
    assert checked.out == cli("verify", bundle, "--lang", "ja").out
    assert cli("verify", bundle, "--json").json()["kpi"]["filing"] == 1
    missing = cli("kpi", "evidence", bundle, "--project", "nav", "--filing", "7")
    assert (missing.code, "no such filing" in missing.err) == (1, True)


def test_the_feed_and_who_is_told(cli: Cli, tmp_path: Path) -> None:
    empty = cli("kpi", "feed", "--lang", "en")
    assert (empty.code, json.loads(empty.out), "next cursor: 0" in empty.err) == (0, [], True)
    table = cli("kpi", "feed", "--format", "csv", "--out", str(tmp_path / "feed.csv"))
    assert (table.code, (tmp_path / "feed.csv").read_bytes()[:7]) == (0, b"\xef\xbb\xbfseq,")
    assert "登録されていません" in cli("kpi", "hook", "list", "--lang", "ja").out
    for url in ("ftp://example.jp/", "https://", "http://[x"):
        refused = cli("kpi", "hook", "add", "office", "--url", url)
        assert (refused.code, "url" in refused.err) == (1, True)
    made = cli("kpi", "hook", "add", "office", "--url", "https://example.jp/hook", "--json").json()
    assert made["secret"].startswith("whsec_")
    assert cli("kpi", "hook", "add", "office", "--url", "https://example.jp/hook").code == 1
    (one,) = cli("kpi", "hook", "list", "--json").json()
    assert (one["id"], one["dead"], "secret" in one) == ("office", 0, False)
    assert "https://example.jp/hook" in cli("kpi", "hook", "list").out
    assert cli("kpi", "hook", "dead", "office", "--json").json() == []
    assert "0 items" in cli("kpi", "hook", "retry", "office", "--lang", "en").out
    assert cli("kpi", "hook", "remove", "office", "--yes").code == 0
    assert cli("kpi", "hook", "remove", "office", "--yes").code == 1


def test_public_statistics(cli: Cli) -> None:
    assert cli("kpi", "public", "--month", "2024-05").json()["month"] == "2024-05"
    assert cli("kpi", "public", "--month", "2024-05", "--format", "csv").out.startswith("\ufeffmonth,")
    assert cli("kpi", "public", "--month", "2999-01").code == 1
