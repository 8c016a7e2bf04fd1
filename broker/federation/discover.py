"""Which entity types there are now, over all sources (clause 5.7.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from adapters.contract import SourceContext
from broker.federation.engine import Result
from broker.federation.execute import Collected, Limits, ask
from broker.federation.plan import Step
from broker.federation.warn import warnings
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.narrowing import Clause


async def discover(sources: Sequence[Source], limits: Limits) -> tuple[list[str], Result]:
    """The type IRIs, sorted, and what each source did. No entity is delivered, so no outcome counts any."""
    steps = [Step(s, Pushdown(None, text="entity types")) for s in sources]
    collected = list(await asyncio.gather(*[ask(step, limits, _types) for step in steps]))
    names = sorted({n for c in collected for n in c.names})
    return names, Result(collected, warnings=warnings(c.outcome for c in collected))


async def _types(collected: Collected, ctx: SourceContext) -> None:
    collected.names = await collected.step.source.adapter.types(ctx)


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
