"""The @contexts that this gateway itself stores (clause 5.13), as the loader sees them: addresses, bodies, uses."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import unquote

import orjson

from broker.contexts.lru import Lru
from broker.store.contexts import Contexts
from schemas.errors import StoreUnavailable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.core_context import VERSIONS, core_url

CORE_URLS: Final = tuple(map(core_url, VERSIONS))
"""Of those that are built in: listed as cached, never fetched, never gone."""
PATH: Final = "/ngsi-ld/v1/jsonldContexts/"
_ID = "urn:ngsi-ld:Context:[0-9a-f]{32}"
_OWN = re.compile(rf"(?:https?://[^?#]*{PATH})?({_ID})")
_KEPT_ADDRESSES: Final = 1024
_SURE_SECONDS: Final = 300.0
"""For which an address is taken to lead somewhere without a look."""
_MOST_PENDING: Final = 10_000


def own_id(url: str) -> str | None:
    """The local identifier in an address below `PATH`, or alone, whatever host it names: behind proxies a gateway goes
    by several, and identifiers are random."""
    found = _OWN.fullmatch(unquote(url))
    return None if found is None else found[1]


class Shelf:
    """Uses are counted in memory and written by `flush`, so that a request waits for none of it."""

    def __init__(self, store: Contexts) -> None:
        self.store = store
        self._uses: dict[str, int] = {}
        self._expiries: dict[str, datetime] = {}
        self._versions: dict[str, int] = {}
        self._flushing = asyncio.Lock()
        self._addressed: Lru[tuple[Context, float]] = Lru(_KEPT_ADDRESSES, _KEPT_ADDRESSES)

    def note(self, urls: Iterable[str]) -> None:
        """These were found and used, once each (`numberOfHits` of clause 5.13.3.5)."""
        uses = self._uses
        for url in urls:
            if url in uses or len(uses) < _MOST_PENDING:
                uses[url] = uses.get(url, 0) + 1

    def fetched(self, url: str, seconds: float) -> None:
        """A remote one was downloaded, and expires after so long."""
        if len(self._expiries) < _MOST_PENDING:
            self._expiries[url] = datetime.now(UTC) + timedelta(seconds=seconds)

    async def body(self, url: str) -> bytes | None:
        """The document at an address of ours; None if it is not ours. StoreUnavailable."""
        name = own_id(url)
        if name is None:
            return None
        found = await self.store.get(name)
        return None if found is None else found.body

    async def address(self, context: Context, tenant: str, base: str) -> Context:
        """An inline context under an address that it is served from (kind ImplicitlyCreated). StoreUnavailable."""
        body = orjson.dumps({"@context": context.document()}, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(body)
        key = f"{base} {tenant} {digest.hexdigest()}"
        known = self._addressed.get(key)
        if known is not None and time.monotonic() < known[1]:
            # a use that counts: those used longest ago make room
            self.note((str(known[0].url),))
            return known[0]
        url = base + PATH + await self.store.imply(tenant, digest.digest(), body)
        addressed = known[0] if known is not None and known[0].url == url else context.at(url)
        self._addressed.put(key, (addressed, time.monotonic() + _SURE_SECONDS))
        return addressed

    async def flush(self, keep: Sequence[str]) -> None:
        """Write what was counted so far. `keep`: URLs of which copies are at hand. StoreUnavailable loses nothing."""
        # whoever waits for this also waits for what is being written already
        async with self._flushing:
            await self._flush(keep)

    async def _flush(self, keep: Sequence[str]) -> None:
        if not self._uses:
            return
        uses, self._uses = self._uses, {}
        expiries, self._expiries = self._expiries, {}
        cached: dict[str, int] = {}
        own: dict[str, int] = {}
        for url, number in uses.items():
            name = own_id(url)
            if name is None:
                cached[url] = number
            else:
                own[name] = own.get(name, 0) + number
        try:
            versions = await self.store.used(cached, own, expiries, (*keep, *CORE_URLS))
        except StoreUnavailable:
            self._uses = uses | {url: uses.get(url, 0) + number for url, number in self._uses.items()}
            self._expiries = expiries | self._expiries
            raise
        held = set(keep)
        self._versions = {url: v for url, v in (self._versions | versions).items() if url in held}

    async def outdated(self, kept: Sequence[str]) -> set[str]:
        """Those of the kept URLs that another process has deleted or loaded anew. StoreUnavailable."""
        own = {url: name for url in kept if (name := own_id(url)) is not None}
        known = [url for url in kept if url in self._versions]
        there = await self.store.versions([*own.values(), *known])
        gone = {url for url, name in own.items() if name not in there}
        gone |= {url for url in known if there.get(url) != self._versions[url]}
        self.forget(gone)
        return gone

    def reloaded(self, url: str, version: int) -> None:
        """This process itself has loaded it anew."""
        self._versions[url] = version

    def forget(self, urls: Iterable[str]) -> None:
        """They were deleted or are to be loaded anew."""
        for url in urls:
            self._versions.pop(url, None)
            self._uses.pop(url, None)
            self._expiries.pop(url, None)
        self._addressed.clear()
