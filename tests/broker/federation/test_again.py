"""When two versions of an entity can't be told apart in time."""

from __future__ import annotations

from typing import Any

import pytest

from broker.federation.again import undecided


def entity(**members: Any) -> dict[str, Any]:
    return {"id": "urn:x:1", "type": "T", **members}


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


EARLY, LATE = "2026-11-22T05:00:00Z", "2026-11-22T06:00:00+00:00"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (prop(1), prop(1), False),
        (prop(1), prop(2), True),
        (prop(1, observedAt=EARLY), prop(2, observedAt=LATE), False),
        (prop(1, observedAt=EARLY), prop(2), False),
        (prop(1, observedAt=EARLY), prop(2, observedAt="2026-11-22T14:00:00+09:00"), True),
        (prop(1, modifiedAt=EARLY), prop(2, modifiedAt=LATE), False),
        (prop(1, modifiedAt=EARLY), prop(2), True),
        (prop(1, datasetId="urn:d:1"), prop(2, datasetId="urn:d:2"), False),
        ([prop(1), prop(5, datasetId="urn:d:1")], [prop(1), prop(6, datasetId="urn:d:1")], True),
        (prop(1, observedAt="yesterday"), prop(2), True),
        (1, 2, True),
        ("x", prop("x"), True),
    ],
)
def test_undecided(one: Any, other: Any, expected: bool) -> None:
    assert undecided([entity(a=one), entity(a=other)]) is expected
    assert undecided([entity(a=one), entity(b=other)]) is False
    assert undecided([entity(a=one)]) is False


def test_only_the_newest_matter() -> None:
    versions = [entity(a=prop(n, observedAt=t)) for n, t in ((1, EARLY), (2, EARLY), (3, LATE))]
    assert not undecided(versions)
    assert undecided(versions[:2])
