"""The feed: figures and filings once each, in order; pushed signed, again, and given up on; live as entities."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from recorded_year import TOKYO, YEAR, flows, settle, store

from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from broker.identity.secrets import SecretBox
from broker.kpi.listing import StatisticsListing
from broker.kpi.programme import Programme
from broker.kpi.public import public_csv, public_month
from broker.kpi.publishing import TYPE, Publisher, standing
from broker.kpi.push import ATTEMPTS, Pusher, pause
from broker.store.catalog_search import CatalogSearch
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.kpi_feed import FeedItem, KpiFeed
from catalog.quality import quality
from schemas.dataset import Access, dataset_id
from schemas.errors import AlreadyExists, InvalidRequest, NotFound
from schemas.ngsi_ld.context import CORE

NOW = datetime(YEAR + 1, 3, 1, 3, tzinfo=UTC)


class Listener:
    """A real server that keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made, app = Listener(), web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


@pytest.fixture
async def pusher(database: Database) -> AsyncIterator[Pusher]:
    upstream = Upstream(Guard(LOOPBACK))
    yield Pusher(KpiFeed(database), upstream, SecretBox(b"k" * 32), source="urn:kakehashi:test")
    await upstream.close()


def item(n: int, kind: str = "daily") -> FeedItem:
    return FeedItem(kind, "p1", "uses", date(2026, 4, 1) + timedelta(days=n), {"value": str(n), "name_ja": "利用"})


async def test_each_item_once_and_in_order(database: Database) -> None:
    feed = KpiFeed(database)
    added = await asyncio.gather(*(feed.append([item(n), item(n + 1)]) for n in range(20)))
    assert sum(added) == 21
    found = await feed.read(0, 100)
    assert [one.seq for one in found] == list(range(1, 22))
    assert {one.day for one in found} == {item(n).day for n in range(21)}
    assert [one.seq for one in await feed.read(20, 100)] == [21]
    assert await feed.read(0, 100, ["p2"]) == []


async def test_pushed_signed_and_in_order(database: Database, pusher: Pusher, listener: Listener) -> None:
    feed = KpiFeed(database)
    await feed.append([item(0)])
    secret = await pusher.add("office", listener.url)
    with pytest.raises(AlreadyExists):
        await pusher.add("office", listener.url)
    await feed.append([item(1), item(2)])
    await pusher.turn()
    await pusher.turn()
    events = [json.loads(body) for _, body in listener.got]
    # what was there before it was made is not told
    assert [e["id"] for e in events] == ["kpi-2", "kpi-3"]
    assert (events[0]["specversion"], events[0]["type"], events[0]["subject"]) == (
        "1.0", "jp.kakehashi.kpi.daily", "p1/uses",
    )  # fmt: skip
    assert events[0]["data"]["value"] == "1"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    for headers, body in listener.got:
        assert headers["content-type"].startswith("application/cloudevents+json")
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == "v1," + expected
    async with database.connection() as connection:
        assert secret.encode() not in (await connection.fetchval("SELECT secret FROM kpi_hooks"))


async def test_what_fails_is_tried_again_and_given_up_on(
    database: Database, pusher: Pusher, listener: Listener
) -> None:
    feed = KpiFeed(database)
    await pusher.add("office", listener.url)
    await feed.append([item(0), item(1)])
    listener.status = 500
    for attempt in range(1, ATTEMPTS + 1):
        await pusher.turn()
        # the second waits for the first, until that is given up on
        assert len(listener.got) == attempt + (attempt == ATTEMPTS)
        await make_due(database)
        assert len(await feed.dead("office")) == (attempt == ATTEMPTS)
    listener.status = 200
    await pusher.turn()
    assert json.loads(listener.got[-1][1])["id"] == "kpi-2"
    (dead,) = await feed.dead("office")
    assert (dead.item.seq, dead.attempts, dead.error) == (1, ATTEMPTS, "status 500")
    assert await feed.revive("office") == 1
    await pusher.turn()
    assert json.loads(listener.got[-1][1])["id"] == "kpi-1"
    assert await feed.dead("office") == []
    await feed.remove_hook("office")
    with pytest.raises(NotFound):
        await feed.remove_hook("office")


async def make_due(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE kpi_deliveries SET next_at = now() WHERE NOT dead")


async def test_addresses_go_through_the_guard(database: Database, listener: Listener) -> None:
    upstream = Upstream(Guard(()))
    pusher = Pusher(KpiFeed(database), upstream, SecretBox(b"k" * 32), source="urn:x")
    await pusher.add("office", listener.url)
    await KpiFeed(database).append([item(0)])
    await pusher.turn()
    assert listener.got == []
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT attempts FROM kpi_deliveries") == 1
    await upstream.close()


def test_pauses_grow_and_end() -> None:
    assert [pause(n).total_seconds() for n in (0, 1, 2, 3)] == [30, 60, 120, 240]
    assert pause(10_000) == timedelta(hours=6)


async def test_the_publisher_says_everything_once(database: Database) -> None:
    programme, feed, entities = Programme(database), KpiFeed(database), Entities(database)
    await settle(programme, 2)
    await store(database, flows(1500, seed=3))
    wrote: list[tuple[str, frozenset[str]]] = []

    async def told(tenant: str, types: frozenset[str]) -> None:
        wrote.append((tenant, types))

    publisher = Publisher(programme, feed, entities, told)
    await programme.file_status("p1", YEAR, "org-1")
    await publisher.turn(NOW)
    first = await feed.read(0, 1000)
    await publisher.turn(NOW + timedelta(minutes=5))
    assert await feed.read(0, 1000) == first
    report = await programme.report("p1", YEAR, as_of=date(YEAR + 1, 2, 28))
    daily = {one.subject: one for one in first if (one.kind, one.project) == ("daily", "p1")}
    monthly = {one.subject: one for one in first if (one.kind, one.project) == ("monthly", "p1")}
    for kpi in report["kpis"]:
        actual = kpi["year2"]["actual"]
        assert daily[kpi["id"]].body["value"] == (None if actual is None else str(actual))
        assert daily[kpi["id"]].day == date(YEAR + 1, 2, 28)
        month = next(m["value"] for m in kpi["months"] if m["period"] == f"{YEAR + 1}-02")
        assert monthly[kpi["id"]].body["value"] == (None if month is None else str(month))
    assert [one.body["filing"] for one in first if one.kind == "filed"] == ["status"]
    await publisher.turn(NOW + timedelta(days=1))
    later = await feed.read(first[-1].seq, 1000)
    assert {one.kind for one in later} == {"daily"}
    assert {one.day for one in later} == {date(YEAR + 1, 3, 1)}
    assert wrote[0] == ("", frozenset({TYPE}))
    name = f"urn:ngsi-ld:KeyPerformanceIndicator:p1:api-uses:{YEAR}"
    (kept,) = await entities.get("", [name])
    shown: dict[str, Any] = kept.entity
    assert shown["type"] == TYPE
    now = await programme.report("p1", YEAR, as_of=date(YEAR + 1, 3, 2))
    uses = next(k for k in now["kpis"] if k["id"] == "api-uses")
    assert shown[CORE.expand("kpiValue")]["value"] == uses["year2"]["actual"]


def test_standing() -> None:
    assert [standing(n) for n in (None, 100, 80, 79, 40, 0)] == [
        None, "very good", "good", "fair", "bad", "very bad",
    ]  # fmt: skip


async def test_public_months(database: Database) -> None:
    await store(database, flows(4000, seed=4))
    found = await public_month(database, f"{YEAR}-11")
    cells = [count for row in found["cells"] for count in row]
    assert all(count is None or count == 0 or count >= 10 for count in cells)
    assert any(cells)
    assert len(found["cells"]) == len(found["provider_areas"]) + 1
    text = public_csv(found)
    assert text.startswith(b"\xef\xbb\xbfmonth,provider_area,consumer_area,api_uses\r\n")
    assert text == public_csv(await public_month(database, f"{YEAR}-11"))
    empty = await public_month(database, "2001-01")
    assert (empty["cells"], public_csv(empty).count(b"\r\n")) == ([], 1)
    assert (await public_month(database, now=datetime(2026, 1, 31, 16, tzinfo=UTC)))["month"] == "2026-01"
    assert (await public_month(database, now=datetime(2026, 1, 31, 14, tzinfo=UTC)))["month"] == "2025-12"
    for wrong in ("2026", "2026-13", "2999-01", "x"):
        with pytest.raises(InvalidRequest):
            await public_month(database, wrong)


async def test_public_statistics_are_a_dataset_of_the_catalogue(database: Database) -> None:
    listing, search = StatisticsListing(database, "事務局", "CC BY 4.0"), CatalogSearch(database)
    name = dataset_id("kakehashi", "public-statistics")
    today = date(YEAR, 7, 3)
    await listing.turn(today)
    assert await search.get(name) is None
    await store(database, [f for f in flows(3000, seed=9) if f.time.astimezone(TOKYO).date() < date(YEAR, 8, 20)])
    await listing.turn(date(YEAR, 8, 1))
    hit = await search.get(name)
    assert hit is not None
    made = hit.dataset
    assert (made.start, made.end, made.modified) == (f"{YEAR}-03-01", f"{YEAR}-07-31", f"{YEAR}-08-01")
    assert (made.licence.id, made.access, made.publisher.name) == ("CC-BY-4.0", Access.OPEN, "事務局")
    assert quality(made, today).reasons == ()
    last = next(d for d in made.distributions if d.id == f"{YEAR}-07")
    assert last.access_url == f"/kpi/public?month={YEAR}-07&format=csv"
    heads = [column.name for column in last.columns]
    assert public_csv(await public_month(database, f"{YEAR}-07"))[3:].splitlines()[0].decode().split(",") == heads
    await StatisticsListing(database, "事務局", "CC BY 4.0").turn(date(YEAR, 9, 2))
    again = await search.get(name)
    assert again is not None
    assert again.dataset.end == f"{YEAR}-08-31"
