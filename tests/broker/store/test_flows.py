"""Reading flows: filters, pages, and a cursor that skips nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.store.database import Database, connect
from broker.store.flows import Cursor, FlowFilter, final_below, read_flows
from broker.store.flows_write import COLUMNS, row
from schemas.errors import InvalidRequest
from schemas.flow import Consumer, Flow, Provider, uuid7

START = datetime(2026, 11, 1, tzinfo=UTC)


def flow(**change: Any) -> Flow:
    base = Flow(
        uuid7(), uuid7(), START, "query", Consumer("nav", "org-c", "project", "toyosu"),
        Provider("p1", "org-p", "otemachi"), ("urn:t:A",), 3, 300, "ok", 1.5,
    )  # fmt: skip
    return replace(base, **change)


async def put(connection: asyncpg.Connection, flows: Sequence[Flow]) -> None:
    await connection.copy_records_to_table("flows", records=[row(one) for one in flows], columns=COLUMNS)


async def walk(database: Database, where: FlowFilter, limit: int) -> list[UUID]:
    """The ids on all pages."""
    found: list[UUID] = []
    cursor = None
    while True:
        page = await read_flows(database, where, cursor=cursor, limit=limit)
        assert len(page.flows) <= limit
        found += [one.id for one in page.flows]
        cursor = page.cursor
        if not page.more:
            return found
        assert len(page.flows) == limit


async def test_what_is_read_is_what_was_written(database: Database) -> None:
    written = [
        flow(),
        flow(
            consumer=Consumer("batchy", batch=True), provider=Provider("p2"), types=(), cache_hit=True, agreement="a",
            agreement_version=2, replay_of=uuid7(), idempotency_key="k", outcome="partial", operation="retrieve",
        ),
    ]  # fmt: skip
    async with database.connection() as connection:
        await put(connection, written)
    page = await read_flows(database, FlowFilter())
    assert page.flows == written
    assert not page.more


FILTERS = [
    ({"since": START + timedelta(hours=1)}, lambda f: f.time >= START + timedelta(hours=1)),
    ({"until": START + timedelta(hours=1)}, lambda f: f.time < START + timedelta(hours=1)),
    ({"consumer": "nav"}, lambda f: f.consumer.service == "nav"),
    ({"consumer": "org-c"}, lambda f: f.consumer.organisation == "org-c"),
    ({"consumer_area": "toyosu"}, lambda f: f.consumer.area == "toyosu"),
    ({"provider": "p2"}, lambda f: f.provider.platform == "p2"),
    ({"provider": "org-p"}, lambda f: f.provider.organisation == "org-p"),
    ({"provider_area": "toyosu"}, lambda f: f.provider.area == "toyosu"),
    ({"type": "urn:t:B"}, lambda f: "urn:t:B" in f.types),
    ({"type": "Shelter"}, lambda f: any(t.endswith("/Shelter") for t in f.types)),
    ({"cross_area": True}, lambda f: f.cross_area),
    ({"cross_area": False}, lambda f: not f.cross_area),
    ({"batch": True}, lambda f: f.consumer.batch),
    ({"outcome": "timeout"}, lambda f: f.outcome == "timeout"),
    ({"operation": "retrieve"}, lambda f: f.operation == "retrieve"),
    ({"service": "nav", "consumer": "org-c"}, lambda f: f.consumer.service == "nav"),
    ({"provider_area": "otemachi", "consumer_area": "toyosu"},
     lambda f: (f.provider.area, f.consumer.area) == ("otemachi", "toyosu")),
]  # fmt: skip


async def test_filters(database: Database) -> None:
    consumers = [Consumer("nav", "org-c", None, "toyosu"), Consumer("etl", "org-c", batch=True), Consumer("anonymous")]
    providers = [Provider("p1", "org-p", "otemachi"), Provider("p2", None, "toyosu"), Provider("p3", "org-p")]
    types = [("urn:t:A",), ("urn:t:A", "urn:t:B"), ("https://uri.etsi.org/ngsi-ld/default-context/Shelter",), ()]
    made = [
        flow(
            time=START + timedelta(minutes=7 * number),
            consumer=consumers[number % 3],
            provider=providers[number // 3 % 3],
            types=types[number % 4],
            outcome=("ok", "timeout")[number % 2],
            operation=("query", "retrieve")[number % 5 == 0],
        )
        for number in range(60)
    ]
    async with database.connection() as connection:
        await put(connection, made)
    for where, holds in FILTERS:
        expected = [one.id for one in made if holds(one)]
        assert 0 < len(expected) < 60
        assert await walk(database, FlowFilter(**where), 7) == expected, where
    wanted = made[17].request
    assert await walk(database, FlowFilter(request=wanted), 7) == [made[17].id]


@pytest.mark.parametrize("odd", ["a\0b", "\ud800"])
async def test_a_filter_that_is_no_text_of_ours_finds_nothing(database: Database, odd: str) -> None:
    async with database.connection() as connection:
        await put(connection, [flow()])
    assert (await read_flows(database, FlowFilter(consumer=odd))).flows == []


async def test_an_exactly_full_page_is_the_last(database: Database) -> None:
    async with database.connection() as connection:
        await put(connection, [flow() for _ in range(4)])
    page = await read_flows(database, FlowFilter(), limit=4)
    assert (len(page.flows), page.more) == (4, False)
    after = await read_flows(database, FlowFilter(), cursor=page.cursor, limit=4)
    assert (after.flows, after.cursor) == ([], page.cursor)


async def test_what_commits_late_is_not_skipped(database: Database, database_url: str) -> None:
    """A transaction that began first ends last; a reader comes between."""
    early, late = await connect(database_url), await connect(database_url)
    first, second = flow(), flow()
    slow = early.transaction()
    await slow.start()
    await put(early, [first])
    await put(late, [second])
    between = await read_flows(database, FlowFilter())
    assert between.flows == []
    await slow.commit()
    after = await read_flows(database, FlowFilter(), cursor=between.cursor)
    assert [one.id for one in after.flows] == [first.id, second.id]
    for connection in (early, late):
        await connection.close()


async def test_a_follower_sees_each_flow_once_in_spite_of_interleaved_transactions(
    database: Database, database_url: str
) -> None:
    written: list[UUID] = []

    async def writer(number: int) -> None:
        connection = await connect(database_url)
        for turn in range(15):
            some = [flow() for _ in range(2)]
            async with connection.transaction():
                await put(connection, some[:1])
                await asyncio.sleep((number * 7 + turn * 3) % 10 / 1000)
                await put(connection, some[1:])
            written.extend(one.id for one in some)
        await connection.close()

    seen: list[UUID] = []
    cursor = Cursor()
    writers = asyncio.gather(*map(writer, range(6)))
    while True:
        ended = writers.done()
        page = await read_flows(database, FlowFilter(), cursor=cursor, limit=5)
        seen += [one.id for one in page.flows]
        cursor = page.cursor
        if ended and not page.flows:
            break
    await writers
    assert len(seen) == len(set(seen)) == 180
    assert set(seen) == set(written)


async def test_transactions_that_write_no_flows_hold_nothing_up(database: Database, database_url: str) -> None:
    other = await connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("CREATE TABLE unrelated (n int)")
    await other.fetch("SELECT * FROM flows")
    one = flow()
    async with database.connection() as connection:
        await put(connection, [one])
    assert (await read_flows(database, FlowFilter())).flows == [one]
    await transaction.rollback()
    await other.close()


@pytest.mark.parametrize(
    ("following", "writers", "below"),
    [
        (1000, [], 1000),
        (1000, [990, 980, 999], 980),
        (1000, [1000, 1005], 1000),
        (2**32 + 5, [3], 2**32 + 3),
        (2**32 + 5, [2**32 - 4, 3], 2**32 - 4),
    ],
)
def test_a_cursor_never_passes_a_writer(following: int, writers: list[int], below: int) -> None:
    assert final_below(following, writers) == below


async def test_a_cursor_of_another_server_is_refused(database: Database) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await read_flows(database, FlowFilter(), cursor=Cursor(2**40, 1))
    assert caught.value.field == "cursor"


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_cursors_come_back(txid: int, seq: int) -> None:
    text = str(Cursor(txid, seq))
    assert Cursor.parse(text) == Cursor(txid, seq)
    assert all(c.isalnum() or c in "-_" for c in text)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not a cursor"):
        Cursor.parse(text)


def test_a_cursor_has_one_spelling() -> None:
    text = str(Cursor(1, 1))
    with pytest.raises(InvalidRequest):
        Cursor.parse(text[:-1] + chr(ord(text[-1]) + 1))
