"""In which @context a source is asked (clause 4.3.6.6), and which filters go to one that nobody has looked at."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import orjson
from gateway import ENTITIES
from nodes import Node, room
from sources import Host

from adapters.testing.serving import Reply, Request
from schemas.ngsi_ld.context import CORE

ID = room()["id"]
THEIRS = {"@context": {"Zimmer": CORE.expand("Room"), "waerme": CORE.expand("heat")}}
CORE_18 = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
JSON = {"content-type": "application/json"}


class Source:
    """Answers every question with the same, and keeps what it was asked. `refuses`: parameters that are a 400."""

    def __init__(self, entity: dict[str, object], *refuses: str) -> None:
        self.entity = entity
        self.refuses = refuses
        self.asked: list[dict[str, str]] = []
        self.links: list[str] = []

    def __call__(self, request: Request) -> Reply:
        if request.path == "/context":
            return Reply(orjson.dumps(THEIRS), headers={"content-type": "application/ld+json"})
        if not request.path.startswith(ENTITIES):
            return Reply(b"{}", 404)
        params = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        self.asked.append(params)
        self.links.append(request.headers.get("link", ""))
        if not params.keys().isdisjoint(self.refuses):
            return Reply(b'{"type": "https://uri.etsi.org/ngsi-ld/errors/InvalidRequest"}', 400, JSON)
        body = [self.entity] if request.path == ENTITIES else self.entity
        return Reply(orjson.dumps(body), headers=JSON)


def test_it_is_asked_in_the_context_that_it_is_registered_with(here: Node, host: Host) -> None:
    source = Source({"id": ID, "type": "Zimmer", "waerme": {"type": "Property", "value": 20}})
    server = host.serve(source).url
    said = [{"key": "jsonldContext", "value": f"{server}/context"}]
    here.register(here, at=server, probed=False, contextSourceInfo=said)
    found = here.get(ENTITIES, type="Room", attrs="heat", q="heat>10")
    assert "ngsild-warning" not in found.headers, found.headers["ngsild-warning"]
    assert found.json() == [room(heat=20)]
    assert here.seen(ID) == {"heat": 20}
    assert here.get(ENTITIES, type="Room", q="heat>30").json() == []
    assert source.asked[0]["type"] == "Zimmer"
    assert all(link.startswith(f"<{server}/context>") for link in source.links)


def test_a_core_context_that_is_registered_is_linked(here: Node, host: Host) -> None:
    source = Source(room(heat=20))
    said = [{"key": "jsonldContext", "value": CORE_18}]
    here.register(here, at=host.serve(source).url, probed=False, contextSourceInfo=said)
    assert here.get(ENTITIES, type="Room").json() == [room(heat=20)]
    assert source.links[0].startswith(f"<{CORE_18}>")


def test_a_context_that_can_not_be_had_is_said(here: Node, host: Host) -> None:
    said = [{"key": "jsonldContext", "value": "http://127.0.0.1:9/context"}]
    here.register(here, at=host.serve(Source(room())).url, probed=False, contextSourceInfo=said)
    answer = here.get(ENTITIES, type="Room")
    assert (answer.json(), answer.headers["ngsild-warning"][:4]) == ([], "299 ")


def test_filters_go_to_who_was_not_looked_at_and_are_applied_here(here: Node, host: Host) -> None:
    near = {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[139,35]"}
    source = Source(room(heat=20))
    here.register(here, at=host.serve(source).url, probed=False)
    assert here.get(ENTITIES, type="Room", q="heat>30", scopeQ="/A", **near).json() == []
    assert (source.asked[0]["q"], source.asked[0]["scopeQ"]) == ("heat>30", "/A")
    assert source.asked[0]["georel"] == "near;maxDistance==10"
    assert here.get(ENTITIES, type="Room", q="heat>10").json() == [room(heat=20)]
    split = here.get(ENTITIES, type="Room", q="heat>10", splitEntities="true")
    assert split.json() == [room(heat=20)]
    assert "q" not in source.asked[-1]


def test_who_does_not_take_a_filter_is_asked_without(here: Node, host: Host) -> None:
    source = Source(room(heat=20), "q")
    here.register(here, at=host.serve(source).url, probed=False)
    found = here.get(ENTITIES, type="Room", q="heat>10")
    assert "ngsild-warning" not in found.headers, found.headers["ngsild-warning"]
    assert (found.json(), ["q" in asked for asked in source.asked]) == ([room(heat=20)], [True, False])
    here.get(ENTITIES, type="Room", q="heat>11")
    assert "q" not in source.asked[2]
