"""A real NGSIv2 server on loopback, and adapters opened on it the way the registry does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Protocol

import pytest_asyncio
from starlette.types import ASGIApp
from v2_serving import serving

from adapters import ngsi_v2
from adapters.contract import Services, SourceContext
from adapters.guard import LOOPBACK, Guard
from adapters.ngsi_v2.adapter import NgsiV2Adapter
from adapters.upstream import Upstream
from schemas.ngsi_ld.context import CORE, Context
from schemas.platform import Platform, ProbeResult

ALL = frozenset({"type", "id", "idPattern", "q", "geo", "attrs", "count", "limit", "order"})


class Opener(Protocol):
    async def __call__(
        self, app: ASGIApp, *, verified: frozenset[str] | None = ALL, page_limit: int | None = None, **platform: Any
    ) -> NgsiV2Adapter: ...


@pytest_asyncio.fixture
async def services() -> AsyncIterator[Services]:
    upstream = Upstream(Guard(LOOPBACK))

    async def context_of(url: str) -> Context:
        return CORE

    yield Services(upstream, context_of)
    await upstream.close()


@pytest_asyncio.fixture
async def opened(services: Services) -> AsyncIterator[Opener]:
    """Serve an application and open an adapter on it; `verified=None`: it was never probed."""
    async with AsyncExitStack() as stack:

        async def open_(
            app: ASGIApp, *, verified: frozenset[str] | None = ALL, page_limit: int | None = None, **platform: Any
        ) -> NgsiV2Adapter:
            endpoint = await stack.enter_async_context(serving(app))
            probe = None if verified is None else ProbeResult(ok=True, verified=verified, page_limit=page_limit)
            registered = replace(Platform("urn:x:p", "ngsi_v2", endpoint, probe=probe), **platform)
            adapter = await ngsi_v2.open(registered, services)
            assert isinstance(adapter, NgsiV2Adapter)
            stack.push_async_callback(adapter.close)
            return adapter

        yield open_


@pytest_asyncio.fixture
async def new_context() -> Callable[..., SourceContext]:
    def make(seconds: float = 10.0, **changes: Any) -> SourceContext:
        return SourceContext(deadline=asyncio.get_running_loop().time() + seconds, **changes)

    return make


Asking = Callable[[NgsiV2Adapter, Any], Awaitable[list[dict[str, Any]]]]


@pytest_asyncio.fixture
async def ask(new_context: Callable[..., SourceContext]) -> Asking:
    """All entities that come for a query, as they come: residual filters not applied."""

    async def all_of(adapter: NgsiV2Adapter, query: Any) -> list[dict[str, Any]]:
        pushdown = adapter.plan(query)
        if pushdown is None:
            return []
        return [e async for page in adapter.fetch(pushdown.request, new_context()) for e in page.entities or ()]

    return all_of
