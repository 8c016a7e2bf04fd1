"""The flows of a request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.metering.record import record
from schemas.flow import Consumer, Provider, uuid7
from schemas.outcome import Outcome, Status


def test_one_flow_for_each_source_that_was_contacted() -> None:
    otemachi, toyosu, takeshiba = (Provider(f"p-{area}", "org", area) for area in ("otemachi", "toyosu", "takeshiba"))
    consumer = Consumer("nav", "org", "project", "toyosu", batch=True)
    request, time = uuid7(), datetime(2026, 11, 22, tzinfo=UTC)
    made = record(
        [
            (otemachi, Outcome("p-otemachi", Status.OK, ms=12.5, received=9, bytes=900, entities=7)),
            (takeshiba, Outcome("p-takeshiba", Status.SKIPPED, contacted=False)),
            (toyosu, Outcome("p-toyosu", Status.TIMEOUT, ms=3000.0)),
        ],
        consumer=consumer,
        operation="query",
        types=("urn:t",),
        request=request,
        time=time,
    )
    assert [
        (flow.provider, flow.outcome, flow.entities, flow.bytes, flow.latency_ms, flow.cross_area) for flow in made
    ] == [(otemachi, "ok", 7, 900, 12.5, True), (toyosu, "timeout", 0, 0, 3000.0, False)]
    assert {(flow.request, flow.time, flow.operation, flow.consumer, flow.types) for flow in made} == {
        (request, time, "query", consumer, ("urn:t",))
    }
    assert len({flow.id for flow in made}) == 2


@pytest.mark.parametrize("cached", [True, False])
def test_a_cached_answer_says_so(cached: bool) -> None:
    (flow,) = record(
        [(Provider("p"), Outcome("p", Status.OK, cache_hit=cached))],
        consumer=Consumer("s"),
        operation="retrieve",
        types=(),
        request=uuid7(),
        time=datetime.now(UTC),
    )
    assert flow.cache_hit is cached
