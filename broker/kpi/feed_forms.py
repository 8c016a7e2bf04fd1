"""The feed, hooks and dead letters as they are shown: JSON-able objects, and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from broker.kpi.report.csv_form import safe
from broker.store.kpi_feed import Delivery, FeedItem, Hook

_COLUMNS = (
    "seq", "at", "kind", "project", "subject", "day", "name_ja", "name_en", "unit_ja", "year", "month", "value",
    "target", "achievement", "points", "version", "digest", "filing", "number", "supersedes",
)  # fmt: skip


def as_object(item: FeedItem) -> dict[str, Any]:
    return {
        "seq": item.seq,
        "at": None if item.at is None else item.at.isoformat(),
        "kind": item.kind,
        "project": item.project,
        "subject": item.subject,
        "day": item.day.isoformat(),
        **item.body,
    }


def feed_csv(items: Iterable[FeedItem]) -> bytes:
    """UTF-8 with a byte order mark."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for one in items:
        row = as_object(one)
        writer.writerow([safe(row.get(name)) for name in _COLUMNS])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def described_hook(one: Hook) -> dict[str, Any]:
    """Without its secret."""
    return {"id": one.id, "url": one.url, "position": one.position, "created_at": one.created_at.isoformat()}


def dead_letter(one: Delivery) -> dict[str, Any]:
    return {**as_object(one.item), "attempts": one.attempts, "error": one.error}
