"""What changes is written to the outbox in the transaction that changes it, for the subscriptions that want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import orjson

from broker.notify.index import SubscriptionIndex
from broker.store.entity_change import Written
from broker.store.entity_rows import stamp, types_of
from broker.store.outbox import enqueue
from broker.store.subscriptions import Key
from schemas.flow import uuid7
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.subscription_match import EntityChange, Told, instance_changes, notified
from schemas.platform import Platform, PlatformState

Nudge = Callable[[Sequence[Key]], None]
"""Told which lines of the outbox were written to; the transaction is not committed yet."""


class Capture:
    """`entities` for `Entities.on_change`, `registration` for `Platforms.on_change`. Tenants without subscriptions pay
    a look into a dict."""

    def __init__(self, index: SubscriptionIndex, nudge: Nudge) -> None:
        self._index = index
        self._nudge = nudge

    async def entities(self, connection: asyncpg.Connection, tenant: str, written: Sequence[Written]) -> None:
        """One notification for each subscription, with all entities of this transaction that it wants; of an entity
        that changed several times, one for each time (clause 5.5.11.3)."""
        index = self._index
        if not written or not index.watching(tenant):
            return
        wanted: dict[Key, list[list[Told]]] = {}
        times: dict[str, int] = {}
        for one in written:
            time = times[one.id] = times.get(one.id, -1) + 1
            entity = one.after if one.after is not None else one.before
            found = [] if entity is None else index.of(tenant, types_of(entity))
            if not found:
                continue
            before = None if one.after is not None and _ended(one.before, one.now) else one.before
            changes = instance_changes(before, one.after)
            change = EntityChange(one.id, before, one.after, stamp(one.created_at), stamp(one.now))
            for active in found:
                told = notified(active.subscription, change, changes, one.now)
                if told is not None:
                    turns = wanted.setdefault(active.key, [])
                    turns += [[] for _ in range(len(turns), time + 1)]
                    turns[time].append(told)
        if wanted:
            now = written[0].now
            rows = [
                (key, uuid7(), now, orjson.dumps(turn))
                for key, turns in sorted(wanted.items())
                for turn in turns
                if turn
            ]
            await self._put(connection, rows)

    async def registration(
        self, connection: asyncpg.Connection, before: Platform | None, after: Platform | None
    ) -> None:
        """A registration was made, changed or taken away. Whom it matters to is decided when it is notified."""
        one = after or before
        if one is None or not _differs(before, after):
            return
        found = [a for a in self._index.registrations(one.registry_tenant) if a.subscription.interval is None]
        if found:
            body = msgspec.json.encode({"before": before, "after": after})
            now = datetime.now(UTC)
            await self._put(connection, [(active.key, uuid7(), now, body) for active in found])

    async def _put(self, connection: asyncpg.Connection, rows: Sequence[tuple[Key, UUID, datetime, bytes]]) -> None:
        await enqueue(connection, rows)
        self._nudge([key for key, *_ in rows])


def _ended(entity: Mapping[str, Any] | None, now: datetime) -> bool:
    """It had expired (clause 4.22), and what comes after it under its id is another entity."""
    end = None if entity is None else read_datetime(str(entity.get("expiresAt", "")))
    return end is not None and end <= now


def _differs(before: Platform | None, after: Platform | None) -> bool:
    """By more than what probing finds: that is no change of the registration."""
    if before is None or after is None:
        return True
    return _said(before) != _said(after)


def _said(platform: Platform) -> Platform:
    """Without what is found of it or counted."""
    return replace(platform, probe=None, state=PlatformState.ACTIVE, modified_at="", version=0, has_credential=False)
