"""Flows as a table: who took how much of what from whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from broker.demo.language import Words, clean

_NUMBERS = ("entities", "bytes", "ms")
_GOOD = ("ok", "empty")


def flow_table(words: Words, flows: Sequence[Mapping[str, Any]]) -> Table:
    """`flows` as `GET /flows` gives them, one row for each; times are local ones."""
    table = Table(title=words("flows.title"), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("time", "consumer", "provider", "cross", "types", *_NUMBERS, "outcome"):
        table.add_column(words(f"flows.col.{name}"), justify="right" if name in _NUMBERS else "left", overflow="fold")
    for flow in flows:
        types = ", ".join(t.rpartition("/")[2] for t in flow["types"])
        outcome = flow["outcome"]
        table.add_row(
            f"{datetime.fromisoformat(flow['time']).astimezone():%m-%d %H:%M}",
            Text(clean(flow["consumer"]["service"])),
            Text(clean(flow["platform"])),
            words("flows.crosses") if flow["cross_area"] else "",
            Text(clean(types or "—")),
            f"{flow['entities']:,}",
            f"{flow['bytes']:,}",
            f"{flow['latency_ms']:,.1f}",
            Text(words.or_same("status.", outcome), style="green" if outcome in _GOOD else "red"),
        )
    return table
