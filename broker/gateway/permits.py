"""What a caller who is not the administration may write, and by which rights: agreements whose operations include
writing, and what an operator may do in its own area.

Everything is judged before anything is written or sent. Of the local store it is judged once more in the change itself,
on what is there then; of another source on what it shows of the entity.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Any

from broker.federation.collected import Collected
from broker.federation.engine import Result, federate
from broker.federation.plan import Step
from broker.federation.split import Part, Split
from broker.gateway.gateway import Envelope, Gateway
from broker.identity.agreements.quotas import used_up
from broker.registry.registry import LOCAL_ID
from broker.registry.source import Source
from broker.store.entities import Entities
from broker.store.entity_change import Decide
from broker.store.temporal import Evolutions
from schemas.agreement import Operation
from schemas.capability import Pushdown
from schemas.errors import Forbidden, InvalidRequest, KakehashiError, NoSuchTenant, NotFound, QuotaExceeded, Unavailable
from schemas.flow import Flow
from schemas.narrowing import Clause
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.write import FLOWS, TEMPORAL, Write
from schemas.outcome import Outcome, Status
from schemas.permitted import (
    ATTRIBUTES,
    Entity,
    in_iris,
    looks,
    needs_one,
    refusal,
    removes_all,
    uncovered_change,
    uncovered_names,
    uncovered_write,
)
from schemas.platform import Platform
from schemas.roles import Role

_OWN = (Clause(),)
_HOW = (
    "writing needs the key of the administration (KAKEHASHI_ADMIN_KEY, or admin.key in the home), or an agreement with "
    "the area whose operations include write"
)
_LOOKED_AT_ONCE = 8
MOST_SENT = 1000
"""Entities of one batch that go to other sources: each may have to be looked at there before."""


@dataclass(frozen=True, slots=True)
class Permits:
    """One per worker. `knows`: whether there is such a tenant."""

    gateway: Gateway
    entities: Entities
    evolutions: Evolutions
    knows: Callable[[str], bool]

    def of(self, envelope: Envelope, tenant: str, tell: Callable[[Sequence[Flow]], None]) -> Permit | None:
        """What the caller may write in a tenant; None: everything. Forbidden if it is nothing at all; NoSuchTenant: a
        tenant is made by the administration, by writing to it or by registering a platform for it."""
        if envelope.caller.admin:
            return None
        permit = Permit(self, envelope, tenant, tell, self.gateway.registry.keepers(tenant))
        permit.here = tuple(c for keeper in permit.keepers for c in permit.clauses(keeper))
        if not permit.here and not any(permit.clauses(s.platform) for s in self.gateway.registry.writable(tenant)):
            raise Forbidden(_HOW)
        if not self.knows(tenant) and all(keeper.id == LOCAL_ID for keeper in permit.keepers):
            raise NoSuchTenant("there is no such tenant", field="NGSILD-Tenant", value=tenant, clause="5.5.10")
        return permit


@dataclass(slots=True)
class Permit:
    """Of one request. `keepers`: what stands for the tenant's part of the local store; `here`: the rights at it."""

    house: Permits
    envelope: Envelope
    tenant: str
    tell: Callable[[Sequence[Flow]], None]
    keepers: Sequence[Platform]
    here: tuple[Clause, ...] = ()
    admitted: set[str] = field(default_factory=set)
    """Agreements by whose quotas the request has been counted."""
    spent: dict[str, datetime] = field(default_factory=dict)
    used: Clause | None = None
    """The right by which something was written here."""
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def clauses(self, platform: Platform) -> tuple[Clause, ...]:
        """The rights to write to a platform; none: nothing."""
        caller = self.envelope.caller
        if Role.OPERATOR in caller.roles and platform.area is not None and platform.area == caller.consumer.area:
            return _OWN
        rights = self.house.gateway.agreements.index.rights(caller.consumer, self.envelope.arrival)
        return rights.clauses(platform, Operation.WRITE)

    # --- before ---------------------------------------------------------------------------------------------------

    async def checked(self, write: Write, parts: Split) -> Split:
        """What of a split write may be done: all that rights have to do with, by the rights that cover it.

        A source (and the local store) that is none of the caller's is left out, unless it alone holds what is written.
        Forbidden names what is not covered; QuotaExceeded; NotFound where no source that is left has the entity;
        Unavailable if a source does not show what is there.
        """
        kept: list[Part] = []
        missing = False
        for part in parts.parts:
            clauses = self._able(self.clauses(part.source.platform), part.write, alone=part.alone)
            if not clauses:
                continue
            clause, there = await self._judged(part, await self._unspent(clauses))
            if there:
                kept.append(replace(part, source=replace(part.source, clauses=(clause,))))
            missing = missing or not there
        local = parts.local
        if local is not None:
            able = self._able(self.here, local, alone=False)
            if able:
                await self._local(local, await self._unspent(able))
            else:
                local = None
        if kept or local is not None:
            return replace(parts, parts=kept, local=local)
        if missing:
            raise NotFound("no source that may be written to has such an entity", field="id", value=write.id)
        raise refusal([["type"]])

    async def all_checked(self, splits: Iterable[tuple[Write, Split]]) -> list[Split | KakehashiError]:
        """Of the members of a batch, each by itself. QuotaExceeded; InvalidRequest for more than may be looked at."""
        members = list(splits)
        if sum(bool(parts.parts) for _, parts in members) > MOST_SENT:
            raise InvalidRequest(f"by a right at most {MOST_SENT} entities of a batch are sent on", field="body")
        gate = asyncio.Semaphore(_LOOKED_AT_ONCE)

        async def one(write: Write, parts: Split) -> Split | KakehashiError:
            async with gate:
                try:
                    return await self.checked(write, parts)
                except QuotaExceeded:
                    raise
                except KakehashiError as error:
                    return error

        return list(await asyncio.gather(*[one(write, parts) for write, parts in members]))

    def _able(self, clauses: Sequence[Clause], write: Write, *, alone: bool) -> list[Clause]:
        """The rights that may cover the write, whatever is there. None: it is not the caller's to write there.
        Forbidden if rights have to do with the types, but not with all that is named."""
        lacking = [(clause, uncovered_names(clause, write)) for clause in clauses]
        able = [clause for clause, names in lacking if not names]
        related = [names for _, names in lacking if "type" not in names]
        if not able and (related or alone):
            raise refusal(related or [names for _, names in lacking])
        return able

    async def _unspent(self, clauses: Sequence[Clause]) -> list[Clause]:
        """Those whose quota is not used up; the request is counted by each of them, once. QuotaExceeded."""
        async with self.counting:
            quoted = [c for c in clauses if c.quota.bounded and c.agreement not in self.spent]
            if quoted:
                quotas = self.house.gateway.agreements.quotas
                self.spent |= await quotas.admit(quoted, 0, counted=self.admitted)
                self.admitted.update(c.agreement for c in quoted if c.agreement and c.agreement not in self.spent)
        left = [c for c in clauses if c.agreement not in self.spent]
        if not left:
            raise used_up(min(self.spent[c.agreement] for c in clauses if c.agreement is not None))
        return left

    async def _judged(self, part: Part, clauses: Sequence[Clause]) -> tuple[Clause, bool]:
        """The right that covers a part of another source, and whether there is anything to be written to."""
        write, before = part.write, None
        if any(looks(clause, write) for clause in clauses):
            # what was kept of an earlier answer is no ground to judge by
            before = await self._shown(replace(part.source, clauses=(clauses[0],), answers=None), write)
            if before is None and (needs_one(write) or write.operation in TEMPORAL):
                return clauses[0], False
        judged = [(clause, uncovered_write(clause, write, before)) for clause in clauses]
        if removes_all(write) and any(info.attributes for info in part.source.platform.coverage.informations):
            # it is not shown what it is not registered for, and what would go with the rest
            judged = [(c, [*lacking, ATTRIBUTES] if c.attributes else lacking) for c, lacking in judged]
        return _covering(judged), True

    async def _shown(self, source: Source, write: Write) -> Entity | None:
        """What a source has of an entity now; recorded, like whatever a source is asked. Unavailable."""
        query = EntityQuery(ids=(write.id,), retrieve=True, limit=1, tenant=self.tenant)
        gateway = self.house.gateway
        limits = gateway.limits(self.envelope, self.tenant)
        result = await federate(query, [source], limits, build=True, max_collect=gateway.max_collect)
        # nothing of it is delivered to the caller
        for outcome in result.outcomes:
            outcome.entities = 0
        self.tell(await gateway.settle(result, self.envelope, "check", tuple(sorted(write.types)), done=True))
        if not all(outcome.complete for outcome in result.outcomes) or not result.outcomes:
            raise Unavailable(f"{source.id} does not show what is there, so nothing was written", field="id")
        entities = result.entities or []
        return in_iris(entities[0]) if entities else None

    async def _local(self, write: Write, clauses: Sequence[Clause]) -> None:
        """Of an evolution here; entities are judged in their change."""
        if write.operation not in TEMPORAL or not any(looks(clause, write) for clause in clauses):
            self.used = clauses[0]
            return
        rows = await self.house.entities.get(self.tenant, [write.id])
        before: Entity | None = rows[0].entity if rows else None
        if before is None and (types := await self.house.evolutions.types(self.tenant, write.id)):
            before = {"type": list(types)}
        if before is None and needs_one(write):
            raise NotFound("nothing is known of how this entity evolved", field="id", value=write.id)
        self.used = _covering([(clause, uncovered_write(clause, write, before)) for clause in clauses])

    # --- here -----------------------------------------------------------------------------------------------------

    def guarded(self, decide: Decide) -> Decide:
        """The change, refused where no right covers it."""
        clauses = [clause for clause in self.here if clause.agreement not in self.spent]

        def judged(there: dict[str, Any] | None) -> Any:
            if there is not None:
                # what is none of the caller's tells nothing of itself, not even by how a change fails
                _covering([(clause, _apart(clause, there)) for clause in clauses])
            wanted = decide(there)
            clause = _covering([(clause, uncovered_change(clause, there, wanted)) for clause in clauses])
            self.house.gateway.agreements.check(clause)
            self.used = clause
            return wanted

        return judged

    @asynccontextmanager
    async def recorded(self, write: Write) -> AsyncIterator[Outcome]:
        """What is done here within it is recorded, whether it succeeds or not, with the outcome that is given.
        MeteringUnavailable."""
        began, outcome = perf_counter(), Outcome(self.keepers[0].id, Status.OK)
        try:
            yield outcome
        except Exception:
            outcome.status = Status.REFUSED
            raise
        finally:
            outcome.ms = (perf_counter() - began) * 1000
            step = Step(await self._keeper(self.used or next(iter(self.here), None)), Pushdown(None))
            operation, types = FLOWS[write.operation], tuple(sorted(write.types))
            result = Result([Collected(step, outcome)])
            self.tell(await self.house.gateway.settle(result, self.envelope, operation, types, done=True))

    async def _keeper(self, clause: Clause | None) -> Source:
        """The platform that gives this right here, as a source."""
        registry = self.house.gateway.registry
        found = next((k for k in self.keepers if clause in self.clauses(k)), self.keepers[0])
        source = registry.source(found.id) or await registry.own(self.tenant)
        return replace(source, clauses=() if clause is None else (clause,))


def _covering(judged: Sequence[tuple[Clause, Sequence[str]]]) -> Clause:
    """The first that lacks nothing; Forbidden."""
    for clause, lacking in judged:
        if not lacking:
            return clause
    raise refusal([lacking for _, lacking in judged])


def _apart(clause: Clause, there: Entity) -> list[str]:
    """What of an entity that is there a clause is not about."""
    bare = replace(clause, attributes=frozenset())
    return uncovered_change(bare, there, there)
