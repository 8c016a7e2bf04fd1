"""A source that takes smaller pages than its probe saw: learned on the way, and remembered."""

from __future__ import annotations

from gateway import ENTITIES, Space
from sources import Entity, Host, NgsiLdSource


def crowd(n: int) -> Entity:
    return {"id": f"urn:ngsi-ld:Crowd:{n:03}", "type": "Crowd", "count": {"type": "Property", "value": n}}


def test_a_smaller_page_is_learned(space: Space, host: Host) -> None:
    source = NgsiLdSource([crowd(n) for n in range(120)])
    server = host.serve(source)
    space.add(server.url)
    space.add(host.serve(NgsiLdSource([crowd(500)])).url)
    source.page_limit = 60
    expected = [crowd(n) for n in (*range(120), 500)]
    for asked in (7, 3):
        server.requests.clear()
        answer = space.get(type="Crowd", limit=1000)
        assert answer.json() == expected
        assert "ngsild-warning" not in answer.headers
        # 1000, 500, 200 and 100 are refused at first; then three pages of 50
        assert len([r for r in server.requests if r.path == ENTITIES]) == asked


def test_a_refusal_that_is_not_the_pages_fault_is_told(space: Space, host: Host) -> None:
    source = NgsiLdSource([crowd(n) for n in range(3)])
    space.add(host.serve(source).url)
    source.page_limit = 0
    answer = space.get(type="Crowd", limit=1000)
    assert answer.json() == []
    assert answer.headers["ngsild-warning"].startswith("299")
