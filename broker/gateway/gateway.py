"""The way of a request: match, federate, settle. Nothing that it returns may leave before its flows are durable."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from adapters.freshness import demand_of
from broker.federation.agreed import held, quoted, used, without
from broker.federation.csf import chosen
from broker.federation.engine import Result, federate
from broker.federation.execute import Limits
from broker.federation.explain import explain
from broker.federation.forward import Sent, forward, given_up
from broker.federation.join import Ask, joined
from broker.federation.modes import owners_of, unpassed
from broker.federation.sight import LocalRight, Sight
from broker.federation.split import Part
from broker.federation.via import been_here, extended, pseudonym
from broker.identity.agreements.in_force import InForce
from broker.identity.agreements.quotas import used_up
from broker.identity.callers import Caller
from broker.metering.record import record
from broker.metering.settle import Settler
from broker.registry.matching import wanted_types
from broker.registry.registry import Registry
from broker.registry.source import Source
from schemas.agreement import Operation
from schemas.errors import Forbidden, LoopDetected, StoreUnavailable
from schemas.flow import Flow
from schemas.idempotency import IdempotencyKey
from schemas.narrowing import Clause
from schemas.ngsi_ld.query import EntityQuery

_T = TypeVar("_T")
AskSources = Callable[[EntityQuery, Sequence[Source] | None], Awaitable[Result]]
"""To these sources, or to those that match."""
_DISPLACED = "another source alone holds what is asked for"
_NO_CSF = "its registration does not fit the context source filter"
log = structlog.get_logger(__name__)


class Envelope(msgspec.Struct, frozen=True):
    """What is known of a request beside its question. `budget_s`: time for the sources, all together."""

    request: UUID
    arrival: datetime
    caller: Caller
    via: str | None = None
    key: IdempotencyKey | None = None
    headers: Mapping[bytes, bytes] = {}


class Delivery(msgspec.Struct):
    """A settled result: it may be sent."""

    result: Result
    flows: list[Flow]


class Seen(msgspec.Struct, frozen=True):
    """Of one request: the sources as it may see them, and its right at the local store."""

    sight: Sight
    sources: Sequence[Source]
    right: LocalRight


class Gateway:
    """One per worker."""

    def __init__(
        self,
        registry: Registry,
        settler: Settler,
        agreements: InForce,
        *,
        alias: str,
        budget_s: float,
        max_bytes: int,
        max_collect: int,
        tell_writes: Callable[[Collection[str]], Awaitable[None]],
    ) -> None:
        self.registry = registry
        self.settler = settler
        self.agreements = agreements
        self._everything = Sight(registry, None)
        self.alias = alias
        self._budget = budget_s
        self._max_bytes = max_bytes
        self._max_collect = max_collect
        self._tell_writes = tell_writes

    @property
    def max_collect(self) -> int:
        return self._max_collect

    def sight(self, envelope: Envelope, operation: Operation = Operation.READ) -> Sight:
        """What the caller may see: the one place at which agreements come in. The administration, and everyone in open
        mode, sees everything."""
        caller = envelope.caller
        if caller.admin:
            return self._everything
        return Sight(self.registry, self.agreements.index.rights(caller.consumer, envelope.arrival), operation)

    async def seen(self, envelope: Envelope, tenant: str, *, local: bool) -> Seen:
        """What the caller may be told of sources beside their entities, counted for the quotas of its rights; `local`:
        of the local store only. QuotaExceeded."""
        sight = self.sight(envelope)
        sources: Sequence[Source] = [s for s in sight.sources(tenant) if not (local and s.network)]
        quoting = quoted(sources, None)
        if quoting:
            sources = await self._admitted(sight, sources, quoting, 0)
        return Seen(sight, sources, sight.local(tenant))

    def limits(self, envelope: Envelope, tenant: str) -> Limits:
        """Of a request that may go on to sources. LoopDetected."""
        via = self.forward_via(envelope.via, tenant)
        headers = envelope.headers
        return Limits(self._budget, self._max_bytes, str(envelope.request), via, headers, demand_of(headers))

    def asking(
        self,
        envelope: Envelope,
        tenant: str,
        operation: Operation = Operation.READ,
        maps: Mapping[str, str] | None = None,
    ) -> AskSources:
        """Questions of one request, which share its time. What they give may leave once it is settled. LoopDetected.
        `maps`: as of `Limits`."""
        limits = msgspec.structs.replace(self.limits(envelope, tenant), maps=maps)
        end = monotonic() + limits.budget_s
        sight = self.sight(envelope, operation)

        async def ask(query: EntityQuery, sources: Sequence[Source] | None) -> Result:
            left = msgspec.structs.replace(limits, budget_s=max(end - monotonic(), 0.0))
            if sources is None:
                return await self._federate(sight, query, left, build=True)
            return await self._by_right(sight, query, sources, left, build=True)

        return ask

    async def read(self, query: EntityQuery, envelope: Envelope, *, build: bool) -> Delivery:
        """Query or retrieve. `build`: entities are wanted, not bytes.

        Errors: LoopDetected, MeteringUnavailable, IdempotencyConflict. A source's failure is none: it is in the
        result's warnings.
        """
        limits = self.limits(envelope, query.tenant)
        sight = self.sight(envelope)
        if query.join is None:
            result = await self._federate(sight, query, limits, build=build)
        else:
            result = await joined(query, self._asking(sight, limits), most=self._max_collect)
        types = wanted_types(query)
        flows = await self.settle(
            result, envelope, "retrieve" if query.retrieve else "query", tuple(sorted(types)) if types else ()
        )
        return Delivery(result, flows)

    def _asking(self, sight: Sight, limits: Limits) -> Ask:
        """Questions of one request, which share its time."""
        end = monotonic() + limits.budget_s

        async def ask(query: EntityQuery) -> Result:
            left = msgspec.structs.replace(limits, budget_s=max(end - monotonic(), 0.0))
            return await self._federate(sight, query, left, build=True)

        return ask

    async def _federate(self, sight: Sight, query: EntityQuery, limits: Limits, *, build: bool) -> Result:
        sources = unpassed(sight.match(query), limits.via)
        if query.csf is not None:
            sources = chosen(sources, query.csf, query.context)
        if sight.rights is None:
            owners = owners_of(query, self.registry.proxied(query.tenant))
            return await federate(query, sources, limits, build=build, max_collect=self._max_collect, owners=owners)
        return await self._by_right(sight, query, sources, limits, build=build)

    async def _by_right(
        self, sight: Sight, query: EntityQuery, sources: Sequence[Source], limits: Limits, *, build: bool
    ) -> Result:
        """Ask sources as they may be asked. Forbidden if an agreement that lets them be asked ends meanwhile;
        QuotaExceeded if none is left to be asked for the quotas that are used up."""
        owners = owners_of(query, self.registry.proxied(query.tenant))
        async with self.by_right(sight, sources, query, query.limit) as admitted:
            result = await federate(query, admitted, limits, build=build, max_collect=self._max_collect, owners=owners)
        result.notices = sight.notices
        return result

    @asynccontextmanager
    async def by_right(
        self, sight: Sight, sources: Sequence[Source], query: EntityQuery | None, page: int
    ) -> AsyncIterator[Sequence[Source]]:
        """The sources that may be asked by the quotas of their rights, counted; what is under way ends with the rights.
        `query`: None for whatever is asked. `page`: entities of the answer at most. Errors as of `_by_right`."""
        quoting = quoted(sources, query)
        if quoting:
            sources = await self._admitted(sight, sources, quoting, page)
            quoting = {name: c for name, c in quoting.items() if name not in sight.spent}
        try:
            with self.agreements.running.under_way(held(sources)):
                yield sources
        finally:
            if quoting:
                self.agreements.quotas.release(quoting.values(), page)

    async def _admitted(
        self, sight: Sight, sources: Sequence[Source], quoting: Mapping[str, Clause], page: int
    ) -> Sequence[Source]:
        """The sources without the rights whose quota is used up; the request is counted for the others, once."""
        left_over = [c for name, c in quoting.items() if name not in sight.spent]
        sight.spent |= await self.agreements.quotas.admit(left_over, page, counted=sight.admitted)
        sight.admitted.update(name for name in quoting if name not in sight.spent)
        if not sight.spent:
            return sources
        left = [s for s in (without(source, sight.spent) for source in sources) if s is not None]
        if not left:
            admitted = [c for name, c in quoting.items() if name not in sight.spent]
            self.agreements.quotas.release(admitted, page)
            raise used_up(min(sight.spent.values()))
        return left

    async def forward(
        self, parts: Sequence[Part], envelope: Envelope, tenant: str, operation: str, types: tuple[str, ...]
    ) -> tuple[list[Sent], list[Flow]]:
        """Send parts of a write on, and record it durably. Errors: LoopDetected, MeteringUnavailable; Forbidden if an
        agreement ends by which it is sent: what was under way is given up, and recorded all the same."""
        limits, ended = self.limits(envelope, tenant), None
        try:
            with self.agreements.running.under_way(held(part.source for part in parts)):
                sent = await forward(parts, limits)
        except Forbidden as error:
            sent, ended = [given_up(part) for part in parts], error
        kept = {part.source.id for part in parts if part.source.answers is not None}
        if kept:
            # before the answer leaves: who asks another worker then is not to be told what was before
            with contextlib.suppress(StoreUnavailable):
                await self._tell_writes(kept)
        result = Result([one.collected for one in sent])
        flows = await self.settle(result, envelope, operation, types, done=True)
        if ended is not None:
            raise ended
        return sent, flows

    def explain(self, query: EntityQuery, envelope: Envelope | None = None) -> dict[str, Any]:
        """What `read` would do; without an envelope for the administration."""
        sight = self._everything if envelope is None else self.sight(envelope)
        judged = sight.judge(query)
        if query.csf is not None:
            fit = {s.id for s in chosen([j.source for j in judged], query.csf, query.context)}
            judged = [j if j.source.id in fit else replace(j, matches=False, reason=_NO_CSF) for j in judged]
        owners = owners_of(query, self.registry.proxied(query.tenant))
        if owners is not None:
            left = {s.id for s in owners.undisplaced([j.source for j in judged])}
            judged = [j if j.source.id in left else replace(j, matches=False, reason=_DISPLACED) for j in judged]
        via = self.forward_via(None, query.tenant)
        return explain(query, judged, max_collect=self._max_collect, budget_s=self._budget, via=via)

    async def settle(
        self, result: Result, envelope: Envelope, operation: str, types: tuple[str, ...], *, done: bool = False
    ) -> list[Flow]:
        """Record one flow for each source that was contacted, durably; the answer may leave when this returns.

        Forbidden if an agreement by which a source was asked has ended meanwhile; not of what is `done` already.
        """
        pairs = [(c.step.source.provider, c.outcome) for c in result.collected]
        flows = record(
            pairs,
            consumer=envelope.caller.consumer,
            operation=operation,
            types=types,
            request=envelope.request,
            time=envelope.arrival,
        )
        if not envelope.caller.admin:
            self._by_agreement(result, flows, done=done)
        if flows or envelope.key is not None:
            await self.settler.settle(flows, key=envelope.key)
        return flows

    def _by_agreement(self, result: Result, flows: list[Flow], *, done: bool) -> None:
        """Every flow tells by which agreement it flowed."""
        result.warnings.extend(result.notices)
        for flow, c in zip(flows, (c for c in result.collected if c.outcome.contacted), strict=True):
            for clause in used(c.step):
                if clause.agreement is not None:
                    if not done:
                        self.agreements.check(clause)
                    self.agreements.quotas.spent(clause, flow.entities)
                    if flow.agreement is None:
                        flow.agreement, flow.agreement_version = clause.agreement, clause.version

    def forward_via(self, via: str | None, tenant: str) -> str:
        """The Via header for the sources; LoopDetected if the request has been here."""
        own = pseudonym(self.alias, tenant)
        if via and been_here(via, own):
            raise LoopDetected(f"the request has passed {own} already", field="Via", value=via, clause="4.3.6.4")
        return extended(via, own)
