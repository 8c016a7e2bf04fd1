"""The figures by SQL against the same figures counted naively, and against what they should mean."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from broker.kpi.compute import compute
from broker.kpi.show import tables, to_dict
from broker.store.database import Database
from broker.store.flows_write import COLUMNS, row
from schemas.errors import InvalidRequest
from schemas.flow import ANONYMOUS, Consumer, Flow, Provider, uuid7
from schemas.kpi.figures import Figures, KpiReport, Uses
from schemas.kpi.fiscal import TOKYO, bounds, months

NOVEMBER = datetime(2026, 11, 15, tzinfo=UTC)
YEAR = 2026


def flow(**change: Any) -> Flow:
    base = Flow(
        uuid7(), uuid7(), NOVEMBER, "query", Consumer("nav", "org-c", None, "toyosu"),
        Provider("p1", "org-p", "otemachi"), ("urn:t:A",), 3, 300, "ok", 1.5,
    )  # fmt: skip
    return replace(base, **change)


async def put(database: Database, flows: Iterable[Flow]) -> None:
    async with database.connection() as connection:
        await connection.copy_records_to_table("flows", records=[row(one) for one in flows], columns=COLUMNS)


def random_flows(chance: random.Random, requests: int) -> list[Flow]:
    """Around the edges of the fiscal year and in it; providers change hands, requests have several flows."""
    since, until = bounds(YEAR)
    edges = [since, until, *(datetime(m.year, m.month, 1, tzinfo=TOKYO) for m in months(YEAR))]
    consumers = [
        Consumer("nav", "o1", None, "toyosu"), Consumer("shop", "o1", None, "otemachi"), Consumer("etl", batch=True),
        ANONYMOUS, Consumer("administration"),
    ]  # fmt: skip
    providers = [
        Provider("p1", "org-p", "otemachi"), Provider("p2", "org-p", "toyosu"), Provider("p3", None, None),
        Provider("p1", "org-q", "otemachi"),
    ]  # fmt: skip
    types = [(), ("urn:t:A",), ("urn:t:B",), ("urn:t:A", "urn:t:B"), ("urn:t:C",)]
    made = []
    for _ in range(requests):
        time = chance.choice(edges) + chance.choice([-1, 1, 0]) * timedelta(
            microseconds=chance.choice([0, 1, 10**9, 10**12])
        )
        request, consumer, asked = uuid7(), chance.choice(consumers), chance.choice(types)
        replay = uuid7() if chance.random() < 0.15 else None
        made += [
            flow(
                id=uuid7(), request=request, time=time.astimezone(UTC), consumer=consumer, provider=provider,
                types=asked, entities=chance.choice([0, 0, 1, 7]), replay_of=replay,
            )
            for provider in chance.sample(providers, chance.randint(1, 3))
        ]  # fmt: skip
    return made


def naive(flows: list[Flow], area: str | None, service: str | None) -> dict[str, Any]:
    """Straight from the definitions."""

    def month(one: Flow) -> date:
        return one.time.astimezone(TOKYO).date().replace(day=1)

    used = [
        one
        for one in flows
        if month(one) in months(YEAR) and one.entities and one.replay_of is None
        and (area is None or one.provider.area == area) and (service is None or one.consumer.service == service)
    ]  # fmt: skip

    def uses(some: list[Flow]) -> Uses:
        return Uses(
            len({one.request for one in some if not one.consumer.batch}),
            len({one.request for one in some if one.consumer.batch}),
        )

    def figures(some: list[Flow]) -> Figures:
        services = {one.consumer.service for one in some} - {"anonymous", "administration"}
        typed = {(one.provider.platform, name) for one in some for name in one.types}
        untyped = {one.provider.platform for one in some} - {platform for platform, _ in typed}
        return Figures(uses(some), len(services), len(typed) + len(untyped))

    def by_month(some: list[Flow]) -> list[list[Flow]]:
        return [[one for one in some if month(one) == m] for m in months(YEAR)]

    def pair(some: list[Flow]) -> tuple[int, int, tuple[int, ...]]:
        return (
            sum(one.entities for one in some),
            len({one.request for one in some}),
            tuple(sum(one.entities for one in part) for part in by_month(some)),
        )

    def provided(some: list[Flow]) -> tuple[Uses, int, tuple[Uses, ...]]:
        return uses(some), sum(one.entities for one in some), tuple(uses(part) for part in by_month(some))

    def grouped(key: Callable[[Flow], Any]) -> dict[Any, list[Flow]]:
        return {value: [one for one in used if key(one) == value] for value in {key(one) for one in used}}

    return {
        "monthly": tuple(figures(part) for part in by_month(used)),
        "total": figures(used),
        "providers": {astuple(p): provided(some) for p, some in grouped(lambda one: one.provider).items()},
        "areas": {area: uses(some) for area, some in grouped(lambda one: one.provider.area).items()},
        "pairs": {
            areas: pair(some) for areas, some in grouped(lambda one: (one.provider.area, one.consumer.area)).items()
        },
    }


def comparable(report: KpiReport) -> dict[str, Any]:
    return {
        "monthly": report.monthly,
        "total": report.total,
        "providers": {(p.platform, p.organisation, p.area): (p.uses, p.entities, p.months) for p in report.providers},
        "areas": {a.area: a.uses for a in report.areas},
        "pairs": {(p.provider_area, p.consumer_area): (p.entities, p.uses, p.months) for p in report.pairs},
    }


@pytest.mark.parametrize("seed", range(4))
async def test_against_the_naive_count(database: Database, seed: int) -> None:
    flows = random_flows(random.Random(seed), 400)
    await put(database, flows)
    for area, service in [(None, None), ("otemachi", None), (None, "nav"), ("toyosu", "shop"), ("nowhere", None)]:
        report = await compute(database, YEAR, area=area, service=service)
        assert comparable(report) == naive(flows, area, service)
    assert report.total == Figures()


async def test_a_request_counts_once_however_many_answered_it(database: Database) -> None:
    request = uuid7()
    await put(database, [flow(request=request, provider=Provider(f"p{n}", None, "otemachi")) for n in range(3)])
    report = await compute(database, YEAR)
    assert report.total == Figures(Uses(1, 0), services=1, assets=3)
    assert [one.uses for one in report.providers] == [Uses(1)] * 3
    assert [(one.area, one.uses, one.entities) for one in report.areas] == [("otemachi", Uses(1), 9)]


async def test_what_delivers_nothing_or_repeats_is_no_use(database: Database) -> None:
    await put(database, [flow(entities=0), flow(replay_of=uuid7()), flow(outcome="timeout", entities=0)])
    report = await compute(database, YEAR)
    assert report.total == Figures()
    assert report.providers == report.pairs == ()


async def test_the_last_instant_of_the_year_is_in_it(database: Database) -> None:
    last = datetime(2027, 3, 31, 23, 59, 59, 999999, TOKYO).astimezone(UTC)
    await put(database, [flow(time=last), flow(time=last + timedelta(microseconds=1))])
    this, following = await compute(database, YEAR), await compute(database, YEAR + 1)
    assert (this.monthly[11].uses.total, this.total.uses.total) == (1, 1)
    assert (following.monthly[0].uses.total, following.total.uses.total) == (1, 1)


async def test_without_a_year_it_is_the_current_one(database: Database) -> None:
    assert (await compute(database, now=datetime(2027, 3, 31, 14, 59, tzinfo=UTC))).year == 2026
    assert (await compute(database, now=datetime(2027, 3, 31, 15, 0, tzinfo=UTC))).year == 2027


@pytest.mark.parametrize(("year", "area", "field"), [(0, None, "year"), (10**9, None, "year"), (2026, "a\0", "area")])
async def test_bad_questions_name_their_field(database: Database, year: int, area: str | None, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await compute(database, year, area=area)
    assert caught.value.field == field


# --- shown -----------------------------------------------------------------------------------------------------------


async def report_of_two_areas(database: Database) -> KpiReport:
    await put(
        database,
        [
            *(flow() for _ in range(1234)),
            flow(consumer=Consumer("etl", batch=True), provider=Provider("[red]p2[/red]")),
        ],
    )
    return await compute(database, YEAR)


def printed(report: KpiReport, language: str) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(tables(report, language))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def test_tables_in_both_languages(database: Database) -> None:
    report = await report_of_two_areas(database)
    japanese = printed(report, "ja")
    for text in (
        "令和8年度 KPI(定量)",
        "令和8年11月",
        "令和9年3月",
        "API利用回数(対話型)",
        "接続サービス数",
        "連携データアセット数",
        "1,234",
        "3,702",
        "[red]p2[/red]",
        "(不明)",
        "定義",
    ):
        assert text in japanese
    english = printed(report, "en")
    for text in ("FY2026 KPI", "2026-11", "API uses (batch)", "Connected services", "Linked data assets", "(unknown)"):
        assert text in english


async def test_as_an_object(database: Database) -> None:
    shown = json.loads(json.dumps(to_dict(await report_of_two_areas(database))))
    assert (shown["year"], shown["label"], shown["since"]) == (2026, "令和8年度", "2026-03-31T15:00:00Z")
    assert shown["total"] == {
        "api_uses": {"interactive": 1234, "batch": 1, "total": 1235}, "services": 2, "assets": 2,
    }  # fmt: skip
    assert [month["month"] for month in shown["months"]][:2] == ["2026-04", "2026-05"]
    november = shown["months"][7]
    assert (november["label"], november["api_uses"]["total"]) == ("令和8年11月", 1235)
    assert shown["pairs"][0] == {
        "provider_area": "otemachi", "consumer_area": "toyosu", "entities": 3702, "api_uses": 1234,
        "by_month": [0] * 7 + [3702] + [0] * 4,
    }  # fmt: skip
    assert "重複なし" in shown["definitions"]["assets"]["ja"]
