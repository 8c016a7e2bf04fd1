"""The fiscal year's edges and its names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kpi.fiscal import TOKYO, bounds, fiscal_year, month_label, months, year_label


def test_the_year_turns_at_midnight_in_tokyo() -> None:
    last = datetime(2027, 3, 31, 23, 59, 59, 999999, TOKYO)
    assert fiscal_year(last) == 2026
    assert fiscal_year(last + timedelta(microseconds=1)) == 2027
    assert bounds(2026) == (datetime(2026, 3, 31, 15, tzinfo=UTC), datetime(2027, 3, 31, 15, tzinfo=UTC))


@given(st.integers(946_684_800, 32_000_000_000))
def test_every_instant_lies_in_its_year_and_no_other(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    year = fiscal_year(at)
    since, until = bounds(year)
    assert since <= at < until
    assert bounds(year + 1)[0] == until


def test_twelve_months_from_april() -> None:
    assert months(2026)[0] == date(2026, 4, 1)
    assert months(2026)[8] == date(2026, 12, 1)
    assert months(2026)[9] == date(2027, 1, 1)
    assert months(2026)[11] == date(2027, 3, 1)
    assert len(months(2026)) == 12


@pytest.mark.parametrize(
    ("year", "label"),
    [
        (2026, "令和8年度"),
        (2020, "令和2年度"),
        (2019, "令和元年度"),
        (2018, "平成30年度"),
        (1989, "平成元年度"),
        (1988, "昭和63年度"),
    ],
)
def test_names_of_years(year: int, label: str) -> None:
    assert year_label(year) == label
    assert year_label(year, "en") == f"FY{year}"


@pytest.mark.parametrize(
    ("month", "label"),
    [
        (date(2026, 11, 1), "令和8年11月"),
        (date(2020, 1, 1), "令和2年1月"),
        (date(2019, 12, 1), "令和元年12月"),
        (date(2019, 5, 1), "令和元年5月"),
        (date(2019, 4, 1), "平成31年4月"),
        (date(1989, 2, 1), "平成元年2月"),
        (date(1989, 1, 1), "昭和64年1月"),
    ],
)
def test_names_of_months(month: date, label: str) -> None:
    assert month_label(month) == label
    assert month_label(month, "en") == f"{month.year}-{month.month:02}"
