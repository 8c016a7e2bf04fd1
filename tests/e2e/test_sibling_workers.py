"""Workers that share a database keep answers each for itself; a write through one ends what the others keep."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gateway import ENTITIES, Gateway, settings
from nodes import Node, room, values

ONE = f"{ENTITIES}/{room()['id']}"


@pytest.fixture
def sibling(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("sibling")
    running = Gateway(settings(home, gateway.settings.database_url, secret_key="k" * 44))
    yield running
    running.close()


def test_a_write_through_one_worker_ends_what_another_one_keeps(gateway: Gateway, sibling: Gateway) -> None:
    here, there = Node(gateway), Node(gateway)
    try:
        assert there.create(room(heat=20)).status_code == 201
        here.register(there, "redirect", management={"cacheDuration": "PT10M"})

        def told() -> tuple[object, bool]:
            answer = sibling.client.get(ONE, headers=here.headers)
            return values(answer), "age" in answer.headers

        here.wait(lambda: told() == ({"heat": 20}, True), 30)
        assert here.send("PATCH", f"{ONE}/attrs/heat", {"type": "Property", "value": 21}).status_code == 204
        assert there.held(room()["id"]) == {"heat": 21}
        here.wait(lambda: told()[0] == {"heat": 21}, 30)
        assert told() == ({"heat": 21}, True), "and it is kept again"
    finally:
        here.close()
        there.close()
