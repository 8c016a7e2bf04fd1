"""Evolutions in PostgreSQL: recorded with every change, filed by month, corrected and deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.temporal import Evolutions
from broker.store.temporal_read import EvolutionReads, Shown, Which
from broker.store.temporal_record import record
from broker.store.temporal_upkeep import temporal_upkeep
from schemas.errors import NotFound
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.temporal import Instance, Window
from schemas.ngsi_ld.temporal_view import Point

ID = "urn:ngsi-ld:Shelter:1"
TYPE = "https://example.org/Shelter"
FREE = "https://example.org/free"
NAME = "https://example.org/name"


@pytest.fixture
def entities(database: Database) -> Entities:
    made = Entities(database)
    made.on_change(record)
    return made


def shelter(**attributes: Any) -> dict[str, Any]:
    return {"id": ID, "type": TYPE, **attributes}


def value(given: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": given, **members}


def seen(attribute: str, given: Any, at: datetime | None = None, dataset: str = "") -> Instance:
    body = value(given) | ({} if at is None else {"observedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"})
    return Instance(attribute, dataset, at, None, body)


async def history(database: Database, attribute: str | None = None, tenant: str = "") -> list[Point]:
    shown = Shown() if attribute is None else Shown((attribute,))
    return (await EvolutionReads(database).instances(tenant, [ID], Window(), shown, limit=1000))[ID]


async def test_every_change_is_recorded_and_nothing_twice(database: Database, entities: Entities) -> None:
    observed = "2026-04-01T09:00:00Z"
    await entities.create("", shelter(**{FREE: value(10, observedAt=observed), NAME: value("A")}))
    await entities.replace("", shelter(**{FREE: value(9, observedAt="2026-04-01T10:00:00Z"), NAME: value("A")}))
    await entities.upsert_many("", [shelter(**{FREE: value(9, observedAt="2026-04-01T10:00:00Z")})])
    await entities.delete_many("", [ID])
    assert [(p.body["value"], p.deleted_at is not None) for p in await history(database, FREE)] == [
        (10, False),
        (9, False),
        (NULL, True),
    ]
    assert [p.body["value"] for p in await history(database, NAME)] == ["A", NULL]
    head = (await EvolutionReads(database).heads("", Which([((ID,), ())]), None, limit=1))[0]
    assert head.types == (TYPE,)


async def test_a_change_of_scope_is_recorded(database: Database, entities: Entities) -> None:
    await entities.create("", shelter(scope="/A"))
    await entities.replace("", shelter(scope=["/A", "/B"]))
    await entities.replace("", shelter())
    points = await history(database, "scope")
    assert [p.body["value"] for p in points] == ["/A", ["/A", "/B"], []]
    assert points[0].body["observedAt"] == points[0].at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{points[0].at:%f}"[:3] + "Z"


async def test_a_change_that_fails_records_nothing(database: Database, entities: Entities) -> None:
    async def refuse(*_: object) -> None:
        raise NotFound("not now", field="test")

    entities.on_change(refuse)
    with pytest.raises(NotFound):
        await entities.create("", shelter(**{FREE: value(1)}))
    assert await history(database) == []


async def test_instances_lie_in_their_months(database: Database) -> None:
    evolutions = Evolutions(database)
    november, later = datetime(2026, 11, 5, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
    await evolutions.add("", ID, [TYPE], [seen(FREE, 1, november), seen(FREE, 2, later)], create=True)
    await temporal_upkeep(database, now=datetime(2026, 11, 30, tzinfo=UTC))
    await temporal_upkeep(database, now=datetime(2026, 11, 30, tzinfo=UTC))
    december = datetime(2026, 12, 24, tzinfo=UTC)
    await evolutions.add("", ID, [TYPE], [seen(FREE, 3, december)], create=True)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT body -> 'value' AS v, tableoid::regclass::text AS t FROM temporal_values")
    assert {row["v"]: row["t"] for row in rows} == {
        "1": "temporal_values_2026_11",
        "3": "temporal_values_2026_12",
        "2": "temporal_values_default",
    }
    assert [p.body["value"] for p in await history(database)] == [1, 3, 2]


async def test_the_same_instant_again_takes_the_place(database: Database) -> None:
    evolutions = Evolutions(database)
    at = datetime(2026, 4, 1, tzinfo=UTC)
    assert await evolutions.add("", ID, [TYPE], [seen(FREE, 1, at), seen(FREE, 2, at, "urn:x:a")], create=True)
    assert not await evolutions.add("", ID, ["https://example.org/Hall"], [seen(FREE, 3, at)], create=True)
    assert sorted(p.body["value"] for p in await history(database)) == [2, 3]
    head = (await EvolutionReads(database).heads("", Which(), None, limit=9))[0]
    assert head.types == ("https://example.org/Hall", TYPE)


async def test_correcting_and_deleting(database: Database) -> None:
    evolutions = Evolutions(database)
    old, new = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
    await evolutions.add("", ID, [TYPE], [seen(FREE, 1, old), seen(FREE, 2, new), seen(NAME, "A")], create=True)
    first, second = await history(database, FREE)
    await evolutions.replace_instance("", ID, FREE, first.name, seen(FREE, 7, datetime(2026, 6, 1, tzinfo=UTC)))
    moved = (await history(database, FREE))[1]
    assert (moved.name, moved.body["value"], moved.created_at) == (first.name, 7, first.created_at)
    assert moved.at.month == 6
    await evolutions.delete_instance("", ID, FREE, second.name)
    for missing in (
        evolutions.delete_instance("", ID, FREE, second.name),
        evolutions.delete_instance("other", ID, FREE, moved.name),
        evolutions.delete_instance("", ID, NAME, moved.name),
        evolutions.replace_instance("", ID, FREE, uuid4(), seen(FREE, 1)),
        evolutions.delete_attribute("", ID, FREE, "urn:x:none"),
        evolutions.delete_attribute("", ID, "a\0b", None),
        evolutions.add("", "urn:x:unknown", [], [seen(FREE, 1)], create=False),
        evolutions.delete("", "urn:x:unknown"),
    ):
        with pytest.raises(NotFound):
            await missing
    await evolutions.delete_attribute("", ID, FREE, "")
    assert [p.attribute for p in await history(database)] == [NAME]
    await evolutions.delete("", ID)
    assert await history(database) == []
    assert await EvolutionReads(database).heads("", Which(), None, limit=9) == []


async def test_an_attribute_ends_once(database: Database) -> None:
    evolutions = Evolutions(database)
    given = [Instance(NAME, "", None, None, {"type": "LanguageProperty", "languageMap": {"ja": "駅"}})]
    await evolutions.add("", ID, [TYPE], given, create=True)
    assert await evolutions.end_attribute("", ID, NAME, "")
    assert not await evolutions.end_attribute("", ID, NAME, "")
    assert not await evolutions.end_attribute("", ID, FREE, None)
    last = (await history(database))[-1]
    assert (last.body["languageMap"], last.deleted_at is not None) == ({"@none": NULL}, True)


async def test_windows(database: Database) -> None:
    times = [datetime(2026, 4, day, tzinfo=UTC) for day in range(1, 6)]
    await Evolutions(database).add(
        "t", ID, [TYPE], [*(seen(FREE, n, at) for n, at in enumerate(times)), seen(NAME, "unseen")], create=True
    )
    reads = EvolutionReads(database)

    async def values(window: Window) -> list[Any]:
        found = await reads.instances("t", [ID], window, Shown(), limit=100)
        return [p.body["value"] for p in found[ID]]

    assert await values(Window("before", times[2])) == [0, 1]
    assert await values(Window("after", times[2])) == [2, 3, 4]
    assert await values(Window("between", times[1], times[3])) == [1, 2]
    assert await values(Window("before", times[4], last_n=2)) == [3, 2]
    assert await values(Window(timeproperty="deletedAt")) == []
    assert len(await values(Window(timeproperty="createdAt"))) == 6
    for which, window, count in (
        (Which(), Window("after", times[4]), 1),
        (Which(attributes=[NAME]), Window("after", times[0]), 0),
        (Which([((ID,), [frozenset({TYPE, "https://example.org/Hall"})])]), Window("after", times[0]), 0),
        (Which([((), [frozenset({TYPE})])]), Window("after", times[0]), 1),
        (Which([(("urn:x:y", "a\0b"), ()), ((ID,), ())]), Window("after", times[0]), 1),
    ):
        assert await reads.count("t", which, window) == count
        assert len(await reads.heads("t", which, window, limit=9)) == count
    assert await reads.attributes("t", [ID], Window(), Shown(hidden=[NAME])) == {ID: [(FREE, "Property")]}
