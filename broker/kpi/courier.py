"""The background task that publishes and pushes, in every worker; whoever comes first does the work."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from adapters.upstream import Upstream
from broker.identity.secrets import SecretBox
from broker.kpi.programme import Programme
from broker.kpi.publishing import Publisher, Wrote
from broker.kpi.push import Pusher
from broker.store.entities import Entities
from broker.store.kpi_feed import KpiFeed
from schemas.errors import StoreUnavailable

_PUBLISH_SECONDS, _PUSH_SECONDS = 60.0, 5.0
_log = structlog.get_logger(__name__)


class Courier:
    def __init__(self, publisher: Publisher, pusher: Pusher) -> None:
        self.publisher = publisher
        self.pusher = pusher
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="kpi-courier")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        publish_at = loop.time() + _PUSH_SECONDS
        while True:
            await asyncio.sleep(_PUSH_SECONDS)
            try:
                if loop.time() >= publish_at:
                    publish_at = loop.time() + _PUBLISH_SECONDS
                    await self.publisher.turn()
                await self.pusher.turn()
            except StoreUnavailable:
                # said elsewhere; the next turn takes up what this one did not
                continue
            except Exception:
                # whatever it was must not end the task of a process that runs for months
                _log.exception("kpi_courier_failed")


def make_courier(
    programme: Programme, entities: Entities, wrote: Wrote, upstream: Upstream, box: SecretBox, public_url: str
) -> Courier:
    """Events come from `public_url`, or from a gateway that has none."""
    feed = KpiFeed(programme.database)
    return Courier(
        Publisher(programme, feed, entities, wrote), Pusher(feed, upstream, box, source=public_url or "urn:kakehashi")
    )
