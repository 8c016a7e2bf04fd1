"""What workers have taken of the quotas of agreements. They take in advance, some at a time, so that few requests come
here; what a worker has taken and not used it gives back when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.store.database import Database

_HOLD = (
    "INSERT INTO agreement_usage AS u (agreement, measure, period, monthly, taken) VALUES ($1, $2, $3, $4, 0)"
    " ON CONFLICT (agreement, measure, monthly, period) DO UPDATE SET taken = u.taken RETURNING taken"
)
_ADD = (
    "UPDATE agreement_usage SET taken = greatest(taken + $5, 0)"
    " WHERE agreement = $1 AND measure = $2 AND period = $3 AND monthly = $4"
)


@dataclass(frozen=True, slots=True)
class Account:
    """Of an agreement: requests or entities ("requests", "entities") of a day, or of the month that begins with it."""

    agreement: str
    measure: str
    period: date
    monthly: bool


class AgreementUsage:
    """Methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, account: Account, wanted: int, most: int) -> int:
        """Take up to `wanted` of what is left of `most`; how many were had."""
        key = (account.agreement, account.measure, account.period, account.monthly)
        async with self._database.transaction() as connection:
            taken: int = await connection.fetchval(_HOLD, *key)
            had = max(0, min(wanted, most - taken))
            if had:
                await connection.execute(_ADD, *key, had)
        return had

    async def give_back(self, account: Account, amount: int) -> None:
        """What was taken and not used; below zero: what was used and not taken."""
        async with self._database.connection() as connection:
            await connection.execute(_ADD, account.agreement, account.measure, account.period, account.monthly, -amount)

    async def taken(self, account: Account) -> int:
        async with self._database.connection() as connection:
            found: int | None = await connection.fetchval(
                "SELECT taken FROM agreement_usage"
                " WHERE agreement = $1 AND measure = $2 AND period = $3 AND monthly = $4",
                account.agreement,
                account.measure,
                account.period,
                account.monthly,
            )
        return found or 0
