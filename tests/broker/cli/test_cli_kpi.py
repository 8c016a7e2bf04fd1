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
