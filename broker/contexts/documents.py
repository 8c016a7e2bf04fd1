"""The documents behind @context references: fetched once for all who want them, kept, and missed for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import orjson

from adapters.contract import SourceContext
from adapters.upstream import Answer, Upstream
from broker.contexts.flights import Flights
from broker.contexts.freshness import lifetime
from broker.contexts.lru import Lru
from broker.contexts.shelf import Shelf
from schemas.errors import BadRequestData, ContextNotAvailable, SourceError, SourceTimeout
from schemas.ngsi_ld.context_terms import MAX_DOCUMENTS, context_of, references

MAX_BYTES: Final = 1_000_000
"""Of one document."""
_KEPT_DOCUMENTS: Final = 512
_KEPT_BYTES: Final = 8_000_000
_KEPT_FAILURES: Final = 1024
_REDIRECTS: Final = 3
_STALE: Final = 7 * 86_400.0
"""Seconds for which a document outlives its freshness while its server fails."""
_OWN_FRESH: Final = 300.0
"""Seconds for which a document of our own shelf is used unasked, should the change feed's word be lost."""
_ACCEPT: Final = "application/ld+json, application/json;q=0.9"


@dataclass(slots=True)
class Document:
    """The JSON that stands at a URL. Times are `loop.time()`."""

    body: dict[str, Any]
    size: int
    fresh_until: float
    stale_until: float


@dataclass(frozen=True, slots=True)
class _Failure:
    error: ContextNotAvailable | BadRequestData
    until: float


class Documents:
    """Times in seconds: `timeout` of one fetch; `retry` until a URL that failed is asked again, `retry_kept` if what it
    gave before is still there; `least` for which any document is fresh. What is on our own `shelf` is read from there.
    """

    def __init__(
        self,
        upstream: Upstream,
        shelf: Shelf | None,
        *,
        timeout: float,
        retry: float,
        retry_kept: float,
        least: float,
    ) -> None:
        self._upstream = upstream
        self._shelf = shelf
        self._timeout = timeout
        self._retry = retry
        self._retry_kept = retry_kept
        self._least = least
        self._kept: Lru[Document] = Lru(_KEPT_DOCUMENTS, _KEPT_BYTES)
        self._failures: Lru[_Failure] = Lru(_KEPT_FAILURES, _KEPT_FAILURES)
        self._flights: Flights[Document] = Flights()

    async def collect(self, value: object, deadline: float) -> dict[str, Document]:
        """All documents that a context value leads to, by URL.

        Errors: BadRequestData for what is no context or leads too far, ContextNotAvailable for what can't be had.
        """
        found: dict[str, Document] = {}
        wanted = references(value)
        while wanted:
            if len(found) + len(wanted) > MAX_DOCUMENTS:
                raise BadRequestData(
                    f"the @context needs more than {MAX_DOCUMENTS} documents", field="@context", clause="4.4"
                )
            got = await asyncio.gather(*(self.get(url, deadline) for url in wanted))
            found.update(zip(wanted, got, strict=True))
            behind = [url for base in wanted for url in references(context_of(found[base].body, base), base)]
            wanted = [url for url in dict.fromkeys(behind) if url not in found]
        return found

    async def get(self, url: str, deadline: float) -> Document:
        """One document: a kept one while it is fresh, or while its server fails.

        Errors: ContextNotAvailable, or BadRequestData if what is there is no @context (clause 5.5.6).
        """
        now = asyncio.get_running_loop().time()
        document = self._kept.get(url)
        if document is not None and now < document.fresh_until:
            return document
        failure = self._failures.get(url)
        if failure is not None and now < failure.until:
            raise failure.error.with_traceback(None)
        try:
            return await self._flights.join(url, lambda: self._refresh(url), deadline)
        except TimeoutError:
            raise _unavailable(url, _TOO_SLOW) from None

    async def reload(self, url: str) -> float:
        """Fetch it anew, whatever is kept; the seconds until it expires. The kept one stays if this fails.

        Errors: ContextNotAvailable, also for what is no @context (clause 5.13.5.4).
        """
        loop = asyncio.get_running_loop()
        try:
            document = await self._fetch(url, loop.time() + self._timeout)
        except BadRequestData as e:
            raise _unavailable(url, e.detail) from None
        self._keep(url, document)
        return document.fresh_until - loop.time()

    def kept(self) -> list[str]:
        """The URLs of the documents that are kept."""
        return self._kept.keys()

    def forget(self, urls: Iterable[str]) -> None:
        """Have them fetched again when they are wanted again."""
        for url in urls:
            self._kept.drop(url)
            self._failures.drop(url)

    async def close(self) -> None:
        """Give up what is being fetched."""
        await self._flights.close()

    async def _refresh(self, url: str) -> Document:
        loop = asyncio.get_running_loop()
        try:
            document = await self._fetch(url, loop.time() + self._timeout)
        except (ContextNotAvailable, BadRequestData) as e:
            now = loop.time()
            old = self._kept.get(url)
            if old is not None and now < old.stale_until:
                old.fresh_until = now + self._retry_kept
                return old
            self._failures.put(url, _Failure(e, now + self._retry))
            raise
        self._keep(url, document)
        return document

    def _keep(self, url: str, document: Document) -> None:
        self._kept.put(url, document, document.size)
        self._failures.drop(url)

    async def _fetch(self, url: str, deadline: float) -> Document:
        own = None if self._shelf is None else await self._shelf.body(url)
        if own is not None:
            until = asyncio.get_running_loop().time() + _OWN_FRESH
            return Document(orjson.loads(own), len(own), until, until)
        try:
            answer = await self._upstream.request(
                "GET",
                quote(url, safe="%/:?#[]@!$&'()*+,;=~"),
                ctx=SourceContext(deadline=deadline, budget=MAX_BYTES),
                headers={"accept": _ACCEPT},
                max_bytes=MAX_BYTES,
                follow=_REDIRECTS,
            )
        except SourceTimeout:
            raise _unavailable(url, _TOO_SLOW) from None
        except SourceError as e:
            raise _unavailable(url, e.detail) from None
        body = _read(url, answer)
        seconds = lifetime(answer.headers, self._least)
        if self._shelf is not None:
            self._shelf.fetched(url, seconds)
        fresh_until = asyncio.get_running_loop().time() + seconds
        return Document(body, len(answer.body), fresh_until, fresh_until + _STALE)


_TOO_SLOW: Final = "its server does not answer in time"


def _read(url: str, answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise _unavailable(url, f"its server answers with status {answer.status}")
    try:
        return {"@context": context_of(orjson.loads(answer.body.removeprefix(b"\xef\xbb\xbf")), url)}
    except orjson.JSONDecodeError as e:
        reason = f"it is not JSON ({str(e)[:100]})"
    except ContextNotAvailable as e:
        reason = e.detail
    raise BadRequestData(f"the @context is invalid: {reason}", field="@context", value=url, clause="5.5.6")


def _unavailable(url: str, detail: str) -> ContextNotAvailable:
    prefix = "" if detail.startswith("the @context") else "the @context can't be had: "
    return ContextNotAvailable(prefix + detail, field="@context", value=url, clause="6.3.2")
