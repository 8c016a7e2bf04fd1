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


def test_counters_of_a_registration_are_those_of_all_workers(gateway: Gateway, sibling: Gateway) -> None:
    here, there = Node(gateway), Node(gateway)
    workers = (gateway, sibling)
    answered = []

    def ask(worker: Gateway) -> bool:
        status = worker.client.get(ONE, headers=here.headers).status_code
        answered.append(status)
        return status == 200

    try:
        assert there.create(room(heat=20)).status_code == 201
        location = f"/ngsi-ld/v1/csourceRegistrations/{here.register(there)}"

        def told() -> list[dict[str, object]]:
            return [worker.client.get(location, headers=here.headers).json() for worker in workers]

        for worker in workers:
            here.wait(lambda worker=worker: ask(worker), 30)
            assert ask(worker)
        sent = answered.count(200)
        assert sent >= 4
        here.wait(lambda: [one.get("timesSent") for one in told()] == [sent, sent], 30)
        # the registration is another version of itself now, and is counted on
        renamed = gateway.client.patch(location, json={"registrationName": "renamed"}, headers=here.headers)
        assert renamed.status_code == 204
        here.wait(lambda: all(one["registrationName"] == "renamed" for one in told()), 30)
        assert ask(gateway)
        sent = answered.count(200)
        here.wait(lambda: [one.get("timesSent") for one in told()] == [sent, sent], 30)
        for one in told():
            assert (one["timesFailed"], one["status"]) == (0, "ok")
            assert "lastSuccess" in one
            assert "lastFailure" not in one
    finally:
        here.close()
        there.close()
