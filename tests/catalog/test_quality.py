from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from catalog.quality import WORDS, Findings, promised_days, quality
from schemas.dataset import Access, Agent, Dataset, Distribution, Licence, Live

TODAY = date(2026, 11, 1)
GOOD = Dataset(
    "tokyo",
    "1",
    "避難所一覧",
    description="説明",
    publisher=Agent("江東区"),
    contact=Agent("防災課"),
    licence=Licence("CC-BY-4.0"),
    access=Access.OPEN,
    keywords=("避難所",),
    modified="2026-04-01",
    frequency="年次",
    bbox=(139.7, 35.6, 139.9, 35.7),
    distributions=(Distribution("0", access_url="https://x.example/a.csv", format="CSV"),),
)


def test_nothing_is_missing() -> None:
    assert quality(GOOD, TODAY).score == 100


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("no_distribution", {"distributions": ()}),
        ("no_distribution", {"distributions": (Distribution("0"),)}),
        ("no_licence", {"licence": Licence(), "access": Access.UNKNOWN}),
        ("closed_licence", {"licence": Licence("CC-BY-NC"), "access": Access.UNKNOWN}),
        ("late", {"modified": "2023-04-01"}),
        ("late", {"frequency": "daily", "modified": "2026-10-01T00:00:00Z"}),
        ("not_machine_readable", {"distributions": (Distribution("0", access_url="https://x/a", format="PDF"),)}),
        ("outside_tokyo", {"bbox": (135.0, 34.0, 136.0, 35.0)}),
        ("no_contact", {"contact": Agent()}),
        ("no_description", {"description": ""}),
        ("no_keywords", {"keywords": ()}),
        ("no_date", {"modified": ""}),
        ("no_publisher", {"publisher": Agent()}),
        ("unhealthy", {"live": Live("p", healthy=False, count=3)}),
        ("empty", {"live": Live("p", count=0)}),
        ("no_schema", {"live": Live("p", count=3, seen="2026-11-01T00:00:00Z")}),
    ],
)
def test_each_fault_costs_what_it_says(reason: str, changes: dict[str, Any]) -> None:
    judged = quality(msgspec.structs.replace(GOOD, **changes), TODAY)
    assert judged.reasons == (reason,)
    assert judged.score == 100 - WORDS[reason][0]


@pytest.mark.parametrize(
    ("said", "days"), [("年次", 740), ("毎月", 62), ("daily", 3), ("随時", 0), ("", 0), ("quarterly", 186)]
)
def test_promises(said: str, days: int) -> None:
    assert promised_days(said) == days


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Findings(broken=True), "broken_link"),
        (Findings(unreadable=True), "unreadable"),
        (Findings(duplicate=True), "duplicate"),
    ],
)
def test_what_was_found_out(found: Findings, reason: str) -> None:
    judged = quality(GOOD, TODAY, found)
    assert judged.reasons == (reason,)
    assert judged.score == 100 - WORDS[reason][0]


def test_it_never_goes_below_nothing() -> None:
    assert quality(Dataset("s", "i", "t", live=Live("p", healthy=False, count=0)), TODAY).score == 0
