"""A KPI's way: proposed, negotiated, agreed by both sides, reported, closed, final, evaluated; nothing of it undone."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from recorded_year import TOKYO, store

from broker.kpi.evidence import Standing
from broker.kpi.programme import Programme
from broker.store.database import Database
from broker.store.projects import Change
from schemas.errors import AlreadyExists, BadRequestData, NotFound, OperationNotSupported
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.kpi.definition import digest, read_definition
from schemas.kpi.entry import Entry
from schemas.kpi.library import completed
from schemas.kpi.life import Filing, Side, State
from schemas.kpi.project import read_project

US, THEM = Change("office", Side.SECRETARIAT, "too low"), Change("am-toyosu", Side.PROJECT, "adoption")
PROJECT = {
    "id": "nav", "name_ja": "避難所ナビ", "kind": "linked", "first_year": 2024, "areas": ["toyosu"],
    "criteria": [{"id": "novelty", "name_ja": "先進性", "points": 20}],
    "payment": {"formula": "ceiling * score / full_score", "ceiling": 1000},
}  # fmt: skip


class Witnessed:
    """A ledger that somebody has co-signed."""

    async def standing(self, covering: int) -> Standing:
        return Standing(7, "00" * 32, "kakehashi\n7\n…", ("tmg",))

    async def span(self, since: date, until: date) -> tuple[int, int]:
        return 0, 7


def kpi(**change: Any) -> Any:
    return read_definition(completed({"library": "api-uses", "targets": [{"year": 4}], "weight": 30, **change}))


@pytest.fixture
async def programme(database: Database) -> Programme:
    made = Programme(database)
    await made.projects.put(read_project(PROJECT), US)
    return made


async def agreed(programme: Programme, **change: Any) -> None:
    made = await programme.projects.propose("nav", kpi(**change), THEM)
    await programme.projects.agree("nav", made.definition.id, made.version, US)


def use(at: datetime, **change: Any) -> Flow:
    consumer = Consumer("svc", "org", "nav", "toyosu")
    return Flow(
        uuid7(), uuid7(), at, "query", change.get("consumer", consumer), Provider("p", "am", "otemachi"), ("urn:t:A",),
        3, 30, "ok", 1.0, replay_of=change.get("replay_of"),
    )  # fmt: skip


async def events(database: Database) -> list[tuple[str, str, str]]:
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT kind, subject, actor FROM ledger_events ORDER BY seq")
    return [tuple(row) for row in rows]


async def test_from_proposal_to_agreement(programme: Programme, database: Database) -> None:
    projects = programme.projects
    first = await projects.propose("nav", kpi(), THEM)
    assert (first.state, list(first.agreed), first.version) == (State.PROPOSED, ["project"], 1)
    second = await projects.propose("nav", kpi(targets=[{"year": 9}]), US)
    assert (second.state, list(second.agreed), second.reason) == (State.NEGOTIATED, ["secretariat"], "too low")
    with pytest.raises(AlreadyExists):
        await projects.agree("nav", "api-uses", 1, US)
    with pytest.raises(AlreadyExists):
        await projects.agree("nav", "api-uses", 2, US)
    third = await projects.agree("nav", "api-uses", 2, THEM)
    assert (third.state, set(third.agreed)) == (State.AGREED, {"project", "secretariat"})
    assert third.digest == digest(kpi(targets=[{"year": 9}]))
    states = [(v.version, v.state) for v in await projects.versions("nav")]
    assert states == [(1, State.WITHDRAWN), (2, State.AGREED)]
    for change in (projects.agree("nav", "api-uses", 2, US), projects.withdraw("nav", "api-uses", 2, US)):
        with pytest.raises(AlreadyExists):
            await change
    assert [kind for kind, _, _ in await events(database)] == [
        "project.changed", "kpi.proposed", "kpi.consented", "kpi.negotiated", "kpi.consented", "kpi.agreed",
    ]  # fmt: skip


async def test_what_is_agreed_changes_only_from_a_day_on(programme: Programme) -> None:
    await agreed(programme)
    for wrong, field in (
        (kpi(), "valid_from"),
        (kpi(of={"measure": "bytes"}, valid_from="2025-01-01"), "of.measure"),
        (kpi(decimals=1, valid_from="2025-01-01"), "kind"),
    ):
        with pytest.raises(OperationNotSupported) as caught:
            await programme.projects.propose("nav", wrong, US)
        assert caught.value.field == field
    made = await programme.projects.propose("nav", kpi(valid_from="2025-01-01"), US)
    assert (made.version, made.state) == (2, State.PROPOSED)
    assert (await programme.projects.withdraw("nav", "api-uses", 2, US)).state is State.WITHDRAWN


async def test_what_is_not_there(programme: Programme) -> None:
    for work in (
        programme.projects.get("none"),
        programme.projects.get("a\0"),
        programme.report("none"),
        programme.projects.propose("none", kpi(), US),
        programme.projects.agree("nav", "api-uses", 1, US),
        programme.enter("nav", "none", "2024", Entry(remark="x"), "a"),
        programme.filings.file("nav", 2024, Filing.RESULT, b"{}", "a", supersedes=3),
    ):
        with pytest.raises(NotFound):
            await work
    with pytest.raises(OperationNotSupported):
        await programme.report("nav")


async def test_the_year_until_its_payment(programme: Programme, database: Database) -> None:
    await agreed(programme)
    await agreed(programme, library="satisfaction", targets=[{"year": 80}], weight=10)
    start = datetime(2024, 11, 15, 3, tzinfo=UTC)
    await store(database, [use(start + timedelta(minutes=n)) for n in range(3)])
    with pytest.raises(OperationNotSupported):
        await programme.enter("nav", "api-uses", "2024", Entry(Decimal(9), "made up"), "am")
    await programme.enter("nav", "satisfaction", "2024-Q3", Entry(Decimal(60), "survey"), "am")
    await programme.enter("nav", "satisfaction", "2024-Q3", Entry(Decimal(72), "survey, second count"), "am")
    await programme.enter("nav", "api-uses", "2024", Entry(unmet_reason="工事", improvement="周知"), "am")
    status = await programme.file_status("nav", 2024, "am")
    shown = json.loads(status.body)
    uses, satisfaction = shown["kpis"]
    assert (uses["year1"]["actual"], uses["achievement"], uses["points"]) == (3, 75.0, 22.5)
    assert (uses["unmet_reason"], uses["improvement"]) == ("工事", "周知")
    assert (satisfaction["year1"]["actual"], satisfaction["achievement"], satisfaction["points"]) == (72, 90.0, 9.0)
    assert (shown["kind"], shown["label"], shown["score"]) == ("status", "令和6年度", {"points": 31.5, "full": 40})
    assert uses["basis"]["counted"] == {"of": 3, "per": None}
    assert uses["basis"]["query"].startswith("/flows?from=2024-04-01T00:00:00%2B09:00&to=2025-04-01")
    with pytest.raises(OperationNotSupported, match="closed first"):
        await programme.file_result("nav", 2024, "office")
    await programme.close("nav", 2024, "office")
    with pytest.raises(AlreadyExists):
        await programme.close("nav", 2024, "office")
    with pytest.raises(OperationNotSupported, match="witness"):
        await programme.file_result("nav", 2024, "office")
    with pytest.raises(OperationNotSupported, match="reported first"):
        await programme.evaluate("nav", 2024, {}, "office")

    witnessed = Programme(database, Witnessed())
    result = await witnessed.file_result("nav", 2024, "office")
    assert json.loads(result.body)["ledger"]["witnesses"] == ["tmg"]
    with pytest.raises(OperationNotSupported, match="final"):
        await witnessed.enter("nav", "satisfaction", "2024", Entry(Decimal(99), "better"), "am")
    with pytest.raises(AlreadyExists):
        await witnessed.file_result("nav", 2024, "office")
    again = await witnessed.file_result("nav", 2024, "office", supersedes=result.number)
    assert again.supersedes == result.number
    with pytest.raises(AlreadyExists):
        await witnessed.file_result("nav", 2024, "office", supersedes=result.number)
    with pytest.raises(BadRequestData):
        await witnessed.evaluate("nav", 2024, {}, "office")
    paid = await witnessed.evaluate("nav", 2024, {"criteria": {"novelty": {"points": 10}}}, "office")
    body = json.loads(paid.body)
    # (22.5 + 9 + 10) of (30 + 10 + 20), of 1000 yen
    assert (body["score"], body["full_score"], body["payment"]["yen"]) == (41.5, 60, 691)
    kinds = [kind for kind, _, _ in await events(database)]
    assert kinds[-6:] == ["kpi.entered", "kpi.status", "kpi.closing", "kpi.result", "kpi.result", "kpi.evaluation"]


async def test_a_year_that_goes_on_is_not_closed(programme: Programme) -> None:
    await agreed(programme)
    now = datetime.now(TOKYO)
    with pytest.raises(OperationNotSupported):
        await programme.close("nav", now.year if now.month >= 4 else now.year - 1, "office")


def script(start: datetime, minutes: list[int], **change: Any) -> list[Flow]:
    return [use(start + timedelta(minutes=n), **change) for n in minutes]


async def test_gaming_counts_as_defined_and_is_listed(programme: Programme, database: Database) -> None:
    await agreed(programme, of={"measure": "requests", "window_minutes": 60, "filter": {
        "cross_area_only": True, "traffic": "interactive"}, "cap_per_day": 20})  # fmt: skip
    day = datetime(2024, 11, 15, tzinfo=TOKYO).astimezone(UTC)

    def who(service: str, area: str | None = "toyosu") -> Consumer:
        return Consumer(service, "org", "nav", area)

    flows = [
        # a loop that asks every minute, around the clock: 24 windows, of which the cap leaves 20
        *script(day, list(range(1440)), consumer=who("poll")),
        # a batch job that calls itself interactive: 200 requests within two minutes of the night; one window
        *(f for _ in range(100) for f in script(day, [121, 122], consumer=who("burst"))),
        # its own area's data only
        *script(day, [600, 660], consumer=who("own", "otemachi")),
        # one use, repeated under its Idempotency-Key
        *script(day, [600], consumer=who("again")),
        *script(day, list(range(601, 620)), consumer=who("again"), replay_of=uuid7()),
    ]
    shared = [
        Flow(uuid7(), uuid7(), day + timedelta(minutes=30 * n), "query", who("shared"),
             Provider("p", "am", "otemachi"), (f"urn:t:{'AB'[n % 2]}",), 1, 1, "ok", 1.0)
        for n in range(48)
    ]  # fmt: skip
    await store(database, [*flows, *shared])
    report = await programme.report("nav", 2024, as_of=date(2025, 3, 31))
    # poll 20, burst 1, own 0, again 1, shared 48 windows of which the cap leaves 20
    assert report["kpis"][0]["year1"]["actual"] == 20 + 1 + 0 + 1 + 20
    found = {(q["service"], q["sign"]): (q["times"], q["requests"]) for q in report["quality"]}
    assert found == {
        ("poll", "polling"): (1, 1440),
        ("burst", "batch_as_interactive"): (1, 200),
        ("burst", "night_only"): (1, 200),
        ("own", "own_area"): (1, 2),
        ("again", "replays"): (1, 19),
        ("shared", "shared_key"): (1, 48),
    }
