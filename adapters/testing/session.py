"""Asking an adapter as the gateway does: plan, fetch, apply what is left. Sampling what the platform holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from adapters.contract import Adapter, Page, SourceContext
from adapters.query_memory import fits
from schemas.capability import Pushdown
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import TypeSelection

Entity = dict[str, Any]
SAMPLE = 100
"""Entities of one type that are looked at."""
_TYPES = 4


class Failed(Exception):
    """The adapter does not do what it claims; the text says what was seen."""


class Skipped(Exception):
    """The check says nothing about this adapter or these data; the text says why."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`came`: everything that came, in order. `kept`: what passes the filters that the adapter left to the gateway."""

    came: list[Entity]
    kept: list[Entity]
    pages: list[Page]
    total: int | None
    pushdown: Pushdown | None
    received: int

    @property
    def ids(self) -> list[str]:
        return [entity["id"] for entity in self.kept]


@dataclass(slots=True)
class Session:
    """One run of checks against one adapter. `contexts`: the working contexts to ask in; the first is the main one."""

    adapter: Adapter
    new_context: Callable[[], SourceContext]
    contexts: Sequence[Context] = (CORE,)
    _samples: dict[str, list[Entity]] = field(default_factory=dict)
    _whole: dict[str, bool] = field(default_factory=dict)
    _sampled: bool = False

    @property
    def working(self) -> Context:
        return self.contexts[0]

    async def ask(self, query: EntityQuery) -> Taken:
        """SourceError as the adapter raises it; Failed if pages are not what the contract says."""
        pushdown = self.adapter.plan(query)
        if pushdown is None:
            return Taken([], [], [], None, None, 0)
        ctx = self.new_context()
        pages: list[Page] = []
        came: list[Entity] = []
        async for page in self.adapter.fetch(pushdown.request, ctx):
            pages.append(page)
            came += _entities(page, query.retrieve)
        kept = [entity for entity in came if fits(entity, query, pushdown.residual)]
        total = next((page.total for page in pages if page.total is not None), None)
        return Taken(came, kept, pages, total, pushdown, ctx.received)

    async def samples(self) -> dict[str, list[Entity]]:
        """Type name in the main context → some of its entities, in the order in which they came; read once."""
        if not self._sampled:
            names = [self.working.compact(iri) for iri in await self.adapter.types(self.new_context())][:_TYPES]
            for name in names:
                taken = await self.ask(self.query(types=only(name), limit=SAMPLE))
                if taken.kept:
                    self._samples[name] = taken.kept[:SAMPLE]
                    self._whole[name] = len(taken.kept) < SAMPLE
            if not self._samples:
                for entity in (await self.ask(self.query(limit=SAMPLE))).kept:
                    self._samples.setdefault(types_of(entity)[0], []).append(entity)
            self._sampled = True
        if not self._samples:
            raise Skipped("the platform holds no entities now")
        return self._samples

    async def main_type(self) -> tuple[str, list[Entity]]:
        """The type with the largest sample."""
        samples = await self.samples()
        name = max(samples, key=lambda name: len(samples[name]))
        return name, samples[name]

    def is_whole(self, type_name: str) -> bool:
        """Whether the sample holds every entity of the type."""
        return self._whole.get(type_name, False)

    def query(self, **changes: Any) -> EntityQuery:
        """A query in the main context."""
        return EntityQuery(**{"context": self.working, "limit": SAMPLE, **changes})


def only(type_name: str) -> TypeSelection:
    return TypeSelection((frozenset({type_name}),))


def _entities(page: Page, retrieve: bool) -> list[Entity]:
    if (page.raw is None) == (page.entities is None):
        raise Failed("a page has exactly one of raw and entities")
    if page.entities is not None:
        return page.entities
    document = orjson.loads(page.raw or b"")
    entities: list[Entity] = [document] if retrieve else document
    if not isinstance(entities, list) or not all(isinstance(entity, dict) for entity in entities):
        raise Failed("the raw bytes of a page are no JSON array of entities")
    told = [(head.id, head.type) for head in page.heads or ()]
    if told != [(entity.get("id"), entity.get("type")) for entity in entities]:
        raise Failed("the heads of a page are not those of its raw bytes")
    return entities
