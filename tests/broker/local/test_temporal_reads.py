"""Evolutions of many entities: filters, pages and counts against a plain look over what was stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from broker.local import temporal
from broker.local.temporal import TemporalReads
from broker.store.database import Database
from broker.store.temporal import Evolutions
from broker.store.temporal_read import EvolutionReads
from schemas.errors import NotFound, TooManyResults
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.temporal import Instance, TemporalQuery
from schemas.ngsi_ld.temporal_params import parse_temporal_query, parse_temporal_retrieve

START = datetime(2026, 4, 1, tzinfo=UTC)
FREE = CORE.expand("free")
ASKED = {"type": "Shelter", "timerel": "after", "timeAt": "2026-04-01T00:00:00Z"}


def seen(value: int, minutes: int) -> Instance:
    at = START + timedelta(minutes=minutes)
    body = {"type": "Property", "value": value, "observedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    return Instance(FREE, "", at, None, body)


def asked(**params: str) -> TemporalQuery:
    return parse_temporal_query(ASKED | params, CORE)


@pytest.fixture
async def reads(database: Database) -> TemporalReads:
    evolutions = Evolutions(database)
    for n in range(130):
        instances = [seen(n, -5), *(seen(n % 7 + m, m) for m in range(3))]
        await evolutions.add("", f"urn:x:{n:03}", [CORE.expand("Shelter")], instances, create=True)
    return TemporalReads(EvolutionReads(database), page=20)


async def test_filtered_pages_are_a_partition(reads: TemporalReads) -> None:
    wanted = [f"urn:x:{n:03}" for n in range(130) if n % 7 + 2 > 5]
    found: list[str] = []
    for offset in range(0, len(wanted) + 9, 9):
        page = await reads.query("", asked(q="free>5", limit="9", offset=str(offset), count="true"))
        assert page.count == len(wanted)
        assert page.more is (offset + 9 < len(wanted))
        found += [one["id"] for one in page.entities]
    assert found == wanted
    backwards = await reads.query("", asked(q="free>5", limit="1000", orderBy="id;desc"))
    assert [one["id"] for one in backwards.entities] == wanted[::-1]


async def test_a_pattern_goes_with_the_type_of_its_selector(reads: TemporalReads) -> None:
    page = await reads.query("", asked(idPattern="00[1-3]$"))
    assert [one["id"] for one in page.entities] == ["urn:x:001", "urn:x:002", "urn:x:003"]
    assert (await reads.query("", asked(idPattern="00[1-3]$", type="Other"))).entities == []


async def test_no_more_is_read_than_is_sensible(reads: TemporalReads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "_WHOLE", 100)
    few = asked(format="aggregatedValues", aggrMethods="max", limit="10")
    made = (await reads.query("", few)).entities
    assert [one["free"]["max"][0][0] for one in made] == [n % 7 + 2.0 for n in range(10)]
    with pytest.raises(TooManyResults):
        await reads.query("", asked(format="aggregatedValues", aggrMethods="max", limit="1000"))


async def test_retrieving_what_is_not_there(reads: TemporalReads) -> None:
    for params in (
        {"attrs": "unknown"},
        {"pick": "unknown"},
        {"omit": "id,type,free"},
        {"timerel": "after", "timeAt": "2030-01-01T00:00:00Z"},
        {"datasetId": "urn:x:none"},
    ):
        with pytest.raises(NotFound):
            await reads.retrieve("", "urn:x:001", parse_temporal_retrieve(params, CORE))
    with pytest.raises(NotFound):
        await reads.retrieve("other", "urn:x:001", parse_temporal_retrieve({}, CORE))
    picked = await reads.retrieve("", "urn:x:001", parse_temporal_retrieve({"pick": "id"}, CORE))
    assert picked.entities == [{"id": "urn:x:001"}]
