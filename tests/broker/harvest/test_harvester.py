from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from adapters.testing.portal import Portal, packages
from adapters.testing.serving import Reply, Server
from broker.harvest.harvester import Harvester, aad
from broker.identity.secrets import SecretBox
from broker.store.catalog_harvest import LeaseLost, StoredBatch
from broker.store.catalog_search import CatalogSearch, Filter
from broker.store.catalog_sources import CatalogSources
from broker.store.database import Database
from catalog.search.question import parse
from schemas.catalogue import CatalogueSource, HarvestState, HarvestStatus
from schemas.errors import NotFound

DOWN = Reply(b"down", 503)


async def add(sources: CatalogSources, url: str, name: str = "portal", **fields: Any) -> None:
    await sources.create(
        CatalogueSource(name, "ckan", url, options={"page_size": 20, **fields.pop("options", {})}, **fields)
    )


async def done(harvester: Harvester, name: str = "portal", **options: Any) -> HarvestStatus:
    status = await harvester.harvest(name, **options)
    assert status is not None
    return status


async def stored(database: Database) -> dict[str, str]:
    async with database.connection() as connection:
        return {r["id"]: r["document"] for r in await connection.fetch("SELECT id, document FROM catalog_datasets")}


async def test_all_of_it_then_only_what_changed(
    database: Database, harvester: Harvester, sources: CatalogSources
) -> None:
    records = packages(70)
    async with Server(Portal(records)) as server:
        await add(sources, server.url)
        first = await done(harvester)
        assert (first.state, first.added, first.seen, first.total) == (HarvestState.DONE, 70, 70, 70)
        second = await done(harvester)
        assert (second.added, second.changed, second.removed, second.unchanged) == (0, 0, 0, 70)
        records[3] |= {"notes": "書き換えた説明", "metadata_modified": records[3]["metadata_modified"]}
        gone = records.pop(10)
        third = await done(harvester)
    assert (third.added, third.changed, third.removed, third.unchanged) == (0, 1, 1, 68)
    assert third.datasets == 69
    assert await CatalogSearch(database).get(gone["name"]) is None
    changes = await sources.changes(after=0, source="portal", limit=1000)
    assert [c.kind for c in changes] == ["added"] * 70 + ["changed", "removed"]
    assert changes[-1].identifier == gone["id"]


async def test_a_search_finds_what_was_harvested(
    database: Database, harvester: Harvester, sources: CatalogSources
) -> None:
    async with Server(Portal(packages(130))) as server:
        await add(sources, server.url)
        await done(harvester)
    found = await CatalogSearch(database).search(Filter(parse("シェルター 中央区")), limit=10, offset=0)
    assert found.hits[0].dataset.title == "中央区 避難所一覧"
    assert not found.loose


@pytest.mark.parametrize(
    "spoil",
    [
        lambda start: Reply(b'{"success": true, "result": {"count": 0, "results": []}}', 200),
        lambda start: Reply(b"<html>maintenance</html>", 200, {"content-type": "text/html"}),
        lambda start: Reply(b"no", 404) if start >= 40 else None,
        lambda start: Reply(b'{"success": true, "result": {"count": 70, "results": []}}') if start >= 40 else None,
        lambda start: DOWN,
    ],
    ids=["empty", "html", "ends with 404", "ends early", "down"],
)
async def test_nothing_is_taken_away_on_a_failed_or_empty_answer(
    database: Database, harvester: Harvester, sources: CatalogSources, spoil: Callable[[int], Reply | None]
) -> None:
    portal = Portal(packages(70))
    async with Server(portal) as server:
        await add(sources, server.url)
        await done(harvester)
        before = await stored(database)
        portal.spoil = spoil
        failed = await done(harvester)
        assert failed.state in (HarvestState.FAILED, HarvestState.PARTIAL)
        assert failed.problem
        assert failed.failures == 1
        assert await stored(database) == before
        portal.spoil = None
        # a harvest that failed in the middle begins anew, since its source may have changed meanwhile
        again = await done(harvester)
    assert (again.state, again.failures, again.datasets) == (HarvestState.DONE, 0, 70)


async def test_more_than_half_missing_needs_somebody_to_say_so(harvester: Harvester, sources: CatalogSources) -> None:
    portal = Portal(packages(70))
    async with Server(portal) as server:
        await add(sources, server.url)
        await done(harvester)
        portal.records = portal.records[:20]
        held = await done(harvester)
        assert (held.state, held.removed, held.datasets) == (HarvestState.PARTIAL, 0, 70)
        forced = await done(harvester, forced=True)
    assert (forced.state, forced.removed, forced.datasets) == (HarvestState.DONE, 50, 20)


async def test_what_is_interrupted_goes_on_where_it_was_and_ends_the_same(
    database: Database, harvesters: Callable[[], Harvester], sources: CatalogSources
) -> None:
    portal = Portal(packages(100))
    async with Server(portal) as server:
        await add(sources, server.url)
        killed = harvesters()
        reached = asyncio.Event()
        task = asyncio.create_task(killed.harvest("portal", progress=lambda s: reached.set() if s.seen >= 40 else None))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        other = harvesters()
        assert await other.harvest("portal") is None, "the lease of the one that died still holds"
        await _expire(database)
        portal.starts.clear()
        status = await done(other)
        assert portal.starts[0] >= 40, "it went on where the other had stopped"
        assert (status.state, status.seen, status.run, status.datasets) == (HarvestState.DONE, 100, 1, 100)
        ended = await stored(database)
        await add(sources, server.url, "fresh")
        await done(other, "fresh")
    straight = await stored(database)
    assert len(straight) == 200
    assert ended.items() <= straight.items()


async def test_who_lost_the_lease_stores_nothing(
    database: Database, harvesters: Callable[[], Harvester], sources: CatalogSources
) -> None:
    async with Server(Portal(packages(5))) as server:
        await add(sources, server.url)
        slow, quick = harvesters(), harvesters()
        assert await slow.harvests.claim("portal") is not None
        await _expire(database)
        await done(quick)
        with pytest.raises(LeaseLost):
            await slow.harvests.store("portal", 1, StoredBatch([], {}, [], {}, "", None, ""))


async def test_bad_records_are_listed_and_the_rest_is_there(harvester: Harvester, sources: CatalogSources) -> None:
    records: list[Any] = packages(30)
    records[4] = "text"
    records[7] = records[7] | {"title": "", "name": ""}
    portal = Portal(records)
    async with Server(portal) as server:
        await add(sources, server.url)
        status = await done(harvester)
        assert (status.state, status.datasets, status.skipped) == (HarvestState.DONE, 28, 2)
        faults, total = await sources.faults("portal", limit=10, offset=0)
        assert total == 2
        assert {f.words for f in faults} == {"it is no object with an id", "it has no title"}
        portal.records = [r for r in packages(30) if r["id"] not in (records[7]["id"],)]
        await done(harvester)
    assert (await sources.faults("portal", limit=10, offset=0))[1] == 0


async def test_what_the_database_can_not_hold_is_a_fault_of_its_own(
    harvester: Harvester, sources: CatalogSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = packages(30)
    records[3]["notes"] = "x" * 30_000 + " \x00 " + "é" * 30_000
    records[9]["title"] = "あ" * 5_000
    real = harvester._row
    # no record is known that gets so far; a lexeme of 3,000 letters is one that PostgreSQL refuses
    monkeypatch.setattr(
        harvester,
        "_row",
        lambda dataset, today: (
            msgspec.structs.replace(real(dataset, today), head=("y" * 3000,))
            if dataset.identifier == records[5]["id"]
            else real(dataset, today)
        ),
    )
    async with Server(Portal(records)) as server:
        await add(sources, server.url)
        status = await done(harvester)
    assert (status.state, status.datasets, status.skipped) == (HarvestState.DONE, 29, 1)
    [fault], _ = await sources.faults("portal", limit=10, offset=0)
    assert fault.identifier == records[5]["id"]
    assert fault.words.startswith("it can't be stored")


async def test_one_that_breaks_later_keeps_what_was_read_before(
    database: Database, harvester: Harvester, sources: CatalogSources
) -> None:
    portal = Portal(packages(12))
    async with Server(portal) as server:
        await add(sources, server.url)
        await done(harvester)
        before = await stored(database)
        portal.records[5] = portal.records[5] | {"title": "", "name": ""}
        assert (await done(harvester)).removed == 0
    assert await stored(database) == before


async def test_a_source_that_comes_back_is_waited_for(harvester: Harvester, sources: CatalogSources) -> None:
    failing = [DOWN, Reply(b"", 429, {"retry-after": "1"}), DOWN]
    async with Server(Portal(packages(5), spoil=lambda start: failing.pop() if failing else None)) as server:
        await add(sources, server.url)
        assert (await done(harvester)).state is HarvestState.DONE


async def test_the_credential_is_sealed_and_sent(harvester: Harvester, sources: CatalogSources, box: SecretBox) -> None:
    sealed = box.seal({"kind": "header", "name": "Authorization", "value": "secret-key"}, aad("portal"))
    async with Server(Portal(packages(3), key="secret-key")) as server:
        await sources.create(CatalogueSource("portal", "ckan", server.url), sealed)
        assert (await done(harvester)).state is HarvestState.DONE


async def test_the_same_dataset_in_two_catalogues_is_one_hit_with_both_origins(
    database: Database, harvester: Harvester, sources: CatalogSources
) -> None:
    search = CatalogSearch(database)
    where = Filter(parse("避難所 千代田区"))
    async with Server(Portal(packages(20))) as server, Server(Portal(packages(10))) as other:
        await add(sources, server.url, "tokyo")
        await add(sources, other.url, "egov")
        await done(harvester, "tokyo")
        await done(harvester, "egov")
        found = await search.search(where, limit=10, offset=0)
        hit = next(h for h in found.hits if h.dataset.title == "千代田区 避難所一覧")
        assert {o.source for o in hit.origins} == {"tokyo", "egov"}
        assert found.total == len({h.dataset.title for h in found.hits})
        await sources.delete("egov")
        hit = (await search.search(where, limit=1, offset=0)).hits[0]
        assert [o.source for o in hit.origins] == ["tokyo"]
    with pytest.raises(NotFound):
        await sources.get("egov")


async def test_due_sources_are_those_whose_time_has_come(harvester: Harvester, sources: CatalogSources) -> None:
    async with Server(Portal(packages(3))) as server:
        await add(sources, server.url, "a", interval_s=3600)
        await add(sources, server.url, "b", interval_s=3600)
        assert await sources.due() == ["a", "b"]
        await done(harvester, "a")
        assert await sources.due() == ["b"]


async def _expire(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE catalog_sources SET lease_until = now() - interval '1 second'")


async def test_what_an_older_index_made_is_made_anew_and_is_no_change(
    database: Database, harvester: Harvester, sources: CatalogSources
) -> None:
    async with Server(Portal(packages(70))) as server:
        await add(sources, server.url)
        await done(harvester)
        async with database.connection() as connection:
            before = await connection.fetch("SELECT id, changed_at FROM catalog_datasets ORDER BY id")
            await connection.execute("UPDATE catalog_datasets SET extent = NULL, words = ''")
            await connection.execute("UPDATE catalog_sources SET indexed = indexed - 1")
        again = await done(harvester)
        assert (again.added, again.changed, again.removed, again.unchanged) == (0, 0, 0, 70)
        async with database.connection() as connection:
            assert await connection.fetch("SELECT id, changed_at FROM catalog_datasets ORDER BY id") == before
            assert await connection.fetchval("SELECT count(*) FROM catalog_datasets WHERE extent IS NULL") == 0
            # once is enough
            await connection.execute("UPDATE catalog_datasets SET extent = NULL")
        await done(harvester)
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM catalog_datasets WHERE extent IS NULL") == 70
    assert {c.kind for c in await sources.changes(after=0, source="portal", limit=1000)} == {"added"}
