"""Takes notifications out of the outbox and delivers them. One task for each subscription that has something waiting,
so that a receiver that is slow or gone holds up only what is meant for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import structlog

from broker.notify.compose import Composer, Notice
from broker.notify.deliver import Delivery
from broker.notify.index import Active, SubscriptionIndex
from broker.store.outbox import Claimed, Outbox, Sent, Waiting
from broker.store.subscriptions import Key
from schemas.errors import KakehashiError, MeteringUnavailable, SourceError, StoreUnavailable
from schemas.ngsi_ld.subscription import Status

log = structlog.get_logger(__name__)

_SECONDS = 1.0
"""Between looks at the whole outbox: what other workers left, and what was written by one that was killed."""
_NUDGED = (0.002, 0.01, 0.05, 0.2)
"""Seconds until looks at a line that was just written to, as its transaction may take some time to commit."""
_AT_ONCE = 8
"""Notifications under way to one host."""
_STORE = 8
"""Subscriptions that are claimed or settled at the same time: requests need the database, too."""
_SPARE = 2.0
"""Seconds that a lease lasts beyond the time of one delivery."""
_PATIENT = 2
"""Failures in a row after which a receiver is left alone for a while, and then for longer."""
_LONGEST = 60.0
_LAST_SECONDS = 2.0
_SHORTEST = 0.1
"""Seconds between periodic notifications, whatever a subscription says: each is a question to all sources."""


class Dispatcher:
    """One for each worker. `sent` and `failed` count what this worker delivered; `waiting`: in the outbox of all."""

    def __init__(self, index: SubscriptionIndex, outbox: Outbox, composer: Composer, delivery: Delivery) -> None:
        self._index = index
        self._outbox = outbox
        self._composer = composer
        self._delivery = delivery
        self._serving: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._store = asyncio.Semaphore(_STORE)
        self._looking: asyncio.Task[None] | None = None
        self._running = False
        self.sent = 0
        self.failed = 0
        self.waiting = 0

    def start(self) -> None:
        self._running = True
        self._looking = asyncio.create_task(self._look(), name="outbox")

    async def stop(self) -> None:
        """What is under way has a moment to end and to be counted; what does not is sent again after the next start, or
        by another worker."""
        self._running = False
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        tasks = list(self._serving.values())
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def nudge(self, keys: Sequence[Key]) -> None:
        """Something was, or is about to be, put into these lines."""
        if not self._running:
            return
        for key in keys:
            if key in self._serving:
                self._again.add(key)
            else:
                task = asyncio.create_task(self._serve(key), name="notify")
                self._serving[key] = task
                task.add_done_callback(partial(self._served, key))

    async def settling(self, key: Key, seconds: float) -> None:
        """Let what is being delivered by this worker be counted; not longer than `seconds`."""
        task = self._serving.get(key)
        if task is not None:
            await asyncio.wait({task}, timeout=seconds)

    def _served(self, key: Key, _: asyncio.Task[None]) -> None:
        self._serving.pop(key, None)
        if key in self._again:
            self._again.discard(key)
            self.nudge([key])

    # --- looking for work -----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        while True:
            pause = _SECONDS
            try:
                if self._index:
                    found = await self._outbox.look()
                    self.waiting = found.waiting
                    self.nudge([key for key in found.keys if key not in self._serving])
                    if found.next_in is not None:
                        pause = min(pause, max(found.next_in, 0.01))
            except StoreUnavailable as error:
                log.warning("outbox_not_read", reason=error.detail)
            except Exception:
                # whatever it was must not end all notifications of a process that runs for months
                log.exception("outbox_failed")
            await asyncio.sleep(pause)

    async def _serve(self, key: Key) -> None:
        try:
            for pause in _NUDGED:
                await asyncio.sleep(pause)
                if await self._drain(key):
                    return
        except (StoreUnavailable, MeteringUnavailable) as error:
            log.warning("notification_delayed", subscription=key.subscription, reason=error.detail)
        except Exception:
            log.exception("notification_failed", subscription=key.subscription)

    async def _drain(self, key: Key) -> bool:
        """Deliver what waits in a line; False if nothing did."""
        active = self._index.get(key)
        if active is None:
            await self._outbox.discard(key)
            return False
        async with self._slot(active):
            lease = self._delivery.patience(active) + _SPARE
            drained = False
            while True:
                async with self._store:
                    claimed = await self._outbox.claim(key, lease)
                if claimed is None:
                    return drained
                try:
                    drained = True
                    go_on = await self._work(active, claimed, lease)
                finally:
                    with contextlib.suppress(StoreUnavailable):
                        await asyncio.shield(self._outbox.release(key))
                active = self._index.get(key)
                if active is None or not go_on:
                    return drained

    def _slot(self, active: Active) -> asyncio.Semaphore:
        host = urlsplit(str(active.endpoint["uri"])).netloc.rpartition("@")[2].lower()
        slot = self._hosts.get(host)
        if slot is None:
            slot = self._hosts[host] = asyncio.Semaphore(_AT_ONCE)
        return slot

    # --- doing it -------------------------------------------------------------------------------------------------

    async def _work(self, active: Active, claimed: Claimed, lease: float) -> bool:
        """What was claimed, in order. False if the receiver is to be left alone."""
        key = active.key
        last = claimed.last_notification
        failures = claimed.failures
        interval = active.subscription.interval
        if claimed.due and interval is not None:
            sent = None
            if self._heard(active):
                notice = await self._composed(active, None)
                sent = None if notice is None else await self._send(active, notice, failures)
            async with self._store:
                await self._outbox.settle(
                    key, (), () if sent is None else (sent,), lease, interval=max(interval, _SHORTEST)
                )
            if sent is not None and sent.pause is not None:
                return False
        for waiting in claimed.waiting:
            if not self._running:
                return False
            sent = None
            if self._wanted(active, waiting, last, claimed.resume_at):
                notice = await self._composed(active, waiting)
                sent = None if notice is None else await self._send(active, notice, failures)
            async with self._store:
                await self._outbox.settle(key, (waiting.seq,), () if sent is None else (sent,), lease)
            if sent is not None:
                last = sent.at
                failures = failures + 1 if sent.failed else 0
                if sent.pause is not None:
                    return False
        return True

    def _wanted(self, active: Active, waiting: Waiting, last: datetime | None, resumed: datetime | None) -> bool:
        """Whether the subscription still wants it: it is active, and neither throttled nor cooling down."""
        subscription = active.subscription
        if not self._heard(active):
            return False
        throttling = subscription.throttling
        if throttling is not None and last is not None and waiting.created_at < last + timedelta(seconds=throttling):
            return False
        # clause 5.2.15: what happens before the cooldown is over is not notified
        return not ("cooldown" in active.endpoint and resumed is not None and waiting.created_at < resumed)

    def _heard(self, active: Active) -> bool:
        """Whether anything is notified at all now."""
        if active.consumer.service in self._index.silenced:
            return False
        return active.subscription.status(datetime.now(UTC)) is Status.ACTIVE

    async def _composed(self, active: Active, waiting: Waiting | None) -> Notice | None:
        try:
            if waiting is None:
                return await self._composer.periodic(active)
            return await self._composer.of_change(active, waiting)
        except (StoreUnavailable, MeteringUnavailable):
            # nothing leaves unrecorded; it waits until it can be
            raise
        except KakehashiError as error:
            # an agreement that has ended, too many linked entities: it won't be better the next time
            log.warning("notification_not_composed", subscription=active.key.subscription, reason=error.detail)
            return None
        except Exception:
            log.exception("notification_not_composed", subscription=active.key.subscription)
            return None

    async def _send(self, active: Active, notice: Notice, failures: int) -> Sent:
        at = datetime.now(UTC)
        try:
            await self._delivery.send(active, notice.document, notice.context)
        except SourceError as error:
            self.failed += 1
            log.info("notification_refused", subscription=active.key.subscription, reason=error.detail)
        except (KakehashiError, OSError, ValueError) as error:
            self.failed += 1
            log.warning("notification_not_sent", subscription=active.key.subscription, reason=type(error).__name__)
        else:
            self.sent += 1
            return Sent(at)
        return Sent(at, failed=True, pause=_pause(active, failures + 1))


def _pause(active: Active, failures: int) -> float | None:
    """For how long a receiver that failed is left alone: as its subscription says, else a moment that grows."""
    cooldown = active.endpoint.get("cooldown")
    if cooldown is not None:
        return float(cooldown) / 1000
    return None if failures <= _PATIENT else min(_LONGEST, 2.0 ** (failures - _PATIENT - 1))
