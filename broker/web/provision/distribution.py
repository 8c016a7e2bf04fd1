"""Writes wherever they belong: the parts of other sources are sent on, what is left is done here, and one answer tells
of both (clauses 4.3.6, 5.6, 6.3.17)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from broker.federation.forward import Sent
from broker.federation.split import Part, Split, depends_on_type, split, with_types, writers
from broker.gateway.gateway import Envelope, Gateway
from broker.gateway.permits import Permit, Permits
from broker.registry.source import Source
from broker.store.entities import Entities
from broker.web.endpoint import Call, Reply
from broker.web.problems import document
from broker.web.provision.shares import Share, answered, told
from broker.web.reading import Reader, tenant
from schemas.errors import Conflict, Forbidden, KakehashiError, NotFound, SourceLoop
from schemas.flow import Flow
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.write import FLOWS, Write
from schemas.outcome import Status

Local = Callable[[Any], Awaitable[Mapping[str, str]]]
"""Does a body (the whole of a write's, or what is left of it) in the local store; the attributes that it left as they
were (IRIs), with the reason. Raises what it raises."""
_WHOLE_ENTITIES = frozenset({"createEntity", "replaceEntity"})
"""What is sent tells all types that the entity will have."""
_AT_ONCE = 1000


class Distribution:
    """Shared by the handlers of the provision API."""

    def __init__(self, gateway: Gateway, entities: Entities, reader: Reader, permits: Permits) -> None:
        self._gateway = gateway
        self._permits = permits
        self._entities = entities
        self._reader = reader

    def admit(self, call: Call) -> None:
        """Unauthorized or Forbidden if who asks may write nothing, LoopDetected if the request has been here (clause
        4.3.6.4). What it may write is told in the call."""
        call.permit = self._permits.of(self._envelope(call), tenant(call), partial(_tell, call))
        via = call.header(b"via")
        if via is not None:
            self._gateway.forward_via(via, tenant(call))

    def sources(self, call: Call, params: Mapping[str, str], *, temporal: bool = False) -> list[Source]:
        """Those that a write may concern; none with local=true (clause 6.3.18)."""
        found = self._gateway.registry.writable(tenant(call))
        if not found or params.get("local") == "true":
            return []
        return writers(found, call.header(b"via"), temporal=temporal)

    async def carry(
        self,
        call: Call,
        params: Mapping[str, str],
        write: Write,
        local: Local,
        done: Reply,
        *,
        attributes: bool = False,
    ) -> Reply:
        """Do a write on one entity. `done`: the answer where all of it succeeded; `attributes`: the operation tells in
        an UpdateResult of what did not, not in a BatchOperationResult."""
        sources = self.sources(call, params)
        if sources:
            write = await self._typed(call, write, sources)
        return answered(write, await self.shares(call, write, sources, local), done, attributes, call.problem_media)

    async def shares(self, call: Call, write: Write, sources: Sequence[Source], local: Local) -> list[Share]:
        """Do a write on one entity here and at those of the sources that it concerns; what came of its parts. Raises
        what `local` does if there is no other part; SourceLoop if nobody was left who could do any."""
        parts = split(write, sources) if sources else None
        if call.permit is not None:
            return await self._permitted(call, call.permit, write, parts or Split(local=write), local)
        if parts is None or not parts.parts:
            return [Share(None, frozenset(write.members), refused=await local(write.body))]
        here, sent = await asyncio.gather(self._here(parts, write, local), self.send(call, parts.parts, write))
        if not here and not sent:
            raise SourceLoop("every source that holds it has been asked already")
        return [*here, *sent]

    async def _permitted(self, call: Call, permit: Permit, write: Write, parts: Split, local: Local) -> list[Share]:
        """What rights have to do with, by them: judged before anything is sent, and done here before, since only the
        change itself tells for certain whether it is covered."""
        parts = await permit.checked(write, parts)
        here: list[Share] = []
        if parts.local is not None:
            async with permit.recorded(parts.local) as outcome:
                if not parts.parts:
                    body = parts.local.body
                    return [Share(None, frozenset(parts.local.members), refused=await local(body))]
                here = await self._here(parts, write, local)
                if any(share.problem is not None for share in here):
                    outcome.status = Status.REFUSED
        return [*here, *await self.send(call, parts.parts, write)]

    async def _typed(self, call: Call, write: Write, sources: Sequence[Source]) -> Write:
        """With the types that the entity has here, if any: a fragment need not tell them all."""
        if write.operation in _WHOLE_ENTITIES:
            return write
        held = await self.held_types(call, [write.id], sources)
        return with_types(write, {*write.types, *held.get(write.id, ())})

    async def held_types(self, call: Call, ids: Sequence[str], sources: Sequence[Source]) -> dict[str, tuple[str, ...]]:
        """The types of entities that are held here; nothing is looked up where no source is registered for types."""
        found: dict[str, tuple[str, ...]] = {}
        if depends_on_type(sources):
            for start in range(0, len(ids), _AT_ONCE):
                rows = await self._entities.get(tenant(call), ids[start : start + _AT_ONCE])
                found |= {row.id: tuple(types_of(row.entity)) for row in rows}
        return found

    async def _here(self, parts: Split, write: Write, local: Local) -> list[Share]:
        mine = parts.local
        if mine is None:
            return []
        try:
            refused = await local(mine.body)
        except NotFound as error:
            if write.operation == "deleteEntity" and parts.taken:
                # it is held elsewhere, and that nothing of it was left here is as it should be
                return []
            return [Share(None, frozenset(mine.members), problem=document(error))]
        except Forbidden:
            # nothing is sent of what may not be written
            raise
        except KakehashiError as error:
            return [Share(None, frozenset(mine.members), problem=document(error))]
        return [Share(None, frozenset(mine.members), refused=refused)]

    async def send(self, call: Call, parts: Sequence[Part], write: Write) -> list[Share]:
        """Send parts on; what came of each is recorded before this returns. LoopDetected, MeteringUnavailable."""
        refused = [
            Share(
                part.source.id,
                part.attributes,
                problem=document(
                    Conflict(
                        f"{part.source.id} alone holds it, and does not offer {part.write.operation}",
                        field="operation",
                        clause="5.6",
                    )
                ),
                unoffered=True,
            )
            for part in parts
            if not part.offered
        ]
        offered = [part for part in parts if part.offered]
        if not offered:
            return refused
        types = tuple(sorted(write.types))
        sent, flows = await self._gateway.forward(
            offered, self._envelope(call), tenant(call), FLOWS[write.operation], types
        )
        _tell(call, flows)
        return [*refused, *(told(one) for one in sent if not _looped(one))]

    def _envelope(self, call: Call) -> Envelope:
        caller = self._reader.callers.identify(call.headers)
        return Envelope(call.request, call.arrival, caller, call.header(b"via"), None, call.headers)


def _tell(call: Call, flows: Sequence[Flow]) -> None:
    """The answer is to tell of what was recorded."""
    call.flows = [*(call.flows or ()), *(flow.id for flow in flows)]


def _looped(one: Sent) -> bool:
    """Who shares what all hold has seen the request already: that is no failure of it."""
    return isinstance(one.error, SourceLoop) and not one.part.alone
