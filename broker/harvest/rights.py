"""Whether the asking service may use a dataset, as licences, open data and agreements in force have it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from broker.identity.agreements.in_force import InForce
from broker.identity.callers import Caller
from broker.registry.registry import Registry
from broker.registry.source import Source
from catalog.hit import AgreementState, ByLicence
from schemas.agreement import Operation
from schemas.dataset import Access, Dataset
from schemas.flow import Consumer
from schemas.narrowing import Clause
from schemas.ngsi_ld.context import CORE
from schemas.platform import Platform


@dataclass(frozen=True, slots=True)
class Right:
    """To fetch a file: granted or not, by which agreement's right (None: it needs none), and of whose area it is."""

    granted: bool
    area: str | None = None
    clause: Clause | None = None


class ByRights:
    """In memory. A file of a catalogue is judged as a platform of its publisher's with the source's id would be."""

    def __init__(self, in_force: InForce, registry: Registry) -> None:
        self._in_force = in_force
        self._registry = registry
        self._otherwise = ByLicence()

    def state(self, consumer: Consumer, dataset: Dataset) -> AgreementState:
        """No I/O."""
        if dataset.access is Access.OPEN:
            return AgreementState.NOT_NEEDED
        live = dataset.live
        source = (
            next((s for s in self._registry.sources("") if s.id == live.platform), None) if live is not None else None
        )
        if source is not None:
            platform, operation = source.platform, Operation.READ
        else:
            platform, operation = provider_of(dataset), Operation.DOWNLOAD
        clauses = self._in_force.index.rights(consumer, datetime.now(UTC)).clauses(platform, operation)
        types = {CORE.expand(name) for name in dataset.types}
        if source is None:
            covered = any(covers_file(clause, types) for clause in clauses)
        else:
            covered = any(not clause.types or not types or clause.types & types for clause in clauses)
        if covered:
            return AgreementState.AGREED
        return self._otherwise.state(consumer, dataset)

    def to_fetch(self, caller: Caller, dataset: Dataset) -> Right:
        """Whether the caller may fetch a file of it. Where nobody says that an agreement is needed, none is."""
        provider = provider_of(dataset)
        if dataset.access is Access.OPEN:
            return Right(True, provider.area)
        rights = self._in_force.index.rights(caller.consumer, datetime.now(UTC))
        types = {CORE.expand(name) for name in dataset.types}
        for clause in rights.clauses(provider, Operation.DOWNLOAD):
            if covers_file(clause, types):
                return Right(True, provider.area, clause)
        return Right(caller.admin or dataset.access is not Access.AGREEMENT, provider.area)

    def _source(self, platform: str) -> Source | None:
        return next((s for s in self._registry.sources("") if s.id == platform), None)


def covers_file(clause: Clause, types: Collection[str]) -> bool:
    """Whether a right is about the whole of a file that tells of these types: nothing can be kept back of it. Of a file
    that names none, the purpose and the platforms of the agreement say what is meant."""
    return not clause.attributes and clause.area is None and (not clause.types or clause.types.issuperset(types))


def provider_of(dataset: Dataset) -> Platform:
    """Who gives a file, as agreements name providers."""
    area = dataset.areas[0] if len(dataset.areas) == 1 else None
    return Platform(dataset.source, "catalogue", "", area=area, organisation=dataset.publisher.name or None)
