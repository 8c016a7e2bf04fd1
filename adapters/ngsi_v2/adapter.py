"""The I/O of an NGSIv2 platform: ask, follow pages, read. What to ask is in `asking`, what it means in `translate`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson

from adapters.contract import Page, SourceContext
from adapters.ngsi_v2 import probing, writing
from adapters.ngsi_v2.asking import Ask, Platformed, Request, Scope, plan, read_scopes
from adapters.ngsi_v2.names import Names
from adapters.ngsi_v2.translate import Translator
from adapters.ngsi_v2.values import Clock
from adapters.status import raise_for_status
from adapters.upstream import Answer, Upstream
from schemas.capability import Capabilities, Paging, Pushdown
from schemas.errors import BadUpstream, SourceNotFound
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.write import Write, Written
from schemas.platform import Platform, ProbeResult

_MAX_TRANSLATORS = 64
_LISTED = 100
"""Types, or entities that are scanned for their types, a page: few enough for every platform."""
_LISTED_PAGES = 50


class NgsiV2Adapter:
    """One NGSIv2 platform. `source`: the @context in which it has its names."""

    def __init__(self, platform: Platform, upstream: Upstream, claims: Capabilities, source: Context) -> None:
        options = platform.options
        self.platform = platform
        self.root = platform.endpoint.rstrip("/")
        prefix = "/" + str(options.get("prefix", "/v2")).strip("/")
        # an endpoint that already ends in the API's path is meant as it stands
        self.base = self.root if prefix == "/" or self.root.endswith(prefix) else self.root + prefix
        probe = platform.probe
        self.verified = probe.verified if probe is not None and probe.ok else frozenset()
        limit = probe.page_limit if probe is not None and probe.page_limit else claims.page_limit
        self.capabilities = _effective(claims, self.verified, min(limit, claims.page_limit))
        self.renamed: dict[str, str] = dict(options.get("names", {}))
        self.names = Names(source, self.renamed)
        self.clock = Clock(str(options.get("timezone", "Asia/Tokyo")))
        self.observed = tuple(options.get("observed_at", ("TimeInstant", "dateObserved")))
        self.scopes = read_scopes(platform.service_path, options.get("service_paths", ()))
        self.upstream = upstream
        self._headers = _headers(platform)
        self._knows = Platformed(
            self.names,
            self.scopes,
            self.verified,
            platform.whole,
            frozenset(options.get("datetime_attributes", ())),
            self.observed,
        )
        self._translators: dict[tuple[Context, bool], Translator] = {}

    # --- plan and fetch -------------------------------------------------------------------------------------------

    def plan(self, query: EntityQuery) -> Pushdown | None:
        return plan(query, self._knows)

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        wanted: Request = request
        translator = self.translator(wanted.working, wanted.system)
        if len(wanted.asks) == 1:
            async for page in self._pages(wanted.asks[0], wanted, translator, ctx):
                yield page
            return
        # several service paths or long lists of ids: asked side by side, for each is a round trip
        gathered = [self._all(ask, wanted, translator, ctx) for ask in wanted.asks]
        for entities in await _together(gathered):
            yield Page(entities=entities)

    async def _all(self, ask: Ask, wanted: Request, translator: Translator, ctx: SourceContext) -> list[dict[str, Any]]:
        return [e async for page in self._pages(ask, wanted, translator, ctx) for e in page.entities or ()]

    async def _pages(
        self, ask: Ask, wanted: Request, translator: Translator, ctx: SourceContext
    ) -> AsyncIterator[Page]:
        if ask.single:
            answer = await self.get(f"{ask.path}?{ask.params}" if ask.params else ask.path, ask.service_path, ctx)
            if answer.status == 404 and is_no_such_entity(answer):
                return
            if answer.status != 409:
                raise_for_status(answer)
                yield Page(entities=[translator.entity(_json(answer))])
                return
            ask = Ask("/entities", ask.otherwise, ask.service_path)
        async for page in self._list(ask, wanted, translator, ctx):
            yield page

    async def _list(self, ask: Ask, wanted: Request, translator: Translator, ctx: SourceContext) -> AsyncIterator[Page]:
        offset, left = wanted.skip, wanted.need
        order = "&orderBy=id" if "order" in self.verified and left is None else ""
        while True:
            limit = self.capabilities.page_limit if left is None else max(1, min(left, self.capabilities.page_limit))
            paging = f"limit={limit}&offset={offset}{order}" + ("&options=count" if wanted.count else "")
            answer = await self.get(f"/entities?{ask.params}{'&' * bool(ask.params)}{paging}", ask.service_path, ctx)
            raise_for_status(answer)
            rows = _json(answer)
            if not isinstance(rows, list):
                raise BadUpstream("its answer is not a list of entities", field="endpoint")
            total = total_of(answer)
            got = len(rows)
            if left is not None:
                rows = rows[:left]
            # what the platform counts is what the query asks for only if nothing is left to be filtered
            yield Page(entities=translator.entities(rows), total=total if left is not None else None)
            offset += got
            if left is not None:
                left -= got
            if got == 0 or (left is not None and left <= 0):
                return
            # a proxy may cut pages short, so a short page ends it only if the count agrees
            if got < limit and (total is None or offset >= total):
                return

    def headers_at(self, service_path: str | None) -> dict[str, str]:
        """Of a request in the tenant and a service path."""
        return {**self._headers, "fiware-servicepath": service_path} if service_path else self._headers

    async def get(self, path: str, service_path: str | None, ctx: SourceContext) -> Answer:
        """One GET below the API's prefix (or of a whole address), in the tenant and a service path."""
        url = self.base + path if path.startswith("/") or not path else path
        return await self.upstream.request("GET", url, ctx=ctx, headers=self.headers_at(service_path))

    # --- writing --------------------------------------------------------------------------------------------------

    def writes(self, operation: str) -> bool:
        return operation in writing.OPERATIONS

    async def write(self, write: Write, ctx: SourceContext) -> Written:
        return await writing.send(self, write, ctx)

    def translator(self, working: Context = CORE, system: bool = False) -> Translator:
        """Into a working context; kept, with what it learns about names."""
        key = (working, system)
        found = self._translators.get(key)
        if found is None:
            if len(self._translators) >= _MAX_TRANSLATORS:
                self._translators.clear()
            found = Translator(self.names, working, self.clock, observed=self.observed, system=system)
            self._translators[key] = found
        return found

    # --- the rest of the contract ---------------------------------------------------------------------------------

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        return await probing.probe(self, ctx)

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        found = await _together([self.type_names(scope, ctx) for scope in self.scopes])
        return tuple(sorted({self.names.iri_of(name) for names in found for name in names}))

    async def type_names(self, scope: Scope, ctx: SourceContext) -> list[str]:
        """The platform's own names of the types below a service path; scans entities where there is no `/types`."""
        names: set[str] = set()
        for path in ("/types?options=values", "/entities?attrs=dateModified", "/entities"):
            names = await self._listed(path, scope, ctx)
            if names:
                break
        return sorted(names)

    async def _listed(self, path: str, scope: Scope, ctx: SourceContext) -> set[str]:
        """Names in all pages of a list of names or of entities; none if the platform does not have that list."""
        names: set[str] = set()
        joint = "&" if "?" in path else "?"
        size = min(self.capabilities.page_limit, _LISTED)
        for offset in range(0, _LISTED * _LISTED_PAGES, size):
            answer = await self.get(f"{path}{joint}limit={size}&offset={offset}", scope.path, ctx)
            if answer.status in (400, 404, 405, 501):
                return names
            raise_for_status(answer)
            rows = _json(answer)
            if not isinstance(rows, list):
                raise BadUpstream("its list of types is not a list")
            found = (row.get("type") if isinstance(row, dict) else row for row in rows)
            names.update(name for name in found if isinstance(name, str) and name)
            if len(rows) < size:
                return names
        return names

    async def close(self) -> None:
        self._translators.clear()


def _effective(claims: Capabilities, verified: frozenset[str], page_limit: int) -> Capabilities:
    """The manifest's claims that the probe saw to be true."""
    return replace(
        claims,
        by_id="id" in verified,
        by_type="type" in verified,
        id_pattern="idPattern" in verified,
        projection="attrs" in verified,
        q_operators=claims.q_operators if "q" in verified else frozenset(),
        geo_relations=claims.geo_relations if "geo" in verified else frozenset(),
        count="count" in verified,
        ordered_by_id=False,
        paging=Paging.OFFSET,
        page_limit=page_limit,
    )


def _headers(platform: Platform) -> dict[str, str]:
    headers = {"accept": "application/json"}
    if platform.tenant:
        headers["fiware-service"] = platform.tenant
    for name, value in platform.options.get("headers", {}).items():
        headers[str(name).lower()] = str(value)
    return headers


def is_no_such_entity(answer: Answer) -> bool:
    """A 404 in the dialect's own form; any other 404 means that the path is wrong."""
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict) and document.get("error") == "NotFound":
        return True
    raise SourceNotFound("there is no NGSIv2 API at that path (404)", field="options.prefix")


def total_of(answer: Answer) -> int | None:
    text = answer.headers.get("fiware-total-count", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


def _json(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise BadUpstream("its answer is not JSON", field="endpoint") from None


async def _together(coroutines: list[Any]) -> list[Any]:
    """All results in order; the first failure cancels the rest."""
    if len(coroutines) == 1:
        return [await coroutines[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(c) for c in coroutines]
    except BaseExceptionGroup as e:
        raise e.exceptions[0] from None
    return [task.result() for task in tasks]
