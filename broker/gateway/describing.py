"""Which types and attributes there are (clauses 5.7.5 to 5.7.11): asked of all who can tell, by the rights of the
caller, settled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from adapters.contract import Describing, SourceContext
from broker.federation.agreed import held
from broker.federation.discover import describe, discover
from broker.federation.engine import Result
from broker.federation.execute import Collected
from broker.federation.modes import tellers, unpassed
from broker.federation.plan import Step
from broker.federation.sight import LocalRight
from broker.federation.warn import warnings
from broker.gateway.gateway import Delivery, Envelope, Gateway
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.outcome import Outcome, Status

T = TypeVar("T")


@dataclass(slots=True)
class Described(Generic[T]):
    """`answers`: what the local store and the sources tell, each with what may be seen of it. `silent`: sources that
    may have something and told nothing."""

    answers: list[tuple[LocalRight, T]]
    silent: list[Source]
    delivery: Delivery


class Descriptions:
    """One per worker."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def types(self, envelope: Envelope, tenant: str, *, local: bool) -> tuple[list[str], Delivery]:
        """The entity types of all sources, as IRIs, sorted. Errors as of `Gateway.read`."""
        gateway = self._gateway
        limits = gateway.limits(envelope, tenant)
        seen = await gateway.seen(envelope, tenant, local=local)
        asked = tellers(seen.sources, limits.via)
        with gateway.agreements.running.under_way(held(asked)):
            names, result = await discover(asked, limits)
        result.notices = seen.sight.notices
        return names, Delivery(result, await gateway.settle(result, envelope, "types", ()))

    async def described(
        self,
        envelope: Envelope,
        tenant: str,
        offered: str,
        work: Callable[[], Awaitable[T]],
        question: Callable[[Describing, SourceContext], Awaitable[T]],
        *,
        local: bool,
        types: tuple[str, ...] = (),
    ) -> Described[T]:
        """What `work` reads of the local store, and what the sources that offer the operation `offered` (clause 4.20)
        say to `question`. Raises what `work` does, and errors as of `Gateway.read`."""
        gateway = self._gateway
        limits = gateway.limits(envelope, tenant)
        seen = await gateway.seen(envelope, tenant, local=local)
        asked = tellers(seen.sources, limits.via, offered)
        with gateway.agreements.running.under_way(held(asked)):
            (here, ours), (there, collected) = await asyncio.gather(
                _timed(work, [s for s in asked if not s.network]),
                describe([s for s in asked if s.network], limits, question),
            )
        result = Result([*collected, *ours], warnings=warnings(c.outcome for c in collected))
        result.notices = seen.sight.notices
        told = {source.id for source, _ in there}
        operation = "attributes" if "Attr" in offered else "types"
        return Described(
            [(seen.right, here), *((LocalRight(source.clauses or None), answer) for source, answer in there)],
            [s for s in unpassed(list(seen.sources), limits.via) if s.network and s.id not in told],
            Delivery(result, await gateway.settle(result, envelope, operation, types)),
        )


async def _timed(work: Callable[[], Awaitable[T]], sources: Sequence[Source]) -> tuple[T, list[Collected]]:
    """What it gives, as done by these sources: by none, if the tenant has nothing there."""
    began = perf_counter()
    told = await work()
    spent = (perf_counter() - began) * 1000
    return told, [Collected(Step(s, Pushdown(None)), Outcome(s.id, Status.OK, ms=spent)) for s in sources]
