"""The flows of a request: who took what from whom. Pure, and on the way of every answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.outcome import Outcome


def record(
    shares: Iterable[tuple[Provider, Outcome]],
    *,
    consumer: Consumer,
    operation: str,
    types: tuple[str, ...],
    request: UUID,
    time: datetime,
) -> list[Flow]:
    """One flow for each source that was contacted or whose cached answer was used, in the order of `shares`.

    `operation`: "query", "retrieve" or "types". `types`: IRIs of the entity types that were asked for, empty for any.
    `time`: arrival of the request, aware. Of a source that was not contacted (breaker open) there is no flow.
    """
    return [
        Flow(
            uuid7(),
            request,
            time,
            operation,
            consumer,
            provider,
            types,
            outcome.entities,
            outcome.bytes,
            outcome.status,
            outcome.ms,
            outcome.cache_hit,
        )
        for provider, outcome in shares
        if outcome.contacted
    ]
