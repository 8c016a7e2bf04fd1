"""Eight areas that misbehave: every answer is the oracle's for the areas that answered, and names all that did not.

A few examples by default; KAKEHASHI_CHAOS_EXAMPLES runs more, with longer delays.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from chaos import Area, Whim
from gateway import Gateway, Space, fresh_database, settings
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sources import Entity, Host, NgsiLdSource
from test_oracle import SAMPLE, page, questions, worlds

AREAS = 8
EXAMPLES = int(os.environ.get("KAKEHASHI_CHAOS_EXAMPLES", "0"))
LONGEST_MS = 200 if EXAMPLES else 20
TIMEOUT_MS = 2000 if EXAMPLES else 700

whims = st.one_of(
    st.just(Whim.NONE),
    st.sampled_from([w for w in Whim if w.harmless]),
    # what hangs costs its whole time, so it is rare
    st.sampled_from([w for w in Whim if w is not Whim.HUNG]),
    st.sampled_from(Whim),
)


@dataclass
class City:
    """The areas, registered once; what they hold and how they behave changes."""

    space: Space
    areas: list[Area]
    seen: Counter[str] = field(default_factory=Counter)

    def name(self, n: int) -> str:
        return f"{self.space.tenant}-{n}"


@pytest.fixture(scope="module")
def city(postgres_url: str, host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    home: Path = tmp_path_factory.mktemp("chaos")
    with fresh_database(postgres_url) as url:
        # a breaker that opens would leave honest areas out, and the oracle with little to say
        running = Gateway(settings(home, url, max_source_bytes=1_000_000, breaker_failures=1000))
        space = Space(running)
        areas = [host.start(Area(NgsiLdSource(SAMPLE))) for _ in range(AREAS)]
        for n, area in enumerate(areas):
            space.add(area.url, f"{space.tenant}-{n}", timeout_ms=TIMEOUT_MS)
        made = City(space, areas)
        yield made
        space.close()
        running.close()
    assert made.seen["whole"] > 0, "no area ever answered"
    assert made.seen["missing"] > 0, "no area ever failed"


@hypothesis_settings(
    max_examples=EXAMPLES or 15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate] if not EXAMPLES else list(Phase),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds, question=questions(), data=st.data())
def test_what_answers_is_whole_and_what_does_not_is_named(
    city: City, world: list[Entity], question: Any, data: st.DataObject
) -> None:
    held: list[list[Entity]] = [[] for _ in range(AREAS)]
    for entity in world:
        for n in data.draw(st.lists(st.integers(0, AREAS - 1), min_size=1, max_size=3, unique=True)):
            held[n].append(entity | {f"own{n}": {"type": "Property", "value": n}})
    for n, area in enumerate(city.areas):
        area.source.put(held[n])
        area.whim = data.draw(whims)
        area.delay = data.draw(st.sampled_from((0, 0, 0, LONGEST_MS))) / 1000
        area.asked = False
    params, holds, shown, limit, offset = question
    answer = city.space.get(**params, limit=limit, offset=offset, count="true")
    assert answer.status_code == 200, answer.text
    missing = {w.split()[1] for w in answer.headers.get_list("ngsild-warning")}
    asked = {metric.partition(";")[0] for metric in answer.headers.get("server-timing", "").split(", ") if metric}
    # one that holds nothing of any type need not be asked for entities
    faulty = {city.name(n) for n, area in enumerate(city.areas) if area.asked and not area.whim.harmless}
    assert faulty <= missing, "what fails is named"
    truth = told([part for n, part in enumerate(held) if city.name(n) not in missing])
    expected = [e for e in truth if holds(e)]
    assert answer.json() == page(expected, shown, limit, offset)
    assert answer.headers["ngsild-results-count"] == str(len(expected))
    city.seen["whole"] += len(asked - missing)
    city.seen["missing"] += len(missing)


def told(parts: list[list[Entity]]) -> list[Entity]:
    """What the parts hold together: copies of an entity differ in what is the area's own only."""
    found: dict[str, Entity] = {}
    for part in parts:
        for entity in part:
            found[entity["id"]] = found.get(entity["id"], {}) | entity
    return list(found.values())
