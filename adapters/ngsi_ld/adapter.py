"""The I/O of an NGSI-LD platform: ask, follow pages, read. What to ask and what it means is in `translate`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from adapters.contract import Page, Services, SourceContext
from adapters.ngsi_ld import probing, subscribing, writing
from adapters.ngsi_ld.batch_query import as_batch
from adapters.ngsi_ld.describing import Describes
from adapters.ngsi_ld.history import Question, chapters
from adapters.ngsi_ld.mapping import ask_mapped
from adapters.ngsi_ld.reading import Answers, shortened
from adapters.ngsi_ld.translate import (
    AS_ASKED,
    Ask,
    next_page,
    pushable,
    pushdown,
    quoted,
    to_ask,
    types_in,
    with_page,
)
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.capability import Capabilities, Pushdown
from schemas.errors import SourceNotFound, SourceUnsupported
from schemas.ngsi_ld.context import CORE, Context, core_of
from schemas.ngsi_ld.operations import offered
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.temporal import TemporalQuery
from schemas.ngsi_ld.temporal_merge import Chapter
from schemas.ngsi_ld.write import Write, Written
from schemas.platform import Platform, ProbeResult

_NOTHING = (b"ResourceNotFound", b"NonexistentTenant", b"NoExistentTenant")
"""Types of a 404 by which a broker says that it has nothing of what was asked for (clause 6.3.17)."""
_CONTEXT_RETRY_SECONDS = 600.0
_REFUSALS = (400, 403, 413, 422)
_UNSEEN = frozenset({"q", "geo", "scope"})
"""Filters that are sent to a platform that nobody has looked at yet, and applied here all the same."""
_PAGES = (500, 200, 100, 50, 20)


class NgsiLdAdapter(Describes):
    """One NGSI-LD platform."""

    def __init__(self, platform: Platform, services: Services, claims: Capabilities) -> None:
        self.platform = platform
        self.services = services
        self.root = platform.endpoint.rstrip("/")
        prefix = str(platform.options.get("prefix", "/ngsi-ld/v1")).rstrip("/")
        # an endpoint that already ends in the API's path is meant as it stands
        self.prefix = "" if prefix and self.root.endswith(prefix) else prefix
        probe = platform.probe
        self.verified = probe.verified if probe is not None and probe.ok else frozenset()
        limit = probe.page_limit if probe is not None and probe.page_limit else claims.page_limit
        self.capabilities = replace(
            claims,
            page_limit=limit,
            ordered_by_id="order" in self.verified,
            count="count" in self.verified,
            # one that was not looked at yet is asked, and may say that it has none
            temporal=probe is None or not probe.ok or "temporal" in self.verified,
        )
        self._unseen = probe is None
        self._wanted = dict(platform.distribution.info).get("jsonldcontext")
        self._spoken = None if self._wanted is None else core_of(self._wanted)
        self._headers: dict[Context, dict[str, str]] = {}
        self._answers = Answers(services.context_of)
        self._unresolvable: dict[str, float] = {}
        self._understood: set[str] = set()
        self._types = _known_types(platform)
        # who knows how it is called in Via (clause 5.15) knows the parameter local, which came before
        self._limits_itself = probe is not None and bool(probe.alias)
        offers = offered(platform.distribution.operations)
        self._by_batch = "queryEntity" not in offers and "queryBatch" in offers
        self._maps = "createEntityMapQueryEntity" in offers and not self._by_batch

    # --- plan -----------------------------------------------------------------------------------------------------

    def plan(self, query: EntityQuery) -> Pushdown | None:
        ask = self._ask(query, in_core=self._in_core(query.context))
        return pushdown(query, ask, self.capabilities, self.verified)

    def _ask(self, query: EntityQuery, *, in_core: bool) -> Ask:
        # in a context that it was never seen to read it may have to be asked in IRIs yet, with the same plan
        url = query.context.url
        iris = in_core or (url is not None and url not in self._understood and core_of(url) is None)
        pushed = pushable(query, self.capabilities, self.verified, iris=iris or self._spoken is not None)
        if self._unseen and not in_core and self._spoken is None:
            pushed |= pushable(query, self.capabilities, _UNSEEN, iris=False)
        any_of = "idPattern=.%2A"
        if self._types and "untyped" not in self.verified:
            any_of = "type=" + quoted(",".join(self._types), ",:")
        return to_ask(
            query,
            asked_in=self._spoken or (CORE if in_core else query.context),
            prefix=self.prefix,
            pushed=pushed,
            any_of=any_of,
            partial=bool(self.platform.coverage.attributes),
            local=self.platform.distribution.local_only,
        )

    def _in_core(self, context: Context) -> bool:
        if context.url is None or self.platform.options.get("core_context_only"):
            return context is not CORE
        until = self._unresolvable.get(context.url)
        return until is not None and until > asyncio.get_running_loop().time()

    def headers_for(self, context: Context) -> dict[str, str]:
        """Accept, tenant and the Link of the context that is asked in; none for a core version, which is the default,
        unless the platform is registered with it."""
        found = self._headers.get(context)
        if found is None:
            found = {"accept": dict(self.platform.distribution.info).get("accept", "application/json")}
            if context.url is not None and (core_of(context.url) is None or context is self._spoken):
                found["link"] = context.link_header()
            if self.platform.tenant:
                found["ngsild-tenant"] = self.platform.tenant
            for name, value in self.platform.options.get("headers", {}).items():
                found[str(name).lower()] = str(value)
            if len(self._headers) > 256:
                self._headers.clear()
            self._headers[context] = found
        return found

    # --- fetch ----------------------------------------------------------------------------------------------------

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        ask: Ask = request
        if self._wanted is not None and self._spoken is None:
            self._spoken = await self._answers.wanted(self._wanted)
            ask = self._ask(ask.query, in_core=False)
        if ask.by_us and self._types_may_change():
            # a type that came up since must not go missing: a question of this kind is worth another one
            with contextlib.suppress(SourceNotFound, SourceUnsupported):
                if not await self.types(ctx):
                    return
                ask = self._ask(ask.query, in_core=ask.asked_in is not ask.working)
        page_limit = self.capabilities.page_limit
        # a count is worth its price only where it is wanted or where it tells that a page was cut short
        count = ask.counted or ask.limit > page_limit
        offset, left = ask.offset, ask.limit
        url = self.root + with_page(ask, offset, min(max(left, 1), page_limit), count)
        while True:
            answer = await self._put(ask, url, ctx)
            if answer.status == 404 and (ask.retrieve or any(name in answer.body for name in _NOTHING)):
                return
            if self._misunderstood(answer, ask):
                ask = self._ask(ask.query, in_core=True)
                url = self.root + with_page(ask, offset, min(max(left, 1), page_limit), count)
                continue
            if not ask.retrieve and self._refuses_limit(answer, min(max(left, 1), page_limit)):
                page_limit, count = self.capabilities.page_limit, True
                url = self.root + with_page(ask, offset, min(max(left, 1), page_limit), count)
                continue
            if answer.status in _REFUSALS and self._unseen and ask.pushed - self.verified:
                # it may not know such a filter: until it was looked at it is asked for everything
                self._unseen = False
                ask = self._ask(ask.query, in_core=ask.asked_in is not ask.working)
                url = self.root + with_page(ask, offset, min(max(left, 1), page_limit), count)
                continue
            raise_for_status(answer)
            page = await self._answers.page(answer, ask)
            got = len(page.heads) if page.heads is not None else len(page.entities or ())
            if got > left and not ask.retrieve:
                # a source that cuts pages writes its own limit into `next`, whatever was asked for
                page, got = shortened(page, left), left
            yield page
            offset, left = offset + got, left - got
            if ask.retrieve or got == 0 or left <= 0:
                return
            following = next_page(answer.headers.get("link"), url)
            if following is not None:
                url = following
            elif self._may_have_more(got, page.total, offset, page_limit):
                url = self.root + with_page(ask, offset, min(left, page_limit), count)
            else:
                return

    def _put(self, ask: Ask, url: str, ctx: SourceContext) -> Awaitable[Answer]:
        if ctx.entity_map is not None and self._maps:
            return self._put_mapped(ask, url, ctx, ctx.entity_map)
        if ask.retrieve or not self._by_batch:
            return self.get(url, ask.asked_in, ctx)
        address, body = as_batch(url)
        headers = {**self.headers_for(ask.asked_in), "content-type": "application/json"}
        return self.services.upstream.request("POST", address, ctx=ctx, headers=headers, body=body)

    async def _put_mapped(self, ask: Ask, url: str, ctx: SourceContext, entity_map: str) -> Answer:
        answer, used = await ask_mapped(partial(self._get, ask.asked_in, ctx), url, entity_map)
        self._maps = used is not None or answer.status >= 300
        ctx.entity_map = used
        return answer

    def _refuses_limit(self, answer: Answer, asked: int) -> bool:
        """It takes no pages so large any more (its probe was told otherwise, or nothing): a smaller one is tried, and
        remembered until the next probe."""
        if answer.status not in _REFUSALS or b"limit" not in answer.body.lower():
            return False
        smaller = next((limit for limit in _PAGES if limit < asked), None)
        if smaller is None:
            return False
        self.capabilities = replace(self.capabilities, page_limit=smaller)
        return True

    def _may_have_more(self, got: int, total: int | None, offset: int, page_limit: int) -> bool:
        """After a page that was shorter than asked. One that pages at all, and was not seen to refuse what is too
        large, may have cut it without a word."""
        if got >= page_limit or total is not None:
            return total is None or total > offset
        return "limit" in self.verified and "pages" not in self.verified

    def _types_may_change(self) -> bool:
        return "untyped" not in self.verified and not any(p.type for p in self.platform.coverage.entities)

    def get(self, url: str, context: Context, ctx: SourceContext) -> Awaitable[Answer]:
        """One GET in a context, with the tenant."""
        return self._get(context, ctx, url, {})

    def _get(self, context: Context, ctx: SourceContext, url: str, more: dict[str, str]) -> Awaitable[Answer]:
        headers = self.headers_for(context)
        if more:
            headers = {**headers, **more}
        return self.services.upstream.request("GET", url, ctx=ctx, headers=headers)

    def _misunderstood(self, answer: Answer, ask: Ask) -> bool:
        """It could not have our context, or read the question in another one (so that names meant something else).

        That is remembered for a while, and the question is put in the core context, where IRIs stand for themselves.
        """
        url = ask.asked_in.url
        if url is None or core_of(url) is not None or ask.asked_in is self._spoken:
            return False
        if answer.status == 200:
            if self._answers.reading(answer.headers.get("link"), ask.asked_in) is AS_ASKED:
                if len(self._understood) > 256:
                    self._understood.clear()
                self._understood.add(url)
                return False
        elif answer.status not in (400, 503, 504) or b"LdContextNotAvailable" not in answer.body:
            return False
        if len(self._unresolvable) > 256:
            self._unresolvable.clear()
        self._unresolvable[url] = asyncio.get_running_loop().time() + _CONTEXT_RETRY_SECONDS
        return True

    # --- evolutions -----------------------------------------------------------------------------------------------

    def evolutions(
        self, query: TemporalQuery, ctx: SourceContext, *, entity: str | None, whole: bool, most: int
    ) -> AsyncIterator[Chapter]:
        return chapters(self, Question(query, entity, whole), ctx, most)

    @property
    def known_types(self) -> tuple[str, ...]:
        """IRIs of the types that it is registered for, or was seen to have."""
        return self._types

    async def expanded(self, rows: list[dict[str, Any]], link: str | None) -> list[dict[str, Any]]:
        """Rows of an answer that was asked for in the core context, with names as IRIs."""
        return await self._answers.expanded(rows, link)

    # --- writing --------------------------------------------------------------------------------------------------

    def writes(self, operation: str) -> bool:
        return operation in writing.OPERATIONS

    async def write(self, write: Write, ctx: SourceContext) -> Written:
        return await writing.send(self, write, ctx)

    # --- the rest of the contract ---------------------------------------------------------------------------------

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        alone = ctx.alone and self._limits_itself
        local = "?local=true" if alone or self.platform.distribution.local_only else ""
        answer = await self.get(f"{self.root}{self.prefix}/types{local}", CORE, ctx)
        if answer.status == 404:
            raise SourceNotFound("it has no /types")
        raise_for_status(answer)
        found = types_in(answer.body)
        if not alone and not any(p.type for p in self.platform.coverage.entities):
            self._types = found
        return found

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        return await probing.probe(self, ctx)

    # --- subscriptions --------------------------------------------------------------------------------------------

    async def subscribe(self, document: Mapping[str, Any], ctx: SourceContext) -> None:
        root = self.root + self.prefix + "/subscriptions"
        await subscribing.subscribe(self.services.upstream, root, self.headers_for(CORE), document, ctx)

    async def unsubscribe(self, subscription: str, ctx: SourceContext) -> None:
        root = self.root + self.prefix + "/subscriptions"
        await subscribing.unsubscribe(self.services.upstream, root, self.headers_for(CORE), subscription, ctx)

    async def close(self) -> None:
        self._headers.clear()
        self._answers.clear()


def _known_types(platform: Platform) -> tuple[str, ...]:
    """The types, as IRIs, that it is registered for, else those that its probe saw."""
    covered = {p.type for p in platform.coverage.entities}
    if covered and None not in covered:
        return tuple(sorted(t for t in covered if t is not None))
    return platform.probe.types if platform.probe is not None else ()
