"""A recorded fiscal year, made from a seed: six projects, their KPIs, and the flows that they are counted from."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from typing import Any
from uuid import UUID

from broker.kpi.programme import Programme
from broker.store.database import Database
from broker.store.flows_write import COLUMNS, row
from broker.store.ledger_events import enter
from broker.store.projects import Change
from broker.store.usage_rollup import mark
from schemas.flow import Consumer, Flow, Provider
from schemas.kpi.definition import read_definition
from schemas.kpi.library import completed
from schemas.kpi.life import Side
from schemas.kpi.project import read_project

YEAR = 2024
TOKYO = timezone(timedelta(hours=9))
FIRST = datetime(YEAR, 4, 1, tzinfo=TOKYO)
AFTER = datetime(YEAR + 1, 4, 1, tzinfo=TOKYO)
AREAS = ("otemachi", "takeshiba", "toyosu", "nishi-shinjuku")
TYPES = ("urn:t:Shelter", "urn:t:AED", "urn:t:Crowd", "urn:t:Bus")
ACTOR = Change("secretariat-office", Side.SECRETARIAT, "adoption")


@dataclass(frozen=True)
class Kpi:
    """`id` with its measure, for the test's own count; `change`: what a later version says from a day on."""

    id: str
    document: dict[str, Any]
    change: dict[str, Any] | None = None


def projects() -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{n}",
            "name_ja": f"プロジェクト{n}",
            "name_en": f"Project {n}",
            "kind": "linked" if n % 2 else "preparing",
            "first_year": YEAR - (n % 2),
            "areas": [AREAS[n % 4]],
            "organisations": [f"org-{n}"],
            "services": [f"extra-{n}"],
            "criteria": [{"id": "novelty", "name_ja": "先進性", "points": 20}],
            "payment": {
                "formula": "round_down(ceiling * score / full_score, -3) if score >= least else 0",
                "ceiling": 10_000_000,
                "variables": {"least": 10},
            },
        }
        for n in range(1, 7)
    ]


def kpis() -> list[Kpi]:
    targets = [{"year": 900, "quarters": [100, 300, 600, 900]}, {"year": 1000, "quarters": [200, 400, 700, 1000]}]
    return [
        Kpi("api-uses", {"library": "api-uses", "targets": targets, "weight": 30, "baseline": 0}),
        Kpi(
            "uses-15",
            {
                "id": "uses-15", "name_ja": "15分重複除外", "unit_ja": "回", "weight": 10, "targets": targets,
                "of": {"measure": "requests", "window_minutes": 15, "cap_per_day": 5},
            },
            {
                "id": "uses-15", "name_ja": "15分重複除外", "unit_ja": "回", "weight": 10, "targets": targets,
                "of": {"measure": "requests", "window_minutes": 120, "cap_per_day": 3, "filter": {"traffic": "batch"}},
                "valid_from": f"{YEAR}-10-01",
            },
        ),
        Kpi("connected-services", {"library": "connected-services", "targets": [{"year": 5}], "weight": 10}),
        Kpi("linked-assets", {"library": "linked-assets", "targets": [{"year": 4}, {"year": 4}], "weight": 10}),
        Kpi("rollouts", {"library": "rollouts", "targets": [{"year": 1}, {"year": 2}], "weight": 5}),
        Kpi("area-pairs", {"library": "area-pairs", "weight": 5}),
        Kpi("active-days", {"library": "active-days", "weight": 5}),
        Kpi(
            "entities",
            {
                "id": "entities", "name_ja": "提供データ件数", "unit_ja": "件", "scope": "all",
                "of": {"measure": "entities", "cap_per_day": 40, "filter": {"types": ["urn:t:Shelter"]}},
            },
        ),
        Kpi(
            "batch-share",
            {
                "id": "batch-share", "name_ja": "バッチ比率", "unit_ja": "%", "scale": 100, "decimals": 1,
                "of": {"measure": "requests", "filter": {"traffic": "batch"}},
                "per": {"measure": "requests"},
            },
        ),
        Kpi(
            "time-saved",
            {"library": "time-saved", "baseline": 60, "targets": [{"year": 40}, {"year": 30}], "weight": 10},
        ),
        Kpi("satisfaction", {"library": "satisfaction", "targets": [{"year": 80}, {"year": 85}], "weight": 10}),
    ]  # fmt: skip


def flows(count: int, seed: int = 1) -> Iterator[Flow]:
    """At least `count`, of requests spread over the year and around its edges, some of them outside."""
    chance = random.Random(seed)
    providers = [Provider(f"plat-{a}-{k}", f"am-{a}", a) for a in AREAS for k in range(2)]
    consumers = [
        Consumer(f"svc-{n}-{k}", f"org-{n}", f"p{n}", AREAS[(n + k) % 4], batch=k == 2)
        for n in range(1, 7)
        for k in range(3)
    ]
    consumers += [Consumer(f"extra-{n}", "org-x", None, None) for n in range(1, 7)]
    consumers += [Consumer("anonymous"), Consumer("administration")]
    # what a service asks for, and who has it: a handful of questions each, as real ones have
    profiles = [
        [
            (
                tuple(chance.sample(TYPES, chance.choice([0, 1, 1, 2]))),
                chance.sample(providers, chance.choice([1, 1, 2, 3])),
            )
            for _ in range(4)
        ]
        for _ in consumers
    ]
    edges = [FIRST, AFTER, datetime(YEAR, 10, 1, tzinfo=TOKYO), datetime(YEAR, 7, 1, tzinfo=TOKYO)]
    seconds = int((AFTER - FIRST).total_seconds())
    made = 0
    while made < count:
        if chance.random() < 0.02:
            time = chance.choice(edges) + timedelta(microseconds=chance.choice([-1, 0, 1]))
        else:
            # clustered, so that windows and caps have something to do
            start = chance.randrange(0, seconds, 7200)
            time = FIRST + timedelta(seconds=start + int(chance.triangular(0, 7200, 100)))
        request = UUID(int=chance.getrandbits(128))
        number = chance.randrange(len(consumers))
        consumer = consumers[number]
        types, asked = chance.choice(profiles[number])
        replay = UUID(int=chance.getrandbits(128)) if chance.random() < 0.05 else None
        for provider in asked:
            made += 1
            yield Flow(
                UUID(int=chance.getrandbits(128)), request, time.astimezone(UTC), "query", consumer, provider, types,
                chance.choice([0, 1, 2, 9]), chance.randrange(5000), "ok", 1.5, replay_of=replay,
            )  # fmt: skip


async def store(database: Database, made: Iterable[Flow]) -> None:
    rows = (row(one) for one in made)
    async with database.connection() as connection:
        while part := list(islice(rows, 50_000)):
            await connection.copy_records_to_table("flows", records=part, columns=COLUMNS)


async def settle(programme: Programme, most: int = 6) -> None:
    """The projects, with all KPIs agreed by both sides."""
    for document in projects()[:most]:
        project = read_project(document)
        await programme.projects.put(project, ACTOR)
        for kpi in kpis():
            for version in (kpi.document, kpi.change):
                if version is None:
                    continue
                made = await programme.projects.propose(project.id, read_definition(completed(version)), ACTOR)
                theirs = Change(f"org-{project.id}", Side.PROJECT)
                await programme.projects.agree(project.id, kpi.id, made.version, theirs)


Event = tuple[str, datetime, str, dict[str, Any]]
"""Kind, time, subject, body."""


def events(seed: int = 1) -> list[Event]:
    """Judgements of the assets, and roll-outs, over the year and around its edges, in order."""
    chance = random.Random(seed)
    platforms = [f"plat-{a}-{k}" for a in AREAS for k in range(2)]
    made: list[Event] = []
    times = sorted(
        [FIRST - timedelta(days=40), FIRST, AFTER, *(FIRST + timedelta(days=chance.random() * 365) for _ in range(30))]
    )
    for n, time in enumerate(times):
        scores = {
            p: {t: chance.randrange(101) for t in TYPES} for p in (platforms if n == 0 else [chance.choice(platforms)])
        }
        made.append(("catalog.judged", time, "catalog", {"full": n in (0, 11), "scores": scores}))
    for _ in range(12):
        time = FIRST + timedelta(days=chance.uniform(-20, 385))
        origin, area = chance.choice(AREAS), chance.choice((*AREAS, "shibuya"))
        made.append(("area.applied", time, area, {"from": origin, "project": chance.choice((None, "p1"))}))
    return sorted(made, key=lambda one: one[1])


async def tell(database: Database, some: Iterable[Event]) -> None:
    for kind, time, subject, body in some:
        async with database.transaction() as connection:
            await enter(connection, kind, subject, "test", body, now=time.astimezone(UTC))


async def correct(database: Database, made: list[Flow], count: int, seed: int = 1) -> list[Flow]:
    """Correct some flows, as approved corrections do in the database; the flows as they count then. Every third is
    reversed."""
    chance = random.Random(seed)
    chosen = set(chance.sample(range(len(made)), count))
    counted, rows = [], []
    for place, flow in enumerate(made):
        if place not in chosen:
            counted.append(flow)
            continue
        told: tuple[int, int, bool] | tuple[None, None, None] = (None, None, None)
        if chance.randrange(3):
            entities, size, batch = chance.choice([0, 1, 30]), chance.randrange(5000), chance.random() < 0.5
            told = (entities, size, batch)
            consumer = replace(flow.consumer, batch=batch)
            counted.append(replace(flow, entities=entities, bytes=size, consumer=consumer))
        rows.append((UUID(int=chance.getrandbits(128)), flow.id, flow.request, flow.time, *told))
    async with database.transaction() as connection:
        await connection.executemany(
            "INSERT INTO corrections (id, flow, request, time, entities, bytes, batch, reason, state, requested_by,"
            " requested_at, decided_by, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'recount', 'approved', 'a',"
            " now(), 'b', now())",
            rows,
        )
        await mark(connection, {row[3].astimezone(TOKYO).date() for row in rows})
    return counted
