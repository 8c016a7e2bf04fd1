"""Public statistics of a month: uses by pair of areas, without small counts."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from broker.kpi.report.csv_form import safe
from broker.store.database import Database
from broker.store.kpi import read_usage
from broker.store.usage_rollup import roll_up
from schemas.errors import InvalidRequest
from schemas.kpi.fiscal import TOKYO, month_label
from schemas.kpi.statistics import LEAST, publish


async def public_month(database: Database, month: str | None = None, *, now: datetime | None = None) -> dict[str, Any]:
    """`month`: YYYY-MM, the last whole one if not given. Uses of API by the providing and the consuming area; a request
    that several areas answered counts for each, so totals are sums of the cells. InvalidRequest for a month that is
    none or has not ended. Raises StoreUnavailable."""
    first = _first(month, (now or datetime.now(UTC)).astimezone(TOKYO).date())
    await roll_up(database)
    usage = await read_usage(database, first, _after(first))
    counts: dict[tuple[str, str], int] = {}
    for provider, consumer, _, requests, _ in usage.pairs:
        pair = (provider or "", consumer or "")
        counts[pair] = counts.get(pair, 0) + requests
    rows, columns = sorted({p for p, _ in counts}), sorted({c for _, c in counts})
    return {
        "month": f"{first:%Y-%m}",
        "label": month_label(first),
        "measure": "api_uses",
        "suppressed_below": LEAST,
        "provider_areas": rows,
        "consumer_areas": columns,
        "cells": publish([[counts.get((row, column), 0) for column in columns] for row in rows]),
    }


def public_csv(document: Mapping[str, Any]) -> bytes:
    """One line for each cell; empty where nothing is said. `total`: the sums. UTF-8 with a byte order mark."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["month", "provider_area", "consumer_area", "api_uses"])
    rows, columns = [*document["provider_areas"], "total"], [*document["consumer_areas"], "total"]
    for row, cells in zip(rows, document["cells"], strict=False):
        for column, count in zip(columns, cells, strict=True):
            writer.writerow([document["month"], safe(row), safe(column), safe(count)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _first(month: str | None, today: date) -> date:
    if month is None:
        return date(today.year - (today.month == 1), (today.month - 2) % 12 + 1, 1)
    found = re.fullmatch(r"(2\d{3})-(0[1-9]|1[0-2])", month)
    if found is None:
        raise InvalidRequest("A month is written as 2026-11.", field="month", value=month)
    first = date(int(found[1]), int(found[2]), 1)
    if _after(first) > today:
        raise InvalidRequest("That month has not ended.", field="month", value=month)
    return first


def _after(first: date) -> date:
    return date(first.year + (first.month == 12), first.month % 12 + 1, 1)
