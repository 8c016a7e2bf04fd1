"""Going through a catalogue as a harvest does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from adapters.catalogued import Batch, Catalogued
from adapters.contract import SourceContext

Open = Callable[..., Awaitable[Catalogued]]


def soon() -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + 20)


async def walk(catalogue: Catalogued, validator: str = "") -> list[Batch]:
    """Every batch, as a harvest goes."""
    found = [await catalogue.batch("", validator, soon())]
    while found[-1].cursor:
        found.append(await catalogue.batch(found[-1].cursor, validator, soon()))
    return found
