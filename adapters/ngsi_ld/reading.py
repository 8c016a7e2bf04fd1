"""Reading the answers of an NGSI-LD platform: in which context it speaks, and its entities in the working one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson

from adapters.contract import Page
from adapters.ngsi_ld.translate import AS_ASKED, Ask, Reading, read_link
from adapters.upstream import Answer
from schemas.errors import BadRequestData, BadUpstream, ContextNotAvailable, SourceUnsupported
from schemas.ngsi_ld.context import CORE, Context, core_of
from schemas.ngsi_ld.head import read_head, read_heads, split_rows
from schemas.ngsi_ld.rename import expand_entity, renaming, translate
from schemas.ngsi_ld.rename_bytes import text_renaming

_MOST_READINGS = 256


class Answers:
    """How one platform's answers are read; remembers what its Link headers mean. Errors: BadUpstream."""

    def __init__(self, context_of: Callable[[str], Awaitable[Context]]) -> None:
        self._fetch = context_of
        self._readings: dict[tuple[str | None, Context], Reading] = {}

    async def page(self, answer: Answer, ask: Ask) -> Page:
        """The entities of an answer to a question, as bytes where they need no change."""
        total = answer.headers.get("ngsild-results-count")
        known = int(total) if total is not None and total.isdigit() else None
        body = answer.body
        reading = self.reading(answer.headers.get("link"), ask.asked_in)
        if not ask.retrieve and (reading.url is not None or ask.asked_in is not ask.working):
            source = await self._spoken(reading, ask)
            if source is not ask.working:
                renamed = text_renaming(source, ask.working).apply(body)
                if renamed is not None:
                    return Page(raw=renamed[0], heads=renamed[1], total=known)
        single = ask.retrieve or (len(ask.query.ids) == 1 and body.lstrip()[:1] == b"{")
        heads = [read_head(body)] if single else read_heads(body)
        if single and heads[0].id != ask.query.ids[0]:
            raise BadUpstream("asked for one entity it gives another")
        embedded = any(head.context for head in heads)
        if not embedded and ask.asked_in is ask.working:
            if reading is AS_ASKED:
                return Page(raw=body, heads=heads, total=known)
            if reading.unless and not any(term in body for term in reading.unless):
                return Page(raw=body, heads=heads, total=known)
            if reading.source is not None and not reading.unless and core_of(ask.asked_in.url or "") is not None:
                return Page(raw=body, heads=heads, total=known)
        source = await self._spoken(reading, ask)
        document = orjson.loads(body)
        rows: list[dict[str, Any]] = [document] if single else document
        if embedded:
            return Page(entities=[await self._own_context(row, source, ask.working) for row in rows], total=known)
        if source is not ask.working:
            change = renaming(source, ask.working)
            rows = [translate(row, change) for row in rows]
        return Page(entities=rows, total=known)

    async def _spoken(self, reading: Reading, ask: Ask) -> Context:
        """The context that the answer is in."""
        return await self._context_of(reading.url) if reading.url is not None else reading.source or ask.asked_in

    def reading(self, link: str | None, asked_in: Context) -> Reading:
        """What a Link header means for what was asked in a context."""
        key = (link, asked_in)
        found = self._readings.get(key)
        if found is None:
            found = read_link(link, asked_in)
            if len(self._readings) > _MOST_READINGS:
                self._readings.clear()
            self._readings[key] = found
        return found

    async def _own_context(self, row: dict[str, Any], otherwise: Context, working: Context) -> dict[str, Any]:
        """An entity that may bring its own @context, in the working one."""
        embedded = row.pop("@context", None)
        source = otherwise if embedded is None else await self._context_of(embedded)
        return row if source is working else translate(row, renaming(source, working))

    async def _context_of(self, value: object) -> Context:
        urls = [value] if isinstance(value, str) else value
        if not isinstance(urls, list) or not all(isinstance(u, str) for u in urls):
            raise BadUpstream("its entities carry an inline @context, which is not taken from a platform")
        own = [u for u in urls if core_of(u) is None]
        if len(own) > 1:
            raise BadUpstream("its entities carry several @contexts")
        if not own:
            return core_of(urls[0]) or CORE if urls else CORE
        try:
            return await self._fetch(own[0])
        except ContextNotAvailable as e:
            raise BadUpstream(f"its answer is in a @context that can't be had: {e.detail}") from None

    async def wanted(self, url: str) -> Context:
        """The context that the platform is registered with (clause 4.3.6.6). SourceUnsupported if it can't be had."""
        try:
            return await self._fetch(url)
        except ContextNotAvailable as e:
            raise SourceUnsupported(f"the @context that it is registered with can't be had: {e.detail}") from None

    async def expanded(self, rows: list[dict[str, Any]], link: str | None) -> list[dict[str, Any]]:
        """Rows of an answer that was asked for in the core context, with names as IRIs."""
        reading = self.reading(link, CORE)
        source = await self._context_of(reading.url) if reading.url is not None else reading.source or CORE
        try:
            return [
                expand_entity(row, await self._context_of(row["@context"]) if "@context" in row else source)
                for row in rows
            ]
        except BadRequestData as e:
            raise BadUpstream(f"its entities can't be read: {e.detail}") from None

    def clear(self) -> None:
        self._readings.clear()


def shortened(page: Page, most: int) -> Page:
    """The first `most` entities of a page."""
    if page.raw is None or page.heads is None:
        return msgspec.structs.replace(page, entities=(page.entities or [])[:most])
    rows = [bytes(row) for row in split_rows(page.raw)[:most]]
    return msgspec.structs.replace(page, raw=b"[" + b",".join(rows) + b"]", heads=page.heads[:most])
