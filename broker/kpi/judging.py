"""How usable the linked assets are, by the catalogue's word, put into the ledger: figures count by that alone."""

from __future__ import annotations

from datetime import UTC, datetime

from broker.kpi.measure import read_facts
from broker.store.catalog_assets import CatalogAssets
from broker.store.database import Database
from broker.store.ledger_events import enter
from broker.store.usage_read import UsageReader
from schemas.kpi.facts import JUDGED
from schemas.kpi.fiscal import TOKYO, fiscal_year


async def judge(database: Database, now: datetime | None = None) -> int:
    """Tell what is new since the last judgement: assets that were never judged at once, other scores once a day, and
    all scores when a fiscal year begins. How many were told. One process at a time. Raises StoreUnavailable."""
    at = now or datetime.now(UTC)
    scores = await CatalogAssets(database).live_scores()
    async with UsageReader.open(database) as reader:
        facts = await read_facts(reader)
    today = at.astimezone(TOKYO).date()
    last = facts.judged
    full = last is None or fiscal_year(at) != last.year - (last.month < 4)
    told = facts.changes(scores, full=full)
    if last == today:
        fresh = {p: {t: n for t, n in types.items() if facts.score(p, t, today) is None} for p, types in told.items()}
        told = {platform: types for platform, types in fresh.items() if types}
    if not told:
        return 0
    async with database.transaction() as connection:
        await enter(connection, JUDGED, "catalog", "kakehashi", {"full": full, "scores": told}, now=at)
    return sum(len(types) for types in told.values())
