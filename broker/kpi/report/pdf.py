"""A report as PDF on A4, in Japanese type that comes along (BIZ UDPGothic, SIL Open Font License), with charts."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from reportlab.graphics.charts.barcharts import HorizontalBarChart, VerticalBarChart
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import CondPageBreak, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from broker.kpi.report.sheets import Cell, Sheet, heading, language_of, sheets
from broker.kpi.report.texts import words_of
from schemas.language import Words

FONT = "BIZUDPGothic"
_FILE = Path(__file__).parent / "fonts" / "BIZUDPGothic-Regular.ttf"
_BLUE, _PALE, _GREY = colors.HexColor("#1F4E79"), colors.HexColor("#DCE6F1"), colors.HexColor("#808080")
_WIDTH = landscape(A4)[0] - 24 * mm
_SHORT = 20
"""Characters of a cell that is no prose."""
_SHARES = {
    "sheet.kpis": (5, 7, 12, 3, 3.5, 4, 4, 4, 4, 4, 3, 3, 3.5, 8, 8, 5, 6),
    "sheet.basis": (7, 7, 3.5, 12, 5, 16, 6, 10, 11),
    "sheet.quarters": (7, 14, 8, 7, 7, 7, 7),
    "sheet.quality": (10, 20, 5, 7, 7, 7),
    "sheet.projects": (14, 8, 8, 14, 5, 7, 7, 7),
    "sheet.changes": (8, 16, 7, 7, 7),
    "sheet.pairs": (10, *([7] * 40)),
}


def to_pdf(document: Mapping[str, Any], language: str) -> bytes:
    """The same document gives the same bytes."""
    _register()
    words = words_of(language)
    title = words("title." + document["kind"])
    buffer = io.BytesIO()
    form = SimpleDocTemplate(
        buffer,
        pagesize=landscape(A4),
        leftMargin=12 * mm,
        rightMargin=12 * mm,
        topMargin=12 * mm,
        bottomMargin=14 * mm,
        title=title,
        author="Kakehashi",
        lang=language,
        invariant=1,
    )
    story: list[Any] = [Paragraph(title, _style(16, _BLUE)), Spacer(0, 3 * mm), _heading(document, words)]
    for sheet in sheets(document, words):
        # a heading is followed by some of what it is over
        story += [Spacer(0, 5 * mm), CondPageBreak(35 * mm), *_table(sheet, words)]
        if sheet.id == "sheet.kpis":
            story += [Spacer(0, 4 * mm), KeepTogether(_achievements(document, words))]
        elif sheet.id == "sheet.months":
            story += [Spacer(0, 4 * mm), *_trends(document, words)]

    def foot(canvas: Any, _: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(_GREY)
        canvas.drawString(12 * mm, 7 * mm, f"{title} — {document['as_of']}")
        canvas.drawRightString(landscape(A4)[0] - 12 * mm, 7 * mm, words("page", page=canvas.getPageNumber()))

    form.build(story, onFirstPage=foot, onLaterPages=foot)
    return buffer.getvalue()


@cache
def _register() -> None:
    pdfmetrics.registerFont(TTFont(FONT, str(_FILE)))
    # one weight is shipped; what is asked to be bold or slanted falls back on it
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=FONT, italic=FONT, boldItalic=FONT)


@cache
def _style(size: float, color: Any = colors.black, alignment: int = 0, hang: bool = False) -> ParagraphStyle:
    """`hang`: room at the end of lines for a character that may not begin one."""
    return ParagraphStyle(
        f"s{size}{color}{alignment}{hang}", fontName=FONT, fontSize=size, leading=size * 1.3, wordWrap="CJK",
        textColor=color, alignment=alignment,
        rightIndent=size if hang else 0,
    )  # fmt: skip


def _heading(document: Mapping[str, Any], words: Words) -> Table:
    rows = [
        [Paragraph(escape(name), _style(8, _GREY)), Paragraph(escape(value), _style(9))]
        for name, value in heading(document, words)
    ]
    table = Table(rows, colWidths=[30 * mm, _WIDTH - 30 * mm])
    table.setStyle(TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5)]))
    return table


def _table(sheet: Sheet, words: Words) -> list[Any]:
    parts: list[Any] = [Paragraph(escape(words(sheet.id)), _style(11, _BLUE)), Spacer(0, 1.5 * mm)]
    if sheet.note:
        parts += [Paragraph(escape(sheet.note), _style(7.5, _GREY)), Spacer(0, 1 * mm)]
    if not sheet.rows:
        return parts
    size = 6 if len(sheet.columns) > 10 else 7.5
    head = [Paragraph(escape(text), _style(size, _BLUE)) for text in sheet.heads(words)]
    rows = [[_cell(cell, size) for cell in row] for row in sheet.rows]
    shares = _SHARES.get(sheet.id) or (8, *([14] if len(sheet.columns) > 3 else []), *([5] * 40))
    shares = shares[: len(sheet.columns)]
    table = Table([head, *rows], colWidths=[_WIDTH * share / sum(shares) for share in shares], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), _PALE),
                ("GRID", (0, 0), (-1, -1), 0.3, _GREY),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 2),
                ("RIGHTPADDING", (0, 0), (-1, -1), 2),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ]
        )
    )
    return [*parts, table]


def _cell(cell: Cell, size: float) -> Paragraph:
    if isinstance(cell, str):
        return Paragraph(escape(cell), _style(size, hang=len(cell) > _SHORT))
    return Paragraph("" if cell is None else number(cell), _style(size, colors.black, 2))


def number(value: Any) -> str:
    """With thousands apart, and no more decimals than it has."""
    text = f"{value:,f}" if not isinstance(value, int) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _achievements(document: Mapping[str, Any], words: Words) -> list[Any]:
    """達成率 of each KPI as a bar; the line is at 100."""
    side = language_of(words)
    found = [(k[f"name_{side}"], float(k["achievement"])) for k in document["kpis"] if k["achievement"] is not None]
    if not found:
        return []
    found.reverse()
    drawing = Drawing(_WIDTH, 14 * len(found) + 34)
    chart = HorizontalBarChart()
    chart.x, chart.y, chart.width, chart.height = 150, 20, _WIDTH - 220, 14 * len(found)
    chart.data = [[min(rate, 150.0) for _, rate in found]]
    chart.categoryAxis.categoryNames = [name for name, _ in found]
    chart.categoryAxis.labels.fontName = chart.valueAxis.labels.fontName = FONT
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 7
    chart.valueAxis.valueMin, chart.valueAxis.valueMax, chart.valueAxis.valueStep = 0, 150, 25
    chart.bars[0].fillColor, chart.bars[0].strokeColor = _BLUE, None
    # the axis ends at 150, the figure beside the bar is the true one
    chart.barLabelFormat = "values"
    chart.barLabelArray = [[number(round(rate, 1)) + "%" for _, rate in found]]
    chart.barLabels.fontName, chart.barLabels.fontSize = FONT, 7
    chart.barLabels.nudge = 16
    drawing.add(chart)
    drawing.add(String(0, 14 * len(found) + 24, words("achievement"), fontName=FONT, fontSize=8, fillColor=_BLUE))
    return [drawing]


def _trends(document: Mapping[str, Any], words: Words) -> list[Any]:
    """A small column chart for each KPI that has a month's value, three in a row."""
    side = language_of(words)
    made = []
    for kpi in document["kpis"]:
        values = [None if m["value"] is None else float(m["value"]) for m in kpi["months"]]
        if any(value is not None for value in values):
            made.append(_trend(f"{kpi[f'name_{side}']}({kpi[f'unit_{side}']})", values, kpi["months"]))
    rows = [made[n : n + 3] + [""] * (3 - len(made[n : n + 3])) for n in range(0, len(made), 3)]
    return [Table(rows, colWidths=[_WIDTH / 3] * 3)] if rows else []


def _trend(title: str, values: list[float | None], months: list[Mapping[str, Any]]) -> Drawing:
    width, height = _WIDTH / 3 - 8, 110
    drawing = Drawing(width, height)
    chart = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 36, 16, width - 44, height - 38
    chart.data = [[0.0 if value is None else value for value in values]]
    chart.categoryAxis.categoryNames = [str(int(m["period"][5:7])) for m in months]
    chart.valueAxis.valueMin = 0
    chart.valueAxis.valueMax = max([value for value in values if value is not None] or [1.0]) or 1.0
    if chart.valueAxis.valueMax <= 5 and all(value is None or value.is_integer() for value in values):
        chart.valueAxis.valueStep = 1
    chart.valueAxis.labelTextFormat = lambda shown: number(round(shown, 2))
    chart.categoryAxis.labels.fontName = chart.valueAxis.labels.fontName = FONT
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 6
    chart.bars[0].fillColor, chart.bars[0].strokeColor = _BLUE, None
    drawing.add(chart)
    drawing.add(String(0, height - 10, title, fontName=FONT, fontSize=7, fillColor=_BLUE))
    return drawing
