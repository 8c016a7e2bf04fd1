"""What passes as bytes is what would have been built of it: the same entities, counts and shares of the sources."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import orjson
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Page
from broker.federation.collected import Collected
from broker.federation.merge import Merged, Window, merge
from broker.federation.plan import Step
from schemas.ngsi_ld.head import read_heads
from schemas.outcome import Outcome, Status
from schemas.platform import Mode

NOW = "2026-11-26T00:00:00.000Z"


def entity(n: int, source: int) -> dict[str, Any]:
    return {"id": f"urn:x:{n:02}", "type": "T", "a": {"type": "Property", "value": source}}


def collected(sources: list[list[list[int]]]) -> list[Collected]:
    """Of the numbers of the entities in the pages of each source."""
    found = []
    for k, pages in enumerate(sources):
        step = SimpleNamespace(source=SimpleNamespace(id=f"s{k}", platform=SimpleNamespace(mode=Mode.INCLUSIVE)))
        one = Collected(cast(Step, step), Outcome(f"s{k}", Status.OK))
        for numbers in pages:
            raw = orjson.dumps([entity(n, k) for n in numbers])
            one.pages.append(Page(raw=raw, heads=read_heads(raw)))
        found.append(one)
    return found


def shown(merged: Merged, sources: list[Collected]) -> tuple[Any, int, list[int]]:
    rows = merged.entities if merged.body is None else orjson.loads(merged.body)
    return rows, merged.matched, [c.outcome.entities for c in sources]


@st.composite
def answers(draw: st.DrawFn) -> list[list[list[int]]]:
    """Pages of sources, in any order, the same entity only once or more than once."""
    distinct = draw(st.booleans())
    numbers = draw(st.lists(st.integers(0, 40), unique=distinct, max_size=30))
    sources: list[list[list[int]]] = [[[] for _ in range(draw(st.integers(1, 3)))] for _ in range(3)]
    taken: set[tuple[int, int]] = set()
    for n in numbers:
        k = draw(st.integers(0, 2))
        if (k, n) not in taken:
            taken.add((k, n))
            draw(st.sampled_from(sources[k])).append(n)
    return [[sorted(page) for page in pages] for pages in sources] if draw(st.booleans()) else sources


@given(answers(), st.integers(0, 35), st.integers(0, 35))
def test_bytes_and_objects_make_the_same_page(sources: list[list[list[int]]], offset: int, limit: int) -> None:
    window = Window(offset, limit)
    as_bytes, as_objects = collected(sources), collected(sources)
    passed = merge(as_bytes, window, keep=None, build=False, now=lambda: NOW)
    built = merge(as_objects, window, keep=None, build=True, now=lambda: NOW)
    assert passed.body is not None
    assert shown(passed, as_bytes) == shown(built, as_objects)
