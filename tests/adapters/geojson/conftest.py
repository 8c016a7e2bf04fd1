from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import adapters.geojson as geojson
from adapters.contract import Adapter, Services, SourceContext
from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from schemas.ngsi_ld.context import Context, build
from schemas.platform import Platform

Open = Callable[..., Awaitable[Adapter]]
URL = "https://example.jp/context.jsonld"
CONTEXT = build(
    {"収容人数": "https://example.jp/terms#capacity", "Shelter": "https://example.jp/terms#Shelter"}, {}, url=URL
)


def soon(seconds: float = 5.0) -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + seconds)


@pytest.fixture
async def open_file(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the adapter for an endpoint, with options and other fields of the platform."""
    upstream = Upstream(Guard(LOOPBACK))
    opened: list[Adapter] = []

    async def context_of(url: str) -> Context:
        assert url == URL
        return CONTEXT

    async def open_one(endpoint: str, options: dict[str, Any] | None = None, **fields: Any) -> Adapter:
        folders = fields.pop("data_dirs", (str(tmp_path),))
        platform = Platform("urn:x:file", "geojson", endpoint, options=options or {}, **fields)
        adapter = await geojson.open(platform, Services(upstream, context_of, folders))
        opened.append(adapter)
        return adapter

    yield open_one
    for adapter in opened:
        await adapter.close()
    await upstream.close()
