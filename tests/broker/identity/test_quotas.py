"""Quotas over several workers on one real database: never more requests, at most one page more for each worker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from broker.identity.agreements.quotas import Quotas
from broker.store.agreement_usage import Account, AgreementUsage
from broker.store.agreements import Agreements
from broker.store.database import Database
from schemas.agreement import Party, Quota, Terms
from schemas.narrowing import Clause
from schemas.quota import Bound

WORKERS = 4


async def clause(database: Database, quota: Quota) -> Clause:
    now = datetime.now(UTC)
    terms = Terms("takeshiba", "App Inc", "tests", now - timedelta(days=1), now + timedelta(days=9), quota=quota)
    made = await Agreements(database).propose(terms, frozenset({Party.PROVIDER}), Party.CONSUMER, "app")
    return Clause(made.id, 1, quota=quota)


@pytest.mark.parametrize(("most", "share", "left"), [(37, 1, 37), (10_000, 10, 190)])
async def test_requests_are_never_too_many_and_hardly_too_few(
    database: Database, most: int, share: int, left: int
) -> None:
    usage = AgreementUsage(database)
    asked = await clause(database, Quota(requests_per_month=most))
    bound = Bound("requests", True, most)
    account = Account(str(asked.agreement), "requests", bound.period(datetime.now(UTC)), True)
    assert await usage.take(account, most - left, most) == most - left
    admitted = 0

    async def client(worker: Quotas, tries: int) -> None:
        nonlocal admitted
        for _ in range(tries):
            if not await worker.admit([asked], 20):
                admitted += 1
                worker.release([asked], 20)

    workers = [Quotas(usage) for _ in range(WORKERS)]
    await asyncio.gather(*(client(w, left // 4) for w in workers for _ in range(2)))
    assert left - WORKERS * share <= admitted <= left
    # what is left over in workers is there for others when they end
    for worker in workers:
        await worker.close()
    await client(Quotas(usage), WORKERS * share + 1)
    assert admitted == left


@pytest.mark.parametrize("bound", ["entities_per_day", "entities_per_month"])
async def test_entities_are_at_most_a_page_too_many_for_each_worker(database: Database, bound: str) -> None:
    usage, most, page = AgreementUsage(database), 1000, 30
    asked = await clause(database, Quota(**{bound: most}))
    workers = [Quotas(usage) for _ in range(WORKERS)]
    delivered = 0

    async def client(worker: Quotas) -> None:
        nonlocal delivered
        while not await worker.admit([asked], page):
            await asyncio.sleep(0)
            delivered += page
            worker.spent(asked, page)
            worker.release([asked], page)

    await asyncio.gather(*(client(w) for w in workers for _ in range(5)))
    assert most - WORKERS * page <= delivered <= most + WORKERS * page


async def test_a_refusal_says_when_it_ends_and_counts_nothing(database: Database) -> None:
    usage = AgreementUsage(database)
    asked = await clause(database, Quota(requests_per_day=1, requests_per_month=5))
    quotas = Quotas(usage)
    assert await quotas.admit([asked], 1) == {}
    now = datetime.now(UTC)
    for _ in range(3):
        spent = await quotas.admit([asked], 1)
        assert set(spent) == {asked.agreement}
        assert timedelta() < spent[str(asked.agreement)] - now <= timedelta(days=1, seconds=5)
    await quotas.close()
    month = Bound("requests", True, 5)
    assert await usage.taken(Account(str(asked.agreement), "requests", month.period(now), True)) == 1


def test_days_and_months_are_tokyos() -> None:
    new_year = datetime(2026, 12, 31, 15, tzinfo=UTC)
    day, month = Bound("requests", False, 1), Bound("requests", True, 1)
    assert day.period(new_year).isoformat() == "2027-01-01"
    assert day.period(new_year - timedelta(seconds=1)).isoformat() == "2026-12-31"
    assert month.period(new_year).isoformat() == "2027-01-01"
    assert month.reset(new_year).isoformat() == "2027-02-01T00:00:00+09:00"
    assert day.reset(new_year - timedelta(seconds=1)).isoformat() == "2027-01-01T00:00:00+09:00"
