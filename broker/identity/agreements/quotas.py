"""Quotas of agreements over all workers. A worker takes some of a quota in advance and counts it down in memory.

What is taken at a time is a thousandth of the quota: so much may lie unused in a worker when another says that it is
used up. Requests are never too many; of entities at most one page for each worker, since how many come is known late.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from broker.store.agreement_usage import Account
from schemas.errors import KakehashiError, QuotaExceeded
from schemas.narrowing import Clause
from schemas.quota import Bound, bounds

_SHARE = 1000
_LARGEST = 100
"""Requests taken at a time, at most."""
_PATIENCE_S = 1.0
"""After finding nothing left, so long nobody looks again."""


class Usage(Protocol):
    """What is needed of `broker.store.agreement_usage.AgreementUsage`."""

    async def take(self, account: Account, wanted: int, most: int) -> int: ...
    async def give_back(self, account: Account, amount: int) -> None: ...


class _Meter:
    """Of one account, in this worker."""

    __slots__ = ("account", "dry_until", "in_flight", "left", "lock")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.left = 0
        """Taken and not used; below zero after a page that was larger than what was left."""
        self.in_flight = 0
        """Entities that answers under way may yet have."""
        self.dry_until = 0.0
        self.lock = asyncio.Lock()


class Quotas:
    """One per worker."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self._meters: dict[tuple[str, Bound], _Meter] = {}

    async def admit(
        self, clauses: Iterable[Clause], page: int, *, counted: Collection[str] = ()
    ) -> dict[str, datetime]:
        """Count one request for each agreement (but for those that are `counted`), and on `page` entities that it may
        bring, until `release`. Returns those that are used up, and when that ends: of them nothing is counted on.
        StoreUnavailable."""
        spent: dict[str, datetime] = {}
        for clause in clauses:
            if clause.agreement is None or not clause.quota.bounded:
                continue
            now = datetime.now(UTC)
            claimed: list[tuple[_Meter, int]] = []
            try:
                for bound in bounds(clause.quota):
                    requests = bound.measure == "requests"
                    amount = (0 if clause.agreement in counted else 1) if requests else page
                    meter = self._meter(clause.agreement, bound, now)
                    if not await self._claim(meter, bound, amount):
                        spent[clause.agreement] = bound.reset(now)
                        break
                    claimed.append((meter, amount))
            except BaseException:
                _unclaim(claimed)
                raise
            if clause.agreement in spent:
                _unclaim(claimed)
        return spent

    def release(self, clauses: Iterable[Clause], page: int) -> None:
        """What was counted on has come, or has not."""
        now = datetime.now(UTC)
        for clause in clauses:
            for bound in bounds(clause.quota):
                if bound.measure == "entities" and clause.agreement is not None:
                    meter = self._meter(clause.agreement, bound, now)
                    meter.in_flight = max(meter.in_flight - page, 0)

    def spent(self, clause: Clause, entities: int) -> None:
        """Entities that are delivered by a clause."""
        now = datetime.now(UTC)
        for bound in bounds(clause.quota):
            if bound.measure == "entities" and clause.agreement is not None:
                self._meter(clause.agreement, bound, now).left -= entities

    async def close(self) -> None:
        """Give back what was taken and not used."""
        meters, self._meters = self._meters, {}
        for meter in meters.values():
            await self._return(meter)

    def _meter(self, agreement: str, bound: Bound, now: datetime) -> _Meter:
        known = self._meters.get((agreement, bound))
        period = bound.period(now)
        if known is None or known.account.period != period:
            known = _Meter(Account(agreement, bound.measure, period, bound.monthly))
            self._meters[agreement, bound] = known
        return known

    async def _claim(self, meter: _Meter, bound: Bound, amount: int) -> bool:
        """Claim requests, or count on entities; False if nothing is left. Takes more if need be."""
        requests = bound.measure == "requests"
        if requests and not amount:
            return True
        if meter.left - meter.in_flight < max(amount, 1):
            async with meter.lock:
                lacking = max(amount, 1) - (meter.left - meter.in_flight)
                if lacking > 0 and monotonic() >= meter.dry_until:
                    share = bound.most // _SHARE
                    portion = max(lacking, min(share, _LARGEST) if requests else share)
                    had = await self._usage.take(meter.account, portion, bound.most)
                    meter.left += had
                    if had < portion:
                        meter.dry_until = monotonic() + _PATIENCE_S
        # nothing is awaited from here on: what is seen is claimed
        if meter.left - meter.in_flight <= 0:
            return False
        if requests:
            meter.left -= amount
        else:
            meter.in_flight += amount
        return True

    async def _return(self, meter: _Meter) -> None:
        if meter.left:
            try:
                await self._usage.give_back(meter.account, meter.left)
            except KakehashiError:
                # it stays taken: too little is given rather than too much
                return


def _unclaim(claimed: Iterable[tuple[_Meter, int]]) -> None:
    for meter, amount in claimed:
        if meter.account.measure == "requests":
            meter.left += amount
        else:
            meter.in_flight -= amount


def used_up(reset: datetime) -> QuotaExceeded:
    """The refusal, with the time at which it ends."""
    wait = math.ceil((reset - datetime.now(UTC)).total_seconds())
    return QuotaExceeded(
        f"the quota of the agreement is used up until {reset.isoformat()}", after=max(wait, 1), reset=reset.isoformat()
    )
