"""The gateway's public statistics, as a dataset of its own catalogue. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from schemas.dataset import Agent, Column, Dataset, Distribution, Licence
from schemas.licence import access_of, recognise
from schemas.tokyo import TOKYO

SOURCE = "kakehashi"
"""The source under which what the gateway itself publishes stands."""
_MOST_MONTHS = 120
_COLUMNS = (
    Column("month", description="年月"),
    Column("provider_area", description="提供エリア"),
    Column("consumer_area", description="利用エリア"),
    Column("api_uses", "integer", description="API利用回数(空欄: 秘匿)"),
)


def statistics_dataset(months: Sequence[date], publisher: str, licence: str) -> Dataset:
    """`months`: the first days of those that there are statistics of, in order; at least one. `publisher`: who runs the
    gateway; `licence`: its id or its name."""
    terms = recognise(Licence(title=licence))
    agent = Agent(publisher or "架け橋")
    after = _after(months[-1])
    return Dataset(
        source=SOURCE,
        identifier="public-statistics",
        title="都市OS間データ連携の公開統計(月別・エリア別API利用回数)",
        name="kakehashi-public-statistics",
        description="エリアの都市OSの間で提供されたデータの利用回数を、月ごとに提供エリアと利用エリアの組で集計したもの。"
        "10未満の数と、合計から逆算できる数は秘匿する。Monthly API uses between the areas' city OSs, by providing and "
        "consuming area; counts below 10 are left out, and what would give them away.",
        translations={
            "en": "Public statistics of data exchange between city OSs (API uses by month and pair of areas)"
        },
        publisher=agent,
        contact=agent,
        licence=terms,
        access=access_of(terms),
        themes=("GOVE",),
        keywords=("データ連携", "都市OS", "API利用回数", "統計", "statistics"),
        spatial="東京都",
        bbox=TOKYO,
        start=months[0].isoformat(),
        end=(after - timedelta(days=1)).isoformat(),
        issued=_after(months[0]).isoformat(),
        modified=after.isoformat(),
        frequency="monthly",
        distributions=(
            _file("latest-csv", "最新月 (CSV)", "CSV", "", terms),
            _file("latest-json", "最新月 (JSON)", "JSON", "", terms),
            *(_file(f"{m:%Y-%m}", f"{m:%Y-%m} (CSV)", "CSV", f"{m:%Y-%m}", terms) for m in months[::-1][:_MOST_MONTHS]),
        ),
    )


def _file(id_: str, title: str, form: str, month: str, licence: Licence) -> Distribution:
    return Distribution(
        id=id_,
        title=title,
        access_url=f"/kpi/public?{f'month={month}&' if month else ''}format={form.lower()}",
        format=form,
        media_type="text/csv" if form == "CSV" else "application/json",
        licence=licence,
        columns=_COLUMNS if form == "CSV" else (),
    )


def _after(month: date) -> date:
    return date(month.year + (month.month == 12), month.month % 12 + 1, 1)
