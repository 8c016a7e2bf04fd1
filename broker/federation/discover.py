"""Which types and attributes there are now, over all sources (clauses 5.7.5 to 5.7.11)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from adapters.contract import Describing, SourceContext
from broker.federation.agreed import Agreed
from broker.federation.engine import Result
from broker.federation.execute import Collected, Limits, ask
from broker.federation.plan import Step
from broker.federation.warn import warnings
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.narrowing import Clause
from schemas.ngsi_ld.discovery import AttributeInfo, TypeInfo

T = TypeVar("T")


async def discover(sources: Sequence[Source], limits: Limits) -> tuple[list[str], Result]:
    """The type IRIs, sorted, and what each source did. No entity is delivered, so no outcome counts any."""
    steps = [Step(s, Pushdown(None, text="entity types")) for s in sources]
    collected = list(await asyncio.gather(*[ask(step, limits, _types) for step in steps]))
    names = sorted({n for c in collected for n in c.names})
    return names, Result(collected, warnings=warnings(c.outcome for c in collected))


async def _types(collected: Collected, ctx: SourceContext) -> None:
    collected.names = await collected.step.source.adapter.types(ctx)


async def describe(
    sources: Sequence[Source], limits: Limits, question: Callable[[Describing, SourceContext], Awaitable[T]]
) -> tuple[list[tuple[Source, T]], list[Collected]]:
    """Put a question to the sources that can tell; the answers of those that did, and what each did."""
    told: dict[str, T] = {}

    async def one(source: Source, adapter: Describing) -> Collected:
        async def work(collected: Collected, ctx: SourceContext) -> None:
            told[source.id] = await question(adapter, ctx)

        return await ask(Step(source, Pushdown(None, text="types and attributes")), limits, work)

    able = [(source, adapter) for source in sources if (adapter := _describing(source)) is not None]
    collected = list(await asyncio.gather(*[one(source, adapter) for source, adapter in able]))
    return [(source, told[source.id]) for source, _ in able if source.id in told], collected


def _describing(source: Source) -> Describing | None:
    """Rights are applied to what it tells, not to what it is asked."""
    adapter = source.adapter.behind if isinstance(source.adapter, Agreed) else source.adapter
    return adapter if isinstance(adapter, Describing) else None


def covered(clauses: Sequence[Clause], type_iri: str, attribute_iri: str) -> bool:
    return not clauses or any(clause.covers(type_iri, attribute_iri) for clause in clauses)


def promised(sources: Sequence[Source]) -> dict[str, set[str]]:
    """Type → attributes, as the registrations of network sources have them and their probes found types: what may be
    there (clause 5.7.11). The attributes may be unknown."""
    found: dict[str, set[str]] = {}
    for source in sources:
        if not source.network:
            continue
        platform = source.platform
        types = {pattern.type for pattern in platform.coverage.entities if pattern.type is not None}
        for name in types or (platform.probe.types if platform.probe is not None else ()):
            if not source.clauses or any(clause.covers(name) for clause in source.clauses):
                known = found.setdefault(name, set())
                known.update(a for a in platform.coverage.attributes if covered(source.clauses, name, a))
    return found


class Right(Protocol):
    """What is needed of `broker.federation.sight.LocalRight`."""

    @property
    def free(self) -> bool: ...
    def covers(self, type_iri: str, attribute_iri: str | None = None) -> bool: ...
    def counts(self, type_iri: str) -> bool: ...


class Visible:
    """What a right leaves of what a source tells."""

    __slots__ = ("_right",)

    def __init__(self, right: Right) -> None:
        self._right = right

    def of_types(self, table: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        """Type → attributes."""
        right = self._right
        return {
            name: [a for a in attributes if right.covers(name, a)]
            for name, attributes in table.items()
            if right.covers(name)
        }

    def of_attributes(self, table: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
        """Attribute → types."""
        seen = {name: [t for t in types if self._right.covers(t, name)] for name, types in table.items()}
        return {name: types for name, types in seen.items() if types}

    def of_type(self, name: str, info: TypeInfo) -> TypeInfo:
        right = self._right
        if not right.covers(name):
            return TypeInfo()
        attributes = {a: kinds for a, kinds in info.attributes.items() if right.covers(name, a)}
        return TypeInfo(info.count if right.counts(name) else 0, attributes)

    def of_attribute(self, name: str, info: AttributeInfo) -> AttributeInfo:
        right = self._right
        held = [t for t in info.types if right.covers(t, name)]
        whole = len(held) == len(info.types) and all(map(right.counts, held))
        return AttributeInfo(info.count if whole else 0, info.kinds if held or right.free else [], held)
