"""Assets are judged by the catalogue, the ledger has it, and figures count by what the ledger has."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from recorded_year import ACTOR, TOKYO, store

from broker.kpi.judging import judge
from broker.kpi.programme import Programme
from broker.store.catalog_live import CatalogLive
from broker.store.database import Database
from broker.store.projects import Change
from catalog.indexing import index
from catalog.live import live_dataset
from schemas.dataset import Live
from schemas.errors import BadRequestData
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.kpi.definition import read_definition
from schemas.kpi.library import completed
from schemas.kpi.life import Side
from schemas.kpi.project import read_project
from schemas.platform import Platform

DAY = datetime(2024, 11, 15, 12, tzinfo=TOKYO)
GOOD = {"urn:t:Shelter": 5}


async def hold(database: Database, *gone: str, **platforms: dict[str, int]) -> None:
    """What platforms hold now, by type the number of entities: an empty one is no usable asset."""
    rows = []
    for name, types in platforms.items():
        platform = Platform(name, "ngsi_ld", "", area="toyosu", organisation="豊洲", open_data=True)
        for type_iri, count in types.items():
            seen = Live(name, types=(type_iri,), count=count, problem="" if count else "stopped")
            rows.append(
                index(live_dataset(platform, type_iri, seen, healthy=bool(count), problem=""), date(2024, 11, 1))
            )
    await CatalogLive(database).put(rows, {row.id: b"x" * 16 for row in rows}, gone)


async def told(database: Database) -> list[dict[str, Any]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM ledger_events WHERE kind = 'catalog.judged' ORDER BY seq")
    return [json.loads(row["body"]) for row in rows]


async def test_new_assets_are_judged_at_once_and_others_once_a_day(database: Database) -> None:
    assert await judge(database, DAY) == 0
    await hold(database, a=GOOD)
    assert await judge(database, DAY) == 1
    assert await judge(database, DAY) == 0
    await hold(database, a={"urn:t:Shelter": 0}, b=GOOD)
    assert await judge(database, DAY) == 1
    assert await judge(database, DAY + timedelta(days=1)) == 1
    (first, second, third) = await told(database)
    assert (first["full"], second["full"], third["full"]) == (True, False, False)
    assert first["scores"]["a"]["urn:t:Shelter"] >= 60 > third["scores"]["a"]["urn:t:Shelter"]
    assert list(second["scores"]) == ["b"]
    assert await judge(database, DAY + timedelta(days=150)) == 2
    assert (await told(database))[-1]["full"] is True


def used(platform: str, at: datetime, *types: str) -> Flow:
    provider = Provider(platform, "am", "toyosu")
    return Flow(uuid7(), uuid7(), at.astimezone(UTC), "query", Consumer("s", "o"), provider, types, 1, 1, "ok", 1.0)


async def test_only_assets_of_good_quality_count(database: Database) -> None:
    programme = Programme(database)
    await programme.projects.put(
        read_project({"id": "p", "name_ja": "準備", "kind": "preparing", "first_year": 2024, "areas": ["toyosu"]}),
        ACTOR,
    )
    await programme.projects.propose("p", read_definition(completed({"library": "linked-assets"})), ACTOR)
    await programme.projects.agree("p", "linked-assets", 1, Change("am", Side.PROJECT))
    await hold(database, good=GOOD, poor={"urn:t:Shelter": 0})
    await judge(database, DAY)
    shelter = "urn:t:Shelter"
    await store(
        database,
        [
            used("good", DAY, shelter),
            used("good", DAY + timedelta(days=9), shelter),
            # not judged yet, poor, of no type, never judged
            used("good", DAY - timedelta(days=1), shelter),
            used("poor", DAY, shelter),
            used("good", DAY),
            used("other", DAY, shelter),
        ],
    )

    async def figure(as_of: date) -> Decimal:
        reports = [await programme.report("p", 2024, as_of=as_of, raw=raw) for raw in (False, True)]
        first, second = (report["kpis"][0]["year1"]["actual"] for report in reports)
        assert first == second
        return Decimal(first)

    assert await figure(date(2024, 11, 14)) == 0
    assert await figure(date(2024, 11, 15)) == 1
    await hold(database, poor=GOOD)
    await judge(database, DAY + timedelta(days=1))
    await store(database, [used("poor", DAY + timedelta(days=2), shelter)])
    assert await figure(date(2024, 11, 30)) == 2


def test_a_quality_is_for_assets_and_nothing_filters_roll_outs() -> None:
    for of, field in (
        ({"measure": "requests", "filter": {"least_quality": 60}}, "of.filter.least_quality"),
        ({"measure": "assets", "filter": {"least_quality": 0}}, "of.filter.least_quality"),
        ({"measure": "rollouts", "filter": {"traffic": "batch"}}, "of.filter"),
        ({"measure": "rollouts", "cap_per_day": 1}, "of.cap_per_day"),
    ):
        with pytest.raises(BadRequestData) as caught:
            read_definition({"id": "x", "name_ja": "x", "unit_ja": "x", "of": of})
        assert caught.value.field == field
