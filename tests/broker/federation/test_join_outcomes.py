"""A source that is asked several times for one request has one outcome."""

from __future__ import annotations

from typing import Any, cast

import pytest

from broker.federation.execute import Collected
from broker.federation.join import combined
from broker.federation.plan import Step
from schemas.outcome import Outcome, Status

_NO_STEP = cast(Step, None)


def asked(platform: str, status: Status, **more: Any) -> Collected:
    return Collected(_NO_STEP, Outcome(platform, status, **more))


def test_what_it_gave_and_took_is_added_up() -> None:
    parts = [
        asked("a", Status.OK, received=3, entities=2, bytes=10, ms=1.0),
        asked("b", Status.EMPTY),
        asked("a", Status.OK, received=1, entities=1, bytes=5, ms=2.5),
        asked("b", Status.OK, received=1, entities=1),
    ]
    first, second = (c.outcome for c in combined(parts))
    assert (first.platform, first.received, first.entities, first.bytes, first.ms) == ("a", 4, 3, 15, 3.5)
    assert (second.platform, second.status, second.entities) == ("b", Status.OK, 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Status.OK, Status.TIMEOUT, Status.PARTIAL),
        (Status.OK, Status.SKIPPED, Status.PARTIAL),
        (Status.EMPTY, Status.TIMEOUT, Status.TIMEOUT),
        (Status.TIMEOUT, Status.EMPTY, Status.TIMEOUT),
        (Status.TIMEOUT, Status.OK, Status.PARTIAL),
        (Status.OK, Status.EMPTY, Status.OK),
    ],
)
def test_the_worst_that_befell_it_is_said(before: Status, after: Status, expected: Status) -> None:
    def got(status: Status) -> int:
        return int(status is Status.OK)

    parts = [asked("a", status, received=got(status), detail=status.value) for status in (before, after)]
    (one,) = combined(parts)
    assert one.outcome.status is expected
    assert one.outcome.complete or one.outcome.detail in (before.value, after.value)


def test_a_source_that_was_left_alone_once_was_contacted_all_the_same() -> None:
    parts = [asked("a", Status.SKIPPED, contacted=False), asked("a", Status.OK, received=1)]
    assert combined(parts)[0].outcome.contacted
