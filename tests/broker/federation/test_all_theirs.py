"""Bytes stay bytes where the heads alone tell that everything is a source's to give."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from adapters.contract import Page
from broker.federation.collected import Collected
from broker.federation.modes import reduce
from broker.federation.plan import Step
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.flow import Provider
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.head import read_heads
from schemas.ngsi_ld.query import EntityQuery
from schemas.outcome import Outcome, Status
from schemas.platform import Coverage, EntityPattern, Platform

ROOM, SHED = CORE.expand("Room"), CORE.expand("Shed")


def given(*patterns: EntityPattern, attributes: frozenset[str] = frozenset(), rows: list[Any]) -> Collected:
    platform = Platform("p", "ngsi_ld", "http://h", coverage=Coverage(entities=patterns, attributes=attributes))
    source = Source(platform, None, Provider("p"), None, Breaker(5, 1), Bulkhead(1))  # type: ignore[arg-type]
    body = orjson.dumps(rows)
    page = Page(body, read_heads(body))
    return Collected(Step(source, Pushdown(None), True), Outcome("p", Status.OK), [page])


def room(n: int, kind: Any = "Room") -> dict[str, Any]:
    return {"id": f"urn:x:Room:{n}", "type": kind, "a": {"type": "Property", "value": n}}


@pytest.mark.parametrize(
    "patterns",
    [
        (EntityPattern(ROOM, None, "Room:[12]$"),),
        (EntityPattern(ROOM),),
        (EntityPattern(None, None, "Room"),),
        (EntityPattern(ROOM, "urn:x:Room:1"), EntityPattern(ROOM, None, "2$")),
        (EntityPattern(SHED), EntityPattern(ROOM, None, ":")),
    ],
)
def test_they_stay(patterns: tuple[EntityPattern, ...]) -> None:
    one = given(*patterns, rows=[room(1), room(2)])
    before = one.pages[0]
    reduce([one], EntityQuery(), None)
    assert one.pages == [before]


@pytest.mark.parametrize(
    ("patterns", "rows", "left"),
    [
        ((EntityPattern(ROOM, None, "Room:1$"),), [room(1), room(2)], [1]),
        ((EntityPattern(SHED),), [room(1)], []),
        ((EntityPattern(ROOM, "urn:x:Room:2"),), [room(1), room(2)], [2]),
        ((EntityPattern(ROOM),), [room(1), room(2, "Shed")], [1]),
        ((EntityPattern(ROOM),), [room(1, ["Shed", "Room"]), room(2, ["Shed"])], [1]),
    ],
)
def test_what_is_not_theirs_goes(patterns: tuple[EntityPattern, ...], rows: list[Any], left: list[int]) -> None:
    one = given(*patterns, rows=rows)
    reduce([one], EntityQuery(), None)
    assert [e["a"]["value"] for p in one.pages for e in p.entities or ()] == left


def test_attributes_are_looked_at() -> None:
    one = given(EntityPattern(ROOM), attributes=frozenset({CORE.expand("b")}), rows=[room(1)])
    reduce([one], EntityQuery(), None)
    assert one.pages[0].entities == [{"id": "urn:x:Room:1", "type": "Room"}]
