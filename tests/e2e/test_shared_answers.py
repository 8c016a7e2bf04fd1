"""One answer of a source for many requests: of one question under way, or of one that was answered lately."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from gateway import ENTITIES, Gateway, Space
from sources import Entity, Host, NgsiLdSource

from adapters.testing.serving import Reply, Request


def crowd(n: int) -> Entity:
    return {"id": f"urn:ngsi-ld:Crowd:{n:03}", "type": "Crowd", "count": {"type": "Property", "value": n}}


@dataclass
class Told:
    """A source with what it says of the use of its answers; it may be closed, and held back."""

    honest: NgsiLdSource
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    etag: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        if request.path == ENTITIES:
            self.asked.append(request)
            self.gate.wait(30)
        if self.status != 200:
            # whatever it is asked: a trial in the background must not find it well
            return Reply(b"", self.status)
        reply = self.honest(request)
        if self.etag:
            tag = f'"{hash(reply.body)}"'
            if request.headers.get("if-none-match") == tag:
                return Reply(b"", 304, {"etag": tag, **self.headers})
            reply.headers["etag"] = tag
        reply.headers.update(self.headers)
        return reply


@pytest.fixture
def own_host() -> Iterator[Host]:
    """A thread of its own, that may be held back without harm to others."""
    opened = Host()
    yield opened
    opened.close()


@pytest.fixture
def told(space: Space, own_host: Host) -> Iterator[tuple[Told, str]]:
    source = Told(NgsiLdSource([crowd(n) for n in range(3)]))
    source.gate.set()
    platform = space.add(own_host.serve(source).url, timeout_ms=20_000)["id"]
    source.asked.clear()
    yield source, platform
    source.gate.set()


def flows(space: Space, answer: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = space.client.get("/flows", params={"request": answer.headers["x-request-id"]}).json()
    return found


def test_the_same_question_at_the_same_time_is_asked_once(space: Space, told: tuple[Told, str]) -> None:
    source, platform = told
    source.gate.clear()
    with ThreadPoolExecutor(9) as threads:
        asking = [threads.submit(space.get, type="Crowd") for _ in range(8)]
        other = threads.submit(space.get, type="Crowd", q="count>1")
        space.wait(lambda: health(space, platform)["sharing"] == 7, 20)
        source.gate.set()
        answers = [a.result() for a in asking]
        assert [e["id"] for e in other.result().json()] == [crowd(2)["id"]]
    assert all(a.json() == [crowd(n) for n in range(3)] for a in answers)
    assert all("ngsild-warning" not in a.headers and "age" not in a.headers for a in answers)
    assert len(source.asked) == 2
    recorded = [flows(space, a) for a in answers]
    assert all(len(one) == 1 and one[0]["entities"] == 3 for one in recorded), "each has a flow of its own"
    assert sorted(one[0]["cache_hit"] for one in recorded) == [False] + 7 * [True]
    assert space.get(type="Crowd").status_code == 200
    assert len(source.asked) == 3, "what is not under way is asked anew"


def health(space: Space, platform: str) -> dict[str, Any]:
    found: dict[str, Any] = space.client.get(f"/platforms/{platform}/health").json()
    return found


def test_who_waits_for_a_failure_fails_as_well(space: Space, told: tuple[Told, str]) -> None:
    source, platform = told
    source.gate.clear()
    source.status = 500
    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(space.get, type="Crowd") for _ in range(4)]
        space.wait(lambda: health(space, platform)["sharing"] == 3, 20)
        source.gate.set()
        answers = [a.result() for a in asking]
    assert all((a.status_code, a.json()) == (200, []) for a in answers)
    assert all(a.headers["ngsild-warning"].startswith("299") for a in answers)
    assert len(source.asked) == 1
    assert health(space, platform)["failures_in_a_row"] == 1, "one failure is counted once"


def test_an_answer_is_used_for_as_long_as_the_source_says(space: Space, told: tuple[Told, str]) -> None:
    source, platform = told
    source.headers = {"cache-control": "max-age=600"}
    first = space.get(type="Crowd", count="true")
    second = space.get(type="Crowd", count="true")
    assert first.json() == second.json() == [crowd(n) for n in range(3)]
    assert first.headers["ngsild-results-count"] == second.headers["ngsild-results-count"] == "3"
    assert len(source.asked) == 1
    assert ("age" in first.headers, "ngsild-warning" in first.headers) == (False, False)
    assert int(second.headers["age"]) < 600
    assert second.headers["ngsild-warning"].startswith(f'110 {platform} "Response is stale')
    [recorded] = flows(space, second)
    assert (recorded["cache_hit"], recorded["entities"], recorded["outcome"]) == (True, 3, "ok")
    assert recorded["bytes"] == flows(space, first)[0]["bytes"] > 0
    built = space.get(type="Crowd", count="true", options="keyValues")
    assert [e["count"] for e in built.json()] == [0, 1, 2]
    assert (len(source.asked), space.get(type="Crowd", count="true").json()) == (1, first.json())
    assert len(space.get(type="Crowd", attrs="count").json()) == 3
    assert len(source.asked) == 2, "another question"
    plan = space.get("/federation/explain", type="Crowd", count="true").json()
    assert next(s for s in plan["sources"] if s["platform"] == platform)["cache"] == "the cache answers"


@pytest.mark.parametrize("control", ["no-store", "private, max-age=60", "max-age=0", ""])
def test_what_may_not_be_kept_is_not(space: Space, told: tuple[Told, str], control: str) -> None:
    source, _ = told
    source.headers = {"cache-control": control}
    for n in range(1, 3):
        assert "age" not in space.get(type="Crowd").headers
        assert len(source.asked) == n


def test_an_etag_saves_the_bytes(space: Space, told: tuple[Told, str]) -> None:
    source, _ = told
    source.etag = True
    first = space.get(type="Crowd")
    second = space.get(type="Crowd")
    assert second.json() == first.json()
    assert "if-none-match" in source.asked[1].headers
    assert ("age" in second.headers, "ngsild-warning" in second.headers) == (False, False), "it was asked"
    [recorded] = flows(space, second)
    assert (recorded["cache_hit"], recorded["entities"]) == (False, 3)
    assert recorded["bytes"] == flows(space, first)[0]["bytes"]
    source.honest.put([crowd(9)])
    assert space.get(type="Crowd").json() == [crowd(9)]
    assert space.get(type="Crowd").json() == [crowd(9)]
    assert len(source.asked) == 4


def test_what_is_kept_stands_in_for_a_source_that_fails(space: Space, told: tuple[Told, str]) -> None:
    source, platform = told
    source.etag = True
    before = space.get(type="Crowd").json()
    source.status = 500
    for _ in range(8):
        answer = space.get(type="Crowd")
        assert answer.json() == before
        assert answer.headers["ngsild-warning"].startswith("110")
        assert "it has a fault of its own (500)" in answer.headers["ngsild-warning"]
        assert int(answer.headers["age"]) >= 0
        [recorded] = flows(space, answer)
        assert (recorded["cache_hit"], recorded["entities"]) == (True, 3)
    assert len(source.asked) < 9, "its breaker has opened, and what is kept is used all the same"
    assert health(space, platform)["failures_in_a_row"] >= 5
    other = space.get(type="Crowd", q="count>0")
    assert other.headers["ngsild-warning"][:3] in ("199", "299")


def test_a_source_that_refuses_is_not_overruled(space: Space, told: tuple[Told, str]) -> None:
    source, _ = told
    source.etag = True
    assert len(space.get(type="Crowd").json()) == 3
    source.status = 403
    answer = space.get(type="Crowd")
    assert answer.json() == []
    assert answer.headers["ngsild-warning"].startswith("299")


def test_cache_duration_of_a_registration(space: Space, own_host: Host, gateway: Gateway) -> None:
    source = Told(NgsiLdSource([crowd(1)]))
    source.gate.set()
    document = {
        "id": f"urn:ngsi-ld:ContextSourceRegistration:{space.tenant}",
        "type": "ContextSourceRegistration",
        "information": [{"entities": [{"type": "Crowd"}]}],
        "endpoint": own_host.serve(source).url,
        "management": {"cacheDuration": "PT10M"},
    }
    path, headers = "/ngsi-ld/v1/csourceRegistrations", {"ngsild-tenant": space.tenant}
    wrong = document | {"management": {"cacheDuration": "ten minutes"}}
    refused = space.client.post(path, json=wrong, headers=headers)
    assert refused.status_code == 400
    assert "cacheDuration" in refused.text
    assert space.client.post(path, json=document, headers=headers).status_code == 201
    space._added.append(document["id"])
    space.wait(lambda: "age" in space.get(type="Crowd").headers, 20)
    before = len(source.asked)
    assert orjson.loads(space.get(type="Crowd").content) == [crowd(1)]
    assert len(source.asked) == before


def test_tenants_share_nothing(gateway: Gateway, own_host: Host) -> None:
    source = Told(NgsiLdSource([crowd(1)]), {"cache-control": "max-age=600"})
    source.gate.set()
    url = own_host.serve(source).url
    one, two = Space(gateway), Space(gateway)
    for space in (one, two):
        space.add(url)
    source.asked.clear()
    for space in (one, two):
        assert "age" not in space.get(type="Crowd").headers
        assert "age" in space.get(type="Crowd").headers
    assert len(source.asked) == 2
    one.close()
    two.close()


@pytest.mark.parametrize(
    "headers", [{"cache-control": "no-cache"}, {"cache-control": "max-age=0"}, {"pragma": "no-cache"}]
)
def test_a_consumer_may_have_it_asked_anew(space: Space, told: tuple[Told, str], headers: dict[str, str]) -> None:
    source, _ = told
    source.headers = {"cache-control": "max-age=600"}
    assert space.get(type="Crowd").json() == [crowd(n) for n in range(3)]
    source.honest.put([crowd(9)])
    assert len(space.get(type="Crowd").json()) == 3, "kept"
    asked = space.get(type="Crowd", headers=headers)
    assert (asked.json(), "age" in asked.headers) == ([crowd(9)], False)
    assert source.asked[-1].headers["cache-control"] == "no-cache", "a gateway further on may keep answers, too"
    assert space.get(type="Crowd").json() == [crowd(9)], "what was asked anew is kept for the others"
    assert len(source.asked) == 2
    source.status = 503
    failed = space.get(type="Crowd", headers=headers)
    assert (failed.json(), failed.headers["ngsild-warning"][:3]) == ([], "299"), "nor does it stand in for a failure"


def test_a_consumer_may_tell_how_old_it_may_be_and_that_it_is_not_kept(space: Space, told: tuple[Told, str]) -> None:
    source, _ = told
    source.headers = {"cache-control": "max-age=600"}
    space.get(type="Crowd", headers={"cache-control": "no-store"})
    space.get(type="Crowd", headers={"cache-control": "max-age=300"})
    assert len(source.asked) == 2
    assert "age" in space.get(type="Crowd", headers={"cache-control": "max-age=300"}).headers
    assert len(source.asked) == 2
