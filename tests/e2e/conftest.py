"""A gateway for the whole run, a thread for the sources, and a tenant for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway import Gateway, Space, fresh_database, settings
from nodes import Node
from sources import Host


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    opened = Host()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def gateway(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """In open access; all tests of a worker share it, each in its own tenant."""
    home: Path = tmp_path_factory.mktemp("gateway")
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(home, url, max_source_bytes=1_000_000))
        yield running
        running.close()


@pytest.fixture
def space(gateway: Gateway) -> Iterator[Space]:
    opened = Space(gateway)
    yield opened
    opened.close()


@pytest.fixture
def here(gateway: Gateway) -> Iterator[Node]:
    """A gateway of its own kind: a tenant of the one that runs."""
    node = Node(gateway)
    yield node
    node.close()


@pytest.fixture
def there(gateway: Gateway) -> Iterator[Node]:
    """Another one, for `here` to register."""
    node = Node(gateway)
    yield node
    node.close()
