"""A database for the tests of a module."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from broker.store.database import connect


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread, so that a loop that pytest-asyncio keeps is not disturbed."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


@contextmanager
def fresh(server: str) -> Iterator[str]:
    """URL of a fresh database with the whole schema."""
    name = f"test_{uuid4().hex}"
    run(_execute(server, f"CREATE DATABASE {name} TEMPLATE kakehashi_template"))
    yield server.replace("/postgres?", f"/{name}?", 1)
    run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
