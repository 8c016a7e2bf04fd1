"""Copies of subscriptions at the sources that they are registered for (clause 5.8.1.4), kept in step in the background:
made, changed and ended as subscriptions and registrations come and go; and what their notifications bring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson
import structlog

from adapters.contract import SourceContext, Subscribable
from broker.notify.index import Active, SubscriptionIndex
from broker.registry.registry import Registry
from broker.registry.source import Source
from broker.store.outbox import Outbox
from broker.store.remote_subscriptions import Remote, RemoteSubscriptions
from broker.store.subscriptions import Key
from schemas.errors import KakehashiError, SourceError, StoreUnavailable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.rename import expand_entity
from schemas.ngsi_ld.representation import from_any
from schemas.ngsi_ld.subscription import Subscription
from schemas.ngsi_ld.subscription_match import EntityChange, conditions_hold
from schemas.ngsi_ld.subscription_remote import reduced

log = structlog.get_logger(__name__)
PATH = "/federation/notifications/"
_SECONDS = 0.25
_RETRY = 10.0
_MOST = 10_000
"""Entities of one notification."""
_AT_ONCE = 8


class RemoteKeeper:
    """`via`: the Via header for what goes on, by the one that came and the tenant; it raises LoopDetected."""

    def __init__(
        self,
        index: SubscriptionIndex,
        registry: Registry,
        store: RemoteSubscriptions,
        outbox: Outbox,
        nudge: Callable[[Sequence[Key]], None],
        via: Callable[[str | None, str], str],
        *,
        public_url: str,
        open_access: bool,
    ) -> None:
        self._index = index
        self._registry = registry
        self._store = store
        self._outbox = outbox
        self._nudge = nudge
        self._via = via
        self._public_url = public_url.rstrip("/")
        self._open = open_access
        self._task: asyncio.Task[None] | None = None
        self._seen: object = None
        self._again_at = 0.0

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="remote-subscriptions")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                state = (self._index.generation, self._registry.state())
                if state != self._seen or loop.time() >= self._again_at:
                    whole = await self.keep()
                    self._seen = state
                    self._again_at = loop.time() + (_RETRY if not whole else 60.0)
            except StoreUnavailable as error:
                log.warning("remote_subscriptions_delayed", reason=error.detail)
            except Exception:
                # whatever it was must not end this in a process that runs for months
                log.exception("remote_subscriptions_failed")
            await asyncio.sleep(_SECONDS)

    async def keep(self) -> bool:
        """Bring the sources' copies in step; False if something is still to be tried again."""
        held = {(one.key, one.platform): one for one in await self._store.all()}
        wanted = {(active.key, source.id): (active, source) for active, source in self._wanted()}
        slots = asyncio.Semaphore(_AT_ONCE)
        jobs = [self._make(slots, active, source, held.get(place)) for place, (active, source) in wanted.items()]
        jobs += [self._end(slots, one) for place, one in held.items() if place not in wanted]
        return all(await asyncio.gather(*jobs))

    def _base(self, active: Active) -> str:
        """Where sources reach this gateway. What a subscriber says of it (Host) counts in open mode only: elsewhere it
        could lead what sources notify past its rights and past metering. Empty: there are no copies."""
        return self._public_url or (active.base if self._open else "")

    def _wanted(self) -> Iterator[tuple[Active, Source]]:
        for active in self._index.entity_subscriptions():
            if not self._base(active):
                continue
            for source in self._registry.sources(active.key.tenant):
                if source.network and isinstance(source.adapter, Subscribable) and self._may(active, source):
                    yield active, source

    def _may(self, active: Active, source: Source) -> bool:
        alias = source.platform.distribution.alias
        if alias is not None and active.via is not None and alias in active.via:
            # it came that way
            return False
        return reduced(active.subscription, source.platform, "", "") is not None

    async def _make(self, slots: asyncio.Semaphore, active: Active, source: Source, held: Remote | None) -> bool:
        base = self._base(active)
        document = reduced(active.subscription, source.platform, "", base)
        if document is None:
            return True
        digest = sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).digest()
        if held is not None and held.digest == digest:
            return True
        async with slots:
            claimed = await self._store.claim(active.key, source.id, digest)
            if claimed is None:
                # another worker is at it, or it has just failed
                return False
            name, token = claimed
            told = reduced(active.subscription, source.platform, name, base + PATH + token) or {}
            if not await self._ask(active.key.tenant, source, active.via, told, None):
                return False
            await self._store.made(active.key, source.id, digest)
            return True

    async def _end(self, slots: asyncio.Semaphore, remote: Remote) -> bool:
        async with slots:
            if not await self._store.ending(remote):
                return remote.digest is None
            source = self._registry.source(remote.platform)
            if source is not None and not await self._ask(remote.key.tenant, source, None, None, remote.remote):
                return False
            await self._store.ended(remote)
            return True

    async def _ask(
        self, tenant: str, source: Source, via: str | None, document: Mapping[str, Any] | None, name: str | None
    ) -> bool:
        adapter = source.adapter
        if not isinstance(adapter, Subscribable):
            return True
        try:
            ctx = SourceContext(
                asyncio.get_running_loop().time() + source.platform.timeout_ms / 1000,
                via=self._via(via, tenant),
                access=source.access,
                budget=1 << 20,
            )
            if document is not None:
                await adapter.subscribe(document, ctx)
            elif name is not None:
                await adapter.unsubscribe(name, ctx)
        except SourceError as error:
            log.info("remote_subscription_refused", platform=source.id, reason=error.detail)
            return False
        except KakehashiError as error:
            # a loop: there is nothing to be had that way
            log.info("remote_subscription_not_made", platform=source.id, reason=error.detail)
        return True

    # --- what comes back ------------------------------------------------------------------------------------------

    async def received(self, token: str, entities: Sequence[Any], context: Context, now: str) -> bool:
        """Pass a notification on to our own subscriber; False if nobody has subscribed by that token."""
        found = await self._store.by_token(token)
        if found is None:
            return False
        key, platform = found
        active = self._index.get(key)
        if active is None:
            return True
        rows = []
        for one in entities[:_MOST]:
            try:
                row = _told(active.subscription, one, context, now)
            except KakehashiError as error:
                log.info("remote_notification_not_read", platform=platform, reason=error.detail)
                continue
            if row is not None:
                rows.append(row)
        if rows:
            await self._outbox.put(key, orjson.dumps([{**row, "platform": platform} for row in rows]))
            self._nudge([key])
        return True


def _told(subscription: Subscription, given: Any, context: Context, now: str) -> dict[str, Any] | None:
    """What the subscriber is told of an entity that a source has notified; only what it asked for."""
    if not isinstance(given, dict) or not isinstance(given.get("id"), str) or "type" not in given:
        return None
    gone = given.get("deletedAt")
    entity = expand_entity(from_any({k: v for k, v in given.items() if k not in ("@context", "deletedAt")}), context)
    types = types_of(entity)
    if subscription.selectors and not any(one.takes(entity["id"], types) for one in subscription.selectors):
        return None
    change = EntityChange(entity["id"], entity, entity, now, now)
    if gone is None and not subscription.split and not conditions_hold(subscription, change, entity):
        return None
    if gone is not None:
        entity["deletedAt"] = gone
    return {"entity": entity, "changed": [name for name in entity if name not in ENTITY_MEMBERS]}
