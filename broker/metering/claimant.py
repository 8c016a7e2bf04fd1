"""One request that waits to be settled, and what its Idempotency-Key comes to."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Iterable, Mapping
from uuid import UUID

from schemas.errors import IdempotencyConflict
from schemas.flow import Flow
from schemas.idempotency import IdempotencyKey


class Claimant:
    """`tick`, `since`: when it came (ticks of the settler, `monotonic()`). `verdict`: what its future gets."""

    __slots__ = ("flows", "future", "key", "scrub", "since", "tick", "verdict")

    def __init__(
        self, flows: list[Flow], key: IdempotencyKey | None, future: Future[UUID | None], tick: int, since: float
    ) -> None:
        self.flows = flows
        self.key = key
        self.future = future
        self.tick = tick
        self.since = since
        self.verdict: UUID | IdempotencyConflict | None = None
        self.scrub = False

    @property
    def waits(self) -> bool:
        return not self.future.done()

    @property
    def refused(self) -> bool:
        return isinstance(self.verdict, IdempotencyConflict)


def claims(batch: Iterable[Claimant]) -> list[IdempotencyKey]:
    """The keys to claim: of several requests with the same key, the first one's."""
    first: dict[tuple[str, str], IdempotencyKey] = {}
    for one in batch:
        if one.key is not None:
            first.setdefault((one.key.client, one.key.key), one.key)
    return list(first.values())


def judge(batch: Iterable[Claimant], held: Mapping[tuple[str, str], tuple[bytes, UUID]]) -> None:
    """Give each request with a key its verdict, by who holds the key now: `held` as `FlowSession.claim` gives it.

    The holder's own: None. Another request alike: that one's id, which goes into the flows as `replay_of` too.
    Another request unlike: IdempotencyConflict.
    """
    for one in batch:
        if one.key is None:
            continue
        digest, request = held[one.key.client, one.key.key]
        if digest != one.key.request_hash:
            one.verdict = IdempotencyConflict(
                "This Idempotency-Key was used before with another request.",
                field="Idempotency-Key",
                value=one.key.key,
            )
            continue
        one.verdict = None if request == one.key.request else request
        for flow in one.flows:
            flow.replay_of = one.verdict
            flow.idempotency_key = one.key.key
