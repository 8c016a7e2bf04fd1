"""The way of a request: match, federate, settle. Nothing that it returns may leave before its flows are durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic, perf_counter
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from broker.federation.csf import chosen
from broker.federation.discover import discover
from broker.federation.engine import Result, federate
from broker.federation.execute import Collected, Limits
from broker.federation.explain import explain
from broker.federation.join import Ask, joined
from broker.federation.plan import Step
from broker.federation.via import been_here, extended, pseudonym
from broker.identity.callers import Caller
from broker.metering.record import record
from broker.metering.settle import Settler
from broker.registry.matching import wanted_types
from broker.registry.registry import Registry
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.errors import LoopDetected
from schemas.flow import Flow
from schemas.idempotency import IdempotencyKey
from schemas.ngsi_ld.query import EntityQuery
from schemas.outcome import Outcome, Status

_T = TypeVar("_T")
AskSources = Callable[[EntityQuery, Sequence[Source] | None], Awaitable[Result]]
"""To these sources, or to those that match."""
_NO_CSF = "its registration does not fit the context source filter"
log = structlog.get_logger(__name__)


class Envelope(msgspec.Struct, frozen=True):
    """What is known of a request beside its question. `budget_s`: time for the sources, all together."""

    request: UUID
    arrival: datetime
    caller: Caller
    via: str | None = None
    key: IdempotencyKey | None = None


@dataclass(slots=True)
class Delivery:
    """A settled result: it may be sent."""

    result: Result
    flows: list[Flow]


class Gateway:
    """One per worker."""

    def __init__(
        self,
        registry: Registry,
        settler: Settler,
        *,
        alias: str,
        budget_s: float,
        max_bytes: int,
        max_collect: int,
    ) -> None:
        self.registry = registry
        self.settler = settler
        self.alias = alias
        self._budget = budget_s
        self._max_bytes = max_bytes
        self._max_collect = max_collect

    @property
    def max_collect(self) -> int:
        return self._max_collect

    def asking(self, envelope: Envelope, tenant: str) -> AskSources:
        """Questions of one request, which share its time. What they give may leave once it is settled. LoopDetected."""
        via = self.forward_via(envelope.via, tenant)
        limits = Limits(self._budget, self._max_bytes, str(envelope.request), via)
        end = monotonic() + limits.budget_s

        async def ask(query: EntityQuery, sources: Sequence[Source] | None) -> Result:
            left = msgspec.structs.replace(limits, budget_s=max(end - monotonic(), 0.0))
            if sources is None:
                return await self._federate(query, left, build=True)
            return await federate(query, sources, left, build=True, max_collect=self._max_collect)

        return ask

    async def read(self, query: EntityQuery, envelope: Envelope, *, build: bool) -> Delivery:
        """Query or retrieve. `build`: entities are wanted, not bytes.

        Errors: LoopDetected, MeteringUnavailable, IdempotencyConflict. A source's failure is none: it is in the
        result's warnings.
        """
        via = self.forward_via(envelope.via, query.tenant)
        limits = Limits(self._budget, self._max_bytes, str(envelope.request), via)
        if query.join is None:
            result = await self._federate(query, limits, build=build)
        else:
            result = await joined(query, self._asking(limits), most=self._max_collect)
        types = wanted_types(query)
        flows = await self.settle(
            result, envelope, "retrieve" if query.retrieve else "query", tuple(sorted(types)) if types else ()
        )
        return Delivery(result, flows)

    def _asking(self, limits: Limits) -> Ask:
        """Questions of one request, which share its time."""
        end = monotonic() + limits.budget_s

        async def ask(query: EntityQuery) -> Result:
            left = msgspec.structs.replace(limits, budget_s=max(end - monotonic(), 0.0))
            return await self._federate(query, left, build=True)

        return ask

    async def _federate(self, query: EntityQuery, limits: Limits, *, build: bool) -> Result:
        sources = self.registry.match(query)
        if query.csf is not None:
            sources = chosen(sources, query.csf, query.context)
        return await federate(query, sources, limits, build=build, max_collect=self._max_collect)

    async def types(self, envelope: Envelope, tenant: str, *, local: bool) -> tuple[list[str], Delivery]:
        """The entity types of all sources, as IRIs, sorted. Errors as of `read`."""
        via = self.forward_via(envelope.via, tenant)
        sources = [s for s in self.registry.sources(tenant) if not (local and s.network)]
        limits = Limits(self._budget, self._max_bytes, str(envelope.request), via)
        names, result = await discover(sources, limits)
        return names, Delivery(result, await self.settle(result, envelope, "types", ()))

    async def locally(
        self,
        envelope: Envelope,
        tenant: str,
        operation: str,
        work: Callable[[], Awaitable[_T]],
        *,
        types: tuple[str, ...] = (),
    ) -> tuple[_T, Delivery]:
        """What `work` reads of the local store beside entities, recorded as `operation` unless the tenant has nothing
        there. Raises what `work` does, and MeteringUnavailable."""
        began = perf_counter()
        told = await work()
        spent = (perf_counter() - began) * 1000
        held = [s for s in self.registry.sources(tenant) if not s.network]
        result = Result([Collected(Step(s, Pushdown(None)), Outcome(s.id, Status.OK, ms=spent)) for s in held])
        return told, Delivery(result, await self.settle(result, envelope, operation, types))

    def explain(self, query: EntityQuery) -> dict[str, Any]:
        """What `read` would do."""
        judged = self.registry.judge(query)
        if query.csf is not None:
            fit = {s.id for s in chosen([j.source for j in judged], query.csf, query.context)}
            judged = [j if j.source.id in fit else replace(j, matches=False, reason=_NO_CSF) for j in judged]
        return explain(query, judged, max_collect=self._max_collect, budget_s=self._budget)

    async def settle(self, result: Result, envelope: Envelope, operation: str, types: tuple[str, ...]) -> list[Flow]:
        """Record one flow for each source that was contacted, durably; the answer may leave when this returns."""
        pairs = [(c.step.source.provider, c.outcome) for c in result.collected]
        flows = record(
            pairs,
            consumer=envelope.caller.consumer,
            operation=operation,
            types=types,
            request=envelope.request,
            time=envelope.arrival,
        )
        if flows or envelope.key is not None:
            await self.settler.settle(flows, key=envelope.key)
        return flows

    def forward_via(self, via: str | None, tenant: str) -> str:
        """The Via header for the sources; LoopDetected if the request has been here."""
        own = pseudonym(self.alias, tenant)
        if via and been_here(via, own):
            raise LoopDetected(f"the request has passed {own} already", field="Via", value=via, clause="4.3.6.4")
        return extended(via, own)
