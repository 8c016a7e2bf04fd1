"""The forms in which a report can be had."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from schemas.kpi.document import encode


class ReportForm(StrEnum):
    """The value is what `format` takes."""

    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"


MEDIA = {
    ReportForm.JSON: "application/json",
    ReportForm.CSV: "text/csv; charset=utf-8",
    ReportForm.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ReportForm.PDF: "application/pdf",
}


def render(document: Mapping[str, Any], form: ReportForm, language: str) -> bytes:
    """What draws is imported when it is first needed: it weighs some 30 MB."""
    if form is ReportForm.CSV:
        from broker.kpi.report.csv_form import to_csv

        return to_csv(document, language)
    if form is ReportForm.XLSX:
        from broker.kpi.report.xlsx import to_xlsx

        return to_xlsx(document, language)
    if form is ReportForm.PDF:
        from broker.kpi.report.pdf import to_pdf

        return to_pdf(document, language)
    return encode(document)
