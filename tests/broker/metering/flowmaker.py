"""Flows to settle, and what of them is stored."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

from broker.store.database import Database
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.idempotency import IdempotencyKey

CONSUMER = Consumer("nav", "org-nav", "project-1", "takeshiba")
PROVIDERS = tuple(Provider(f"urn:platform:{area}", f"org-{area}", area) for area in ("otemachi", "takeshiba", "toyosu"))


def flows(count: int = 3, *, types: tuple[str, ...] = ("urn:t:Shelter",), consumer: Consumer = CONSUMER) -> list[Flow]:
    request, now = uuid7(), datetime.now(UTC)
    return [
        Flow(uuid7(), request, now, "query", consumer, provider, types, 5, 1000, "ok", 1.5)
        for provider in PROVIDERS[:count]
    ]


def claim(of: list[Flow], key: str, digest: bytes = b"\1" * 32) -> IdempotencyKey:
    return IdempotencyKey("nav", key, digest, of[0].request)


async def stored(database: Database) -> Counter[UUID]:
    async with database.connection() as connection:
        return Counter(UUID(bytes=row["id"].bytes) for row in await connection.fetch("SELECT id FROM flows"))
