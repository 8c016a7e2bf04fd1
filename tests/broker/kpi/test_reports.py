"""The forms of a report: the same figures in each, the same bytes each time, and formulas that hold in LibreOffice."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from recorded_year import YEAR, flows, settle, store

from broker.kpi.programme import Programme
from broker.kpi.report.forms import ReportForm, render
from broker.kpi.report.sheets import sheets
from broker.kpi.report.texts import REPORT_TEXTS, words_of
from broker.store.database import Database
from schemas.kpi.document import encode
from schemas.kpi.entry import Entry
from schemas.kpi.life import Filing

LAST = date(YEAR + 1, 3, 31)
Document = dict[str, Any]


@pytest.fixture
async def programme(database: Database) -> Programme:
    made = Programme(database)
    await settle(made, 2)
    await store(database, list(flows(3000, seed=5)))
    await made.enter("p1", "satisfaction", f"{YEAR}-Q2", Entry(Decimal("72.5"), "調査"), "org-1")
    await made.enter("p1", "time-saved", f"{YEAR}-Q3", Entry(Decimal("41.5"), "計測"), "org-1")
    words = Entry(unmet_reason="=HYPERLINK(1)", improvement="<b>周知</b>")
    await made.enter("p1", "api-uses", str(YEAR), words, "org-1")
    return made


@pytest.fixture
async def document(programme: Programme) -> Document:
    await programme.file_status("p1", YEAR, "org-1", Filing.INDIVIDUAL)
    return await programme.report("p1", YEAR, Filing.INDIVIDUAL, as_of=LAST)


async def test_the_same_report_is_the_same_bytes(programme: Programme, document: Document) -> None:
    again = await programme.report("p1", YEAR, Filing.INDIVIDUAL, as_of=LAST)
    for form in ReportForm:
        for language in ("ja", "en"):
            assert render(again, form, language) == render(document, form, language), (form, language)


async def test_csv(document: Document) -> None:
    made = render(document, ReportForm.CSV, "ja")
    assert made.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(made[3:].decode(), newline="")))
    head = next(row for row in rows if row[:2] == ["ID", "指標名"])
    for name in (
        "指標名", "定義", "単位", "基準値", "1年目目標", "1年目実績", "2年目目標", "2年目実績", "達成率(%)", "未達理由",
        "改善策", "算出根拠",
    ):  # fmt: skip
        assert name in head
    uses = dict(zip(head, next(row for row in rows if row[:1] == ["api-uses"]), strict=True))
    kpi = next(k for k in document["kpis"] if k["id"] == "api-uses")
    assert Decimal(uses["2年目実績"]) == kpi["year2"]["actual"] > 0
    assert Decimal(uses["達成率(%)"]) == kpi["achievement"]
    assert uses["未達理由"] == "'=HYPERLINK(1)"
    assert ["年度", f"令和6年度({YEAR})"] in rows


async def run(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, err.decode(errors="replace")
    return out


def cells(sheet: Any) -> list[list[Any]]:
    return [list(row) for row in sheet.iter_rows(values_only=True)]


async def test_xlsx_has_formulas_frozen_heads_and_an_a4_print_area(document: Document) -> None:
    made = render(document, ReportForm.XLSX, "ja")
    book = openpyxl.load_workbook(io.BytesIO(made))
    assert book.sheetnames == ["指標", "四半期", "月別", "算出根拠", "前回からの変化", "データ品質"]
    page = book["指標"]
    formulas = [c for row in cells(page) for c in row if isinstance(c, str) and c.startswith("=") and "(" in c]
    assert sum("ROUND" in f for f in formulas) >= 2 * len(document["kpis"])
    assert sum(f.startswith("=SUM") for f in formulas) == 2
    for sheet in book:
        assert (sheet.freeze_panes is not None, sheet.page_setup.paperSize, sheet.page_setup.orientation) == (
            True, 9, "landscape",
        )  # fmt: skip
        assert sheet.print_area
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
    # text from outside is text
    hostile = [c for row in page for c in row if c.value == "=HYPERLINK(1)"]
    assert [c.column_letter for c in hostile] == ["N"]
    with zipfile.ZipFile(io.BytesIO(made)) as packed:
        assert "HYPERLINK" not in packed.read("xl/worksheets/sheet1.xml").decode()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
async def test_the_formulas_give_the_same_values_in_libreoffice(document: Document, tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(render(document, ReportForm.XLSX, "ja"))
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    kind = "xlsx:Calc MS Excel 2007 XML"
    told = [profile, "--headless", "--convert-to", kind, "--outdir", str(tmp_path / "again"), str(path)]
    await run("soffice", *told)
    book = openpyxl.load_workbook(tmp_path / "again" / "report.xlsx", data_only=True)
    kpis = {row[0]: row for row in cells(book["指標"]) if row[0]}
    head = next(row for row in cells(book["指標"]) if row[0] == "ID")
    rate, points, weight = (head.index(name) for name in ("達成率(%)", "評価点", "配点"))
    for kpi in document["kpis"]:
        row = kpis[kpi["id"]]
        assert (row[rate] or None) == (None if not kpi["achievement"] else pytest.approx(float(kpi["achievement"])))
        assert row[points] == pytest.approx(float(kpi["points"]))
    total = next(row for row in cells(book["指標"]) if row[1] == "計")
    assert total[points] == pytest.approx(float(document["score"]["points"]))
    assert total[weight] == pytest.approx(float(document["score"]["full"]))
    quarters = [row for row in cells(book["四半期"]) if row[2] and str(row[2]).startswith("第")]
    expected = [q["achievement"] for k in document["kpis"] for q in k["quarters"]]
    assert [row[6] or None for row in quarters] == [None if not e else pytest.approx(float(e)) for e in expected]


async def test_pdf_embeds_its_font_and_says_what_the_document_says(document: Document, tmp_path: Path) -> None:
    made = render(document, ReportForm.PDF, "ja")
    assert made.startswith(b"%PDF-")
    assert b"BIZUDPGothic" in made
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler is not installed")
    path = tmp_path / "report.pdf"
    path.write_bytes(made)
    text = (await run("pdftotext", "-layout", str(path), "-")).decode()
    for words in ("個別会資料", "プロジェクト1(データ連携型)", "令和6年度", "未達理由", "データ品質", "1ページ"):
        assert words in text


async def test_the_joint_pack_masks_what_is_a_projects_own(programme: Programme) -> None:
    document = await programme.joint(YEAR, as_of=LAST)
    assert [p["id"] for p in document["projects"]] == [f"p{n}" for n in (1, 2)]
    own = await programme.report("p1", YEAR, as_of=LAST)
    assert document["projects"][0]["kpis"][0]["achievement"] == own["kpis"][0]["achievement"]
    shown = encode(document).decode()
    for hidden in ("unmet_reason", "improvement", "evidence", "quality", "svc-", "digest", "周知"):
        assert hidden not in shown
    assert sum(p["entities"] for p in document["pairs"]) > 0
    for form in ReportForm:
        assert render(document, form, "en") == render(document, form, "en")


async def test_what_changed_since_the_last_meeting(programme: Programme, database: Database) -> None:
    first = await programme.report("p1", YEAR, Filing.INDIVIDUAL, as_of=LAST)
    assert first["changes"] == []
    await programme.file_status("p1", YEAR, "org-1", Filing.INDIVIDUAL)
    await store(database, list(flows(2000, seed=6)))
    second = await programme.report("p1", YEAR, Filing.INDIVIDUAL, as_of=LAST)
    uses = next(c for c in second["changes"] if c["id"] == "api-uses")
    assert uses["difference"] == uses["now"] - uses["before"] > 0
    assert (await programme.report("p1", YEAR, as_of=LAST))["changes"] is None


async def test_every_head_is_in_both_languages(programme: Programme, document: Document) -> None:
    joint = await programme.joint(YEAR, as_of=LAST)
    assert all(all(sides) for sides in REPORT_TEXTS.values())
    for language in ("ja", "en"):
        words = words_of(language)
        for sheet in (*sheets(document, words), sheets(joint, words)[0]):
            assert len({len(row) for row in sheet.rows} | {len(sheet.columns)}) == 1
            known = {sides[0 if language == "ja" else 1] for sides in REPORT_TEXTS.values()}
            assert sheet.id == "sheet.months" or set(sheet.heads(words)) <= known
