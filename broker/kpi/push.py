"""The feed pushed to those who asked for it: CloudEvents by POST, signed, repeated, and given up on in the end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from adapters.exchange import SourceContext
from adapters.upstream import Upstream
from broker.identity.secrets import SecretBox
from broker.kpi.feed_forms import as_object
from broker.store.kpi_feed import Delivery, FeedItem, Hook, KpiFeed
from schemas.errors import SourceError
from schemas.kpi.document import encode

ATTEMPTS = 10
_SECONDS = 10.0
_LONGEST = timedelta(hours=6)
_PREFIX = "whsec_"


class Pusher:
    """Sends what is due. Secrets are sealed at rest, shown once when a hook is made."""

    def __init__(self, feed: KpiFeed, upstream: Upstream, box: SecretBox, *, source: str) -> None:
        self._feed = feed
        self._upstream = upstream
        self._box = box
        self._source = source

    async def add(self, hook: str, url: str, *, since: int | None = None) -> str:
        """Returns its secret. AlreadyExists."""
        secret = new_secret()
        await self._feed.add_hook(hook, url, self._box.seal({"secret": secret}, _aad(hook)), since=since)
        return secret

    async def turn(self) -> None:
        """Everything that is due now, once. One process at a time. Raises StoreUnavailable."""
        async with self._feed.leading() as leads:
            if not leads:
                return
            await self._feed.enqueue()
            hooks = {one.id: one for one in await self._feed.hooks()}
            failing: set[str] = set()
            for one in await self._feed.due():
                # in order: behind one that failed, a hook's others wait for the next turn
                if one.hook in hooks and one.hook not in failing and not await self._deliver(hooks[one.hook], one):
                    failing.add(one.hook)

    async def _deliver(self, hook: Hook, one: Delivery) -> bool:
        try:
            secret = self._box.open(hook.secret, _aad(hook.id))["secret"]
            problem = await self._post(hook.url, secret, one.item)
        except SourceError as error:
            problem = error.detail
        if not problem:
            await self._feed.delivered(one)
            return True
        dead = one.attempts + 1 >= ATTEMPTS
        await self._feed.failed(one, problem, after=pause(one.attempts), dead=dead)
        return dead

    async def _post(self, url: str, secret: str, item: FeedItem) -> str:
        body = encode(cloud_event(item, self._source))
        at = int(time.time())
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            **signed(f"kpi-{item.seq}", at, body, secret),
        }
        ctx = SourceContext(deadline=asyncio.get_running_loop().time() + _SECONDS, budget=64 * 1024)
        answer = await self._upstream.request("POST", url, ctx=ctx, headers=headers, body=body)
        return "" if 200 <= answer.status < 300 else f"status {answer.status}"


def cloud_event(item: FeedItem, source: str) -> dict[str, Any]:
    """CloudEvents 1.0, structured."""
    return {
        "specversion": "1.0",
        "id": f"kpi-{item.seq}",
        "source": source,
        "type": f"jp.kakehashi.kpi.{item.kind}",
        "subject": f"{item.project}/{item.subject}",
        "time": None if item.at is None else item.at.isoformat(),
        "datacontenttype": "application/json",
        "data": as_object(item),
    }


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(event: str, at: int, body: bytes, secret: str) -> Mapping[str, str]:
    """The headers of Standard Webhooks: HMAC-SHA-256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.digest(key, f"{event}.{at}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": event,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def pause(attempts: int) -> timedelta:
    """Half a minute, then twice as long each time, six hours at most."""
    return min(timedelta(seconds=30 * 2 ** min(attempts, 20)), _LONGEST)


def _aad(hook: str) -> str:
    return f"kpi-hook:{hook}"
