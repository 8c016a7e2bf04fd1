"""Fixtures for everyone: a real PostgreSQL for the test run, and a fresh, migrated database for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest

from broker.embedded.server import PrivatePostgres, remove
from broker.store.database import Database, connect
from broker.store.migrate import migrate

# A run tells the same of the same code, on a busy machine too; HYPOTHESIS_PROFILE=searching looks for what is new.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

_HOME = pytest.StashKey[Path]()
_TEMPLATE = "kakehashi_template"


def pytest_configure(config: pytest.Config) -> None:
    """The process that leads the run names the home; xdist's workers share it, and so one server."""
    given = getattr(config, "workerinput", {}).get("postgres_home")
    if given is None:
        home = Path(tempfile.mkdtemp(prefix="kakehashi-test-"))
        # The server's account must pass through when the tests run as root.
        home.chmod(0o711)
        given = str(home)
    config.stash[_HOME] = Path(given)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["postgres_home"] = str(node.config.stash[_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and _HOME in config.stash:
        home = config.stash[_HOME]
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """URL of the run's server, database `postgres`; it has a migrated template database."""
    with PrivatePostgres.start(pytestconfig.stash[_HOME]) as server:
        _run(_make_template(server.url))
        yield server.url


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """URL of a fresh database with the whole schema; it goes away after the test, whoever is still connected."""
    with _fresh(postgres_url, f"TEMPLATE {_TEMPLATE}") as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """URL of a fresh database without a schema."""
    with _fresh(postgres_url, "") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh database, opened."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


@contextmanager
def _fresh(server: str, options: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    _run(_execute(server, f"CREATE DATABASE {name} {options}"))
    yield _named(server, name)
    _run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


def _named(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return url.replace("/postgres?", f"/{database}?", 1)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread, so that a loop that pytest-asyncio keeps is not disturbed."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, work).result()


async def _execute(url: str, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _make_template(url: str) -> None:
    connection = await connect(url)
    try:
        # Workers of one run come here at once; the lock goes with the connection.
        await connection.execute("SELECT pg_advisory_lock(1)")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _TEMPLATE):
            await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            await migrate(_named(url, _TEMPLATE))
    finally:
        await connection.close()
