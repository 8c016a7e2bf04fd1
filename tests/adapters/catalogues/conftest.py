from __future__ import annotations

from typing import Any

import pytest
from catalogue_walk import Open

from adapters.catalogued import Catalogued, module
from adapters.contract import Services
from adapters.upstream import Upstream
from schemas.catalogue import CatalogueSource
from schemas.errors import ContextNotAvailable
from schemas.ngsi_ld.context import Context


async def _no_context(url: str) -> Context:
    raise ContextNotAvailable(url)


@pytest.fixture
def opened(upstream: Upstream) -> Open:
    """`await opened(kind, url, **options)`."""

    async def make(kind: str, url: str, **options: Any) -> Catalogued:
        source = CatalogueSource("test", kind, url, options=options)
        return await module(kind).open_catalogue(source, Services(upstream, _no_context))

    return make
