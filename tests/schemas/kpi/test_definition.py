"""What a definition, a project, an entry and a period may be, and what is said of those that may not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from schemas.errors import BadRequestData
from schemas.kpi.achievement import achievement, points
from schemas.kpi.definition import KpiDefinition, Measure, Source, digest, read_definition
from schemas.kpi.entry import Entry, entered_value, period_of, read_entry
from schemas.kpi.evaluation import read_evaluation, settle
from schemas.kpi.library import LIBRARY, completed
from schemas.kpi.periods import cumulative_of, months_of, quarters_of, year_of
from schemas.kpi.project import read_project
from schemas.kpi.reading import dump

GOOD: dict[str, Any] = {"id": "uses", "name_ja": "利用", "unit_ja": "回", "of": {"measure": "requests"}}
PROJECT: dict[str, Any] = {"id": "p", "name_ja": "避難所ナビ", "kind": "linked", "first_year": 2026}


def test_the_library_is_whole_and_reads_back() -> None:
    assert len({one.id for one in LIBRARY}) == len(LIBRARY)
    for one in LIBRARY:
        assert read_definition(dump(one)) == one
        assert one.name_en
        assert one.text_ja
        assert read_definition(completed({"library": one.id, "weight": 3})).weight == 3
    with pytest.raises(BadRequestData):
        completed({"library": "none"})


def test_the_digest_is_of_everything() -> None:
    first = read_definition(GOOD)
    assert digest(first) == digest(read_definition(dict(reversed(list(GOOD.items())))))
    assert digest(first) != digest(read_definition(GOOD | {"baseline": 0}))
    assert digest(first) != digest(read_definition(GOOD | {"text_ja": "x"}))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "A b"}, "id"),
        ({"id": "x\n"}, "id"),
        ({"unknown": 1}, "unknown"),
        ({"of": {"measure": "money"}}, "of.measure"),
        ({"of": None}, "of"),
        ({"kind": "entered"}, "of"),
        ({"of": {"measure": "requests", "window_minutes": 7}}, "of.window_minutes"),
        ({"of": {"measure": "requests", "window_minutes": 90}}, "of.window_minutes"),
        ({"of": {"measure": "bytes", "window_minutes": 5}}, "of.window_minutes"),
        ({"of": {"measure": "types", "cap_per_day": 5}}, "of.cap_per_day"),
        ({"targets": [{"year": 1, "quarters": [1, 2]}]}, "targets[0].quarters"),
        ({"targets": [{"year": 1}] * 3}, "targets"),
        ({"weight": -1}, "weight"),
        ({"weight": "NaN"}, "weight"),
        ({"weight": "1e20"}, "weight"),
        ({"weight": "0.1234567"}, "weight"),
        ({"lower_is_better": True, "targets": [{"year": 1}]}, "baseline"),
        ({"name_ja": "a\0"}, "name_ja"),
        ({"of": {"measure": "requests", "filter": {"types": ["\ud800"]}}}, "of.filter.types[0]"),
        ({"valid_from": "2026-13-01"}, "valid_from"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read_definition(GOOD | change)
    assert caught.value.field == field


@pytest.mark.parametrize("minutes", [0, 1, 5, 30, 60, 180, 720, 1440])
def test_windows_that_divide_an_hour_or_a_day(minutes: int) -> None:
    made = read_definition(GOOD | {"of": {"measure": "requests", "window_minutes": minutes}})
    assert made.of == Source(Measure.REQUESTS, window_minutes=minutes)


def one(**change: Any) -> KpiDefinition:
    return read_definition(GOOD | change)


@pytest.mark.parametrize(
    ("change", "actual", "target", "rate"),
    [
        ({}, 50, 200, "25.0"),
        ({}, 2, 3, "66.7"),
        ({}, 300, 200, "150.0"),
        ({}, 0, 0, "100"),
        ({}, None, 5, None),
        ({}, 5, None, None),
        ({"lower_is_better": True, "baseline": 60}, 45, 30, "50.0"),
        ({"lower_is_better": True, "baseline": 60}, 70, 30, "0"),
        ({"lower_is_better": True, "baseline": 60}, 20, 30, "133.3"),
        ({"lower_is_better": True, "baseline": 30}, 30, 30, "100"),
    ],
)
def test_achievement(change: dict[str, Any], actual: int | None, target: int | None, rate: str | None) -> None:
    found = achievement(one(**change), *(None if n is None else Decimal(n) for n in (actual, target)))
    assert found == (None if rate is None else Decimal(rate))


def test_points_count_up_to_what_was_agreed() -> None:
    assert points(one(weight=30), Decimal("66.7")) == Decimal("20.01")
    assert points(one(weight=30), Decimal(150)) == 30
    assert points(one(weight=30, most_percent=120), Decimal(150)) == 36
    assert points(one(weight=30), None) == 0


def test_periods() -> None:
    assert period_of("2026") == year_of(2026)
    assert period_of("2026-Q4").since == date(2027, 1, 1)
    assert period_of("2027-03") == months_of(2026)[-1]
    assert period_of("2026-04") == months_of(2026)[0]
    assert [p.until for p in quarters_of(2026)] == [p.until for p in cumulative_of(2026)]
    assert year_of(2026).label_ja == "令和8年度"
    for wrong in ("2026-Q5", "2026-13", "1999", "2026-1", "", "2026\n"):
        with pytest.raises(BadRequestData):
            period_of(wrong)


def test_entries_make_up_a_year() -> None:
    entries = {"2026-Q1": Entry(Decimal(70)), "2026-Q2": Entry(Decimal(75)), "2026-09": Entry(Decimal(1))}
    first = date(2026, 4, 1)
    assert entered_value(entries, period_of("2026-Q2"), first) == 75
    assert entered_value(entries, period_of("2026-Q3"), first) is None
    assert entered_value(entries, cumulative_of(2026)[0], first) == 70
    assert entered_value(entries, cumulative_of(2026)[1], first) == 75
    assert entered_value(entries, year_of(2026), first) == 75
    assert entered_value(entries | {"2026": Entry(Decimal(80))}, year_of(2026), first) == 80
    assert entered_value({}, year_of(2026), first) is None


def test_a_value_has_its_evidence() -> None:
    for wrong in ({"value": 1}, {}, {"value": 1, "evidence": " "}):
        with pytest.raises(BadRequestData):
            read_entry(wrong)
    assert read_entry({"unmet_reason": "雨"}).value is None


def test_the_payment_shows_every_step() -> None:
    payment = {
        "formula": "round_down(ceiling * score / full_score, -3) if score >= least else 0",
        "ceiling": 9_999_999,
        "variables": {"least": 40},
    }
    criteria = [{"id": "novelty", "name_ja": "先進性", "points": 20}]
    project = read_project(PROJECT | {"payment": payment, "criteria": criteria})
    given = read_evaluation({"criteria": {"novelty": {"points": 12.5, "remark": "よい"}}}, project)
    settled = settle(project, given, {"a": Decimal("30.01")}, {"a": Decimal(40)})
    assert settled["score"] == Decimal("42.51")
    assert settled["payment"]["yen"] == 7_084_000
    assert [step["text"] for step in settled["payment"]["steps"]][:2] == ["score >= least", "ceiling * score"]
    assert settle(project, given, {"a": Decimal(1)}, {"a": Decimal(40)})["payment"]["yen"] == 0
    greedy = read_project(PROJECT | {"payment": payment | {"formula": "ceiling * 5"}, "criteria": criteria})
    assert settle(greedy, given, {}, {})["payment"]["yen"] == 9_999_999
    debt = read_project(PROJECT | {"payment": payment | {"formula": "-ceiling"}, "criteria": criteria})
    assert settle(debt, given, {}, {})["payment"]["yen"] == 0
    for wrong, field in (
        ({}, "criteria.novelty"),
        ({"criteria": {"novelty": {"points": 21}}}, "criteria.novelty.points"),
        ({"criteria": {"novelty": {"points": 1}, "other": {"points": 1}}}, "criteria.other"),
    ):
        with pytest.raises(BadRequestData) as caught:
            read_evaluation(wrong, project)
        assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payment": {"formula": "score +", "ceiling": 1}}, "payment.formula"),
        ({"payment": {"formula": "bonus", "ceiling": 1}}, "payment.formula"),
        ({"payment": {"formula": "score", "ceiling": -1}}, "payment.ceiling"),
        ({"agreed_from": "2026-04-01", "agreed_until": "2026-03-31"}, "agreed_until"),
        ({"criteria": [{"id": "a", "name_ja": "a", "points": 1}] * 2}, "criteria"),
        ({"kind": "other"}, "kind"),
    ],
)
def test_projects_that_may_not_be(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        read_project(PROJECT | change)
    assert caught.value.field == field
