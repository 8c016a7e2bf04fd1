"""From the @context of a request to a `Context`, fetching what it refers to."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import orjson

from adapters.upstream import Upstream
from broker.contexts.documents import Document, Documents
from broker.contexts.flights import Flights
from broker.contexts.freshness import LEAST
from broker.contexts.lru import Lru
from broker.contexts.shelf import Shelf
from schemas.errors import BadRequestData, ContextNotAvailable, StoreUnavailable
from schemas.ngsi_ld.context import Context, build, core_of

_KEPT_CONTEXTS: Final = 256
_KEPT_TERMS: Final = 150_000
"""Terms of all kept contexts together, some 600 bytes each, and their inline values by `_BYTES_PER_TERM`."""
_BYTES_PER_TERM: Final = 100
_LARGE: Final = 50_000
"""Bytes of a value and its documents from which on PyLD would hold up the loop for more than some milliseconds."""
_FLUSH_SECONDS: Final = 1.0


class _Kept(NamedTuple):
    """`urls`: of the documents that it was built from."""

    context: Context
    fresh_until: float
    urls: tuple[str, ...]


class ContextLoader:
    """Shared by all requests of a worker. Times in seconds. `shelf`: where this gateway's own @contexts are.

    `timeout`: for everything that one context needs from the network. `retry`: until a URL that failed is tried again;
    until then it fails at once, or, if an older answer is kept, gives that one and is left alone for `retry_kept`.
    `least`: for which a document is fresh, whatever its server says.
    """

    def __init__(
        self,
        upstream: Upstream,
        shelf: Shelf | None = None,
        *,
        timeout: float = 2.0,
        retry: float = 5.0,
        retry_kept: float = 60.0,
        least: float = LEAST,
    ) -> None:
        self._documents = Documents(upstream, shelf, timeout=timeout, retry=retry, retry_kept=retry_kept, least=least)
        self._timeout = timeout
        self._kept: Lru[_Kept] = Lru(_KEPT_CONTEXTS, _KEPT_TERMS)
        self._flights: Flights[_Kept] = Flights()
        self._shelf = shelf
        self._writing: asyncio.Task[None] | None = None

    async def get(self, url: str) -> Context:
        """The context at a URL, as a Link header names it; core @contexts are never fetched.

        Errors: BadRequestData for what is no http(s) URL or leads to an invalid context; ContextNotAvailable.
        """
        return core_of(url) or await self._context(f"url {url}", url, 0)

    async def build(self, value: object) -> Context:
        """The context of an @context member: a URL, an object, or an array of them. Errors as of `get`."""
        if isinstance(value, str):
            return await self.get(value)
        try:
            text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:
            raise BadRequestData("the @context is nested too deep", field="@context", clause="4.4") from None
        return await self._context(f"inline {hashlib.sha256(text).hexdigest()}", value, len(text))

    async def addressed(self, context: Context, tenant: str, base: str) -> Context:
        """The same context with an address to link to: its own, or one below `base`, from which it is served from now
        on (clause 5.13.1, ImplicitlyCreated). StoreUnavailable."""
        if context.url is not None or self._shelf is None:
            return context
        return await self._shelf.address(context, tenant, base)

    async def reload(self, url: str) -> float:
        """Download a remote one anew; the seconds until it expires. ContextNotAvailable, and the old one stays."""
        seconds = await self._documents.reload(url)
        self._drop({url})
        return seconds

    def kept(self) -> list[str]:
        """The URLs of the documents at hand."""
        return self._documents.kept()

    def forget(self, urls: Iterable[str]) -> None:
        """They were deleted: no request after this one uses what is kept of them."""
        gone = set(urls)
        self._documents.forget(gone)
        self._drop(gone)

    async def refresh(self) -> None:
        """Forget what another process has deleted or loaded anew. StoreUnavailable."""
        if self._shelf is not None:
            self.forget(await self._shelf.outdated(self._documents.kept()))

    async def flush(self) -> None:
        """Write what was counted of uses. StoreUnavailable loses nothing."""
        if self._shelf is not None:
            await self._shelf.flush(self._documents.kept())

    def start(self) -> None:
        """Begin to write uses in the background."""
        self._writing = asyncio.create_task(self._write(), name="context-uses")

    async def close(self) -> None:
        """Give up what is under way."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            with contextlib.suppress(StoreUnavailable):
                await self.flush()
        await self._flights.close()
        await self._documents.close()

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            with contextlib.suppress(StoreUnavailable):
                await self.flush()

    def _drop(self, urls: set[str]) -> None:
        self._kept.drop_where(lambda kept: not urls.isdisjoint(kept.urls))

    async def _context(self, key: str, value: object, size: int) -> Context:
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(key)
        if kept is None or now >= kept.fresh_until:
            try:
                kept = await self._flights.join(key, lambda: self._load(key, value, size), now + 2 * self._timeout)
            except TimeoutError:
                raise ContextNotAvailable(
                    "the @context can't be had in time", field="@context", clause="6.3.2"
                ) from None
        if self._shelf is not None:
            self._shelf.note(kept.urls)
        return kept.context

    async def _load(self, key: str, value: object, size: int) -> _Kept:
        loop = asyncio.get_running_loop()
        documents = await self._documents.collect(value, loop.time() + self._timeout)
        bodies = {url: document.body for url, document in documents.items()}
        if size + sum(document.size for document in documents.values()) > _LARGE:
            context = await asyncio.to_thread(build, value, bodies)
        else:
            context = build(value, bodies)
        kept = _Kept(context, _fresh_until(documents), tuple(documents))
        self._kept.put(key, kept, len(context.terms) + size // _BYTES_PER_TERM)
        return kept


def _fresh_until(documents: dict[str, Document]) -> float:
    return min((document.fresh_until for document in documents.values()), default=float("inf"))
