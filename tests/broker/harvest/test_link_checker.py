"""Files of the catalogue looked for on a real server, with what the catalogue says of them afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from adapters.guard import LOOPBACK, Guard
from adapters.testing.serving import Reply, Request, Server
from adapters.upstream import Upstream
from broker.harvest.links import LinkChecker
from broker.store.catalog_judged import rejudge_daily
from broker.store.catalog_links import CatalogLinks
from broker.store.catalog_rows import UPSERT, payload
from broker.store.catalog_search import CatalogSearch
from broker.store.database import Database
from catalog.hit import Hit
from catalog.indexing import index
from schemas.dataset import Access, Agent, Dataset, Distribution, Licence
from schemas.flow import uuid7

TODAY = date(2026, 11, 1)
CSV = {"content-type": "text/csv"}


class Files:
    """What is asked for, and how it answers: by path a status for GET, and one for HEAD if it is another."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.status: dict[str, int] = {}
        self.head: dict[str, int] = {}

    def __call__(self, request: Request) -> Reply:
        self.asked.append((request.method, request.path))
        status = self.status.get(request.path, 200)
        if request.path == "/page.csv":
            return Reply(b"<html>", 200, {"content-type": "text/html"})
        if request.path == "/moved.csv":
            return Reply(b"", 302, {"location": "/there.csv"})
        if request.path == "/out.csv":
            return Reply(b"", 302, {"location": "http://10.0.0.1/x.csv"})
        if request.method == "HEAD":
            return Reply(b"", self.head.get(request.path, status), CSV)
        assert request.headers["range"] == "bytes=0-0"
        return Reply(b"a", status, CSV)


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
async def server(files: Files) -> AsyncIterator[Server]:
    async with Server(files) as running:
        yield running


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    opened = Upstream(Guard(LOOPBACK))
    yield opened
    await opened.close()


@pytest.fixture
def links(database: Database) -> CatalogLinks:
    return CatalogLinks(database, uuid7())


@pytest.fixture
def checker(links: CatalogLinks, upstream: Upstream) -> LinkChecker:
    return LinkChecker(links, upstream, list, per_day=1000, pace=0)


def dataset(*urls: str, **changes: Any) -> Dataset:
    found = tuple(Distribution(str(n), download_url=url, format="CSV") for n, url in enumerate(urls))
    given: dict[str, Any] = {
        "source": "tokyo",
        "identifier": "1",
        "title": "避難所一覧",
        "description": "説明",
        "publisher": Agent("江東区"),
        "contact": Agent("防災課"),
        "licence": Licence("CC-BY-4.0"),
        "access": Access.OPEN,
        "keywords": ("避難所",),
        "modified": "2026-04-01",
        "distributions": found,
    }
    return Dataset(**(given | changes))


async def put(database: Database, *datasets: Dataset) -> None:
    async with database.transaction() as connection:
        await connection.fetch(UPSERT, payload([index(one, TODAY) for one in datasets]), 1)


async def hit(database: Database, one: Dataset) -> Hit:
    found = await CatalogSearch(database).get(one.id)
    assert found is not None
    return found


async def scores(database: Database) -> list[int]:
    async with database.connection() as connection:
        return [r[0] for r in await connection.fetch("SELECT score FROM catalog_datasets ORDER BY identifier")]


async def again(database: Database) -> None:
    """As if the time of everything had come."""
    async with database.connection() as connection:
        await connection.execute("UPDATE catalog_links SET due = now() WHERE due < 'infinity'")
        await connection.execute("UPDATE catalog_hosts SET next_at = now()")


async def crawl(checker: LinkChecker) -> tuple[int, int]:
    await checker.fill()
    found = await checker.turn()
    return found.looked, found.broken


async def test_files_are_looked_for_and_what_is_broken_costs_quality(
    database: Database, checker: LinkChecker, server: Server, files: Files
) -> None:
    files.status = {"/gone.csv": 404, "/shy.csv": 200}
    files.head = {"/shy.csv": 405}
    paths = ("there", "gone", "shy", "page", "moved", "out")
    good, bad = (
        dataset(f"{server.url}/there.csv"),
        dataset(*(f"{server.url}/{p}.csv" for p in paths), identifier="2", title="公園"),
    )
    await put(database, good, bad)
    assert await scores(database) == [100, 100]
    # the file that both have is asked for once
    assert await crawl(checker) == (6, 3)
    assert files.asked.count(("HEAD", "/there.csv")) == 2, "once for itself, once at the end of the redirect"
    states = (await hit(database, bad)).links
    assert [(s.place, s.alive) for s in states] == [(0, True), (1, False), (2, True), (3, False), (4, True), (5, False)]
    assert "404" in states[1].words
    assert "web page" in states[3].words
    assert all(s.checked for s in states)
    assert not (await hit(database, good)).findings.broken
    assert await scores(database) == [100, 75]
    # nothing is due any more
    assert await crawl(checker) == (0, 0)
    files.status["/gone.csv"] = 200
    await again(database)
    await crawl(checker)
    assert [(s.place, s.alive) for s in (await hit(database, bad)).links][1] == (1, True)


async def test_a_fault_that_may_pass_counts_when_it_stays(
    database: Database, checker: LinkChecker, server: Server, files: Files
) -> None:
    files.status = {"/a.csv": 500}
    one = dataset(f"{server.url}/a.csv")
    await put(database, one)
    assert await crawl(checker) == (1, 0)
    assert not (await hit(database, one)).findings.broken
    await again(database)
    assert await crawl(checker) == (1, 1)
    assert (await hit(database, one)).findings.broken
    assert await scores(database) == [75]


async def test_a_host_in_trouble_is_left_alone_and_given_up_with_all_its_files(
    database: Database, checker: LinkChecker, links: CatalogLinks, server: Server, files: Files
) -> None:
    files.status = {f"/{n}.csv": 503 for n in range(9)}
    one = dataset(*(f"{server.url}/{n}.csv" for n in range(9)))
    await put(database, one)
    assert await crawl(checker) == (1, 0)
    assert len(files.asked) == 1
    assert await crawl(checker) == (0, 0), "it rests"
    for _ in range(4):
        await again(database)
        await checker.turn()
    assert len(files.asked) == 5
    assert all(s.alive is False for s in (await hit(database, one)).links)
    files.status = {}
    await again(database)
    assert (await checker.turn()).looked == 9
    assert all(s.alive for s in (await hit(database, one)).links)
    assert await scores(database) == [100]


async def test_two_processes_share_the_hosts_and_the_budget(
    database: Database, checker: LinkChecker, links: CatalogLinks, upstream: Upstream, server: Server, files: Files
) -> None:
    await put(database, dataset(*(f"{server.url}/{n}.csv" for n in range(9))))
    other = CatalogLinks(database, uuid7())
    await checker.fill()
    [mine] = await other.claim(4, [])
    assert (await checker.turn()).looked == 0, "the host is another's"
    await other.rest(mine.host, 0, None)
    assert (await checker.turn(budget=4)).spent
    assert len(files.asked) == 4
    assert (await checker.turn(budget=4)).looked == 0
    async with database.connection() as connection:
        await connection.execute("UPDATE catalog_chores SET day = day - 1")
    assert (await checker.turn(budget=4)).looked == 4
    files.status = {"/8.csv": 404}
    async with database.connection() as connection:
        await connection.execute("UPDATE catalog_chores SET day = day - 1")
    assert (await checker.turn(budget=1)).looked == 1
    assert files.asked[-1] == ("HEAD", "/8.csv"), "a second question would have been one too many"
    spared = LinkChecker(links, upstream, lambda: ["127.0.0.1"], per_day=1000, pace=0)
    assert await spared.waiting() == 0
    assert (await spared.turn()).looked == 0


async def test_a_dataset_that_changes_keeps_what_is_known_of_the_same_files(
    database: Database, checker: LinkChecker, links: CatalogLinks, server: Server, files: Files
) -> None:
    files.status = {"/gone.csv": 404}
    await put(database, dataset(f"{server.url}/there.csv", f"{server.url}/gone.csv", f"{server.url}/old.csv"))
    await crawl(checker)
    changed = dataset(f"{server.url}/there.csv", f"{server.url}/gone.csv", f"{server.url}/new.csv", version="2")
    await put(database, changed)
    files.asked.clear()
    assert await crawl(checker) == (2, 1)
    assert {path for _, path in files.asked} == {"/gone.csv", "/new.csv"}
    assert [s.alive for s in (await hit(database, changed)).links] == [True, False, True]
    assert await scores(database) == [75]
    broken, total = await links.broken("tokyo", limit=10, offset=0)
    assert (total, broken[0].place, broken[0].title) == (1, 1, "避難所一覧")
    assert await links.broken("nowhere", limit=10, offset=0) == ([], 0)


async def test_what_is_by_agreement_is_told_by_its_users_only(
    database: Database, checker: LinkChecker, links: CatalogLinks, server: Server, files: Files
) -> None:
    one = dataset(f"{server.url}/there.csv", access=Access.AGREEMENT)
    await put(database, one)
    assert await crawl(checker) == (0, 0)
    await links.failed(one.id, 0, f"{server.url}/there.csv", "no answer")
    assert (await hit(database, one)).findings.broken
    await links.alive(one.id, 0, f"{server.url}/there.csv")
    assert not (await hit(database, one)).findings.broken
    await again(database)
    assert await crawl(checker) == (0, 0)
    assert files.asked == []


async def test_quality_is_judged_anew_once_a_day(database: Database) -> None:
    await put(database, dataset("https://x.example/a.csv", frequency="daily", modified=TODAY.isoformat()))
    async with database.connection() as connection:
        await connection.execute("UPDATE catalog_datasets SET score = 3")
    assert await rejudge_daily(database) == 1
    assert (await scores(database))[0] > 3
    assert await rejudge_daily(database) is None


async def test_two_of_one_title_in_one_catalogue_and_files_that_can_not_be_read(
    database: Database, links: CatalogLinks
) -> None:
    one, two = dataset("https://x.example/a.csv"), dataset("https://x.example/b.csv", identifier="2")
    elsewhere = dataset("https://x.example/c.csv", source="national", identifier="3")
    await put(database, one, two, elsewhere)
    await links.fill()
    assert await scores(database) == [95, 95, 100]
    assert (await hit(database, one)).duplicate
    assert not (await hit(database, elsewhere)).duplicate
    await links.alive(elsewhere.id, 0, "https://x.example/c.csv")
    await links.read(elsewhere.id, 0, "the CSV can't be read")
    assert (await hit(database, elsewhere)).findings.unreadable
    assert await scores(database) == [95, 95, 85]
    await links.read(elsewhere.id, 0, None)
    assert await scores(database) == [95, 95, 100]
