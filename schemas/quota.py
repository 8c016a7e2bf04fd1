"""Days and months of a quota, by Tokyo's calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.agreement import Quota

TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class Bound:
    """`most` requests or entities (`measure`) in a day, or in the month that begins with `period`."""

    measure: str
    monthly: bool
    most: int

    def period(self, now: datetime) -> date:
        """The first day of the period that a time is in."""
        today = now.astimezone(TOKYO).date()
        return today.replace(day=1) if self.monthly else today

    def reset(self, now: datetime) -> datetime:
        """When the next period begins."""
        first = self.period(now)
        following = (first + timedelta(days=31)).replace(day=1) if self.monthly else first + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=TOKYO)


def bounds(quota: Quota) -> Iterator[Bound]:
    """What a quota bounds, requests first."""
    for measure in ("requests", "entities"):
        for monthly, period in ((False, "day"), (True, "month")):
            most = getattr(quota, f"{measure}_per_{period}")
            if most is not None:
                yield Bound(measure, monthly, most)
