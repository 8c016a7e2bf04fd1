"""The types that platforms and the local store hold now, kept in the catalogue as datasets of their own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import structlog

from adapters.contract import SourceContext
from broker.background import Periodic
from broker.registry.registry import Registry
from broker.registry.source import Source
from broker.store.catalog_live import CatalogLive, Facts
from catalog.indexing import DatasetRow, index
from catalog.live import extent_of, live_dataset, sampled, short
from schemas.dataset import LIVE, Live, dataset_id
from schemas.errors import KakehashiError
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.params import parse_query
from schemas.platform import PlatformState

log = structlog.get_logger(__name__)
_LOOK_SECONDS = 1.0
_SAMPLE = 100
_AT_ONCE = 8
_MOST_BYTES = 2 * 1024 * 1024
_TENANT = ""
"""Only what is public of this gateway: which other tenants there are is not told to everyone."""


class LiveDatasets:
    """Looks at the registry every second, which costs no I/O, and writes what has changed; samples now and then."""

    def __init__(self, registry: Registry, store: CatalogLive, *, sample_every: float) -> None:
        self._registry = registry
        self._store = store
        self._sample_every = sample_every
        self.periodic = Periodic("live-datasets", self.look, _LOOK_SECONDS, at_once=True)
        self._last: object = None

    async def look(self) -> None:
        """Write what has changed since the last look, and sample those whose turn it is. Raises StoreUnavailable."""
        seen = self._signature()
        if seen != self._last:
            # a look that fails is made again
            self._last = None
            await self.refresh()
            self._last = seen
        if await self.sample():
            await self.refresh()

    async def refresh(self) -> None:
        """Write what is other than it is known."""
        known = await self._store.known()
        facts = await self._store.facts()
        rows: list[DatasetRow] = []
        digests: dict[str, bytes] = {}
        there: set[str] = set()
        today = datetime.now(UTC).date()
        for source, type_iri in self._held():
            id_ = _id(source, type_iri)
            there.add(id_)
            if len(there) % 20 == 0:
                await asyncio.sleep(0)
            told = facts.get(id_)
            dataset = live_dataset(
                source.platform,
                type_iri,
                told.live if told else None,
                healthy=source.breaker.closed,
                problem="" if source.breaker.closed else source.breaker.last_error,
            )
            if told is not None and told.extent is not None:
                dataset = msgspec.structs.replace(dataset, bbox=told.extent)
            row = index(dataset, today)
            digest = hashlib.blake2b(msgspec.json.encode(row), digest_size=16).digest()
            if known.get(id_) != digest:
                rows.append(row)
                digests[id_] = digest
        gone = [id_ for id_ in known if id_ not in there]
        if rows or gone:
            await self._store.put(rows, digests, gone)
            if gone or any(row.id not in known for row in rows):
                # a platform that is registered twice is one
                await self._store.cluster()

    async def sample(self) -> bool:
        """Look into some of those whose turn it is; whether there were any."""
        turn = set(await self._store.turn(self._sample_every, _AT_ONCE))
        if not turn:
            return False
        # one that nobody has verified yet is left to its probe: its owner may count who comes
        mine = [
            (s, t)
            for s, t in self._held()
            if _id(s, t) in turn and (not s.network or s.platform.state is not PlatformState.UNVERIFIED)
        ]
        known = await self._store.facts()
        await asyncio.gather(*(self._look(source, type_iri, known) for source, type_iri in mine))
        return bool(mine)

    async def _look(self, source: Source, type_iri: str, known: Mapping[str, Facts]) -> None:
        """What can't be had now is told as a problem, beside what was known before."""
        if source.network and not source.breaker.closed:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        try:
            entities, total = await self._ask(source, type_iri)
            facts = Facts(sampled(source.id, type_iri, entities, total, now), extent_of(entities))
        except KakehashiError as e:
            before = known.get(_id(source, type_iri), Facts(Live(source.id, types=(type_iri,))))
            live = msgspec.structs.replace(before.live, problem=e.detail[:200], healthy=False, seen=now)
            facts = Facts(live, before.extent)
        await self._store.tell(_id(source, type_iri), facts)

    async def _ask(self, source: Source, type_iri: str) -> tuple[list[dict[str, Any]], int | None]:
        """A page of entities and how many there are; like a probe it delivers nothing to anybody, so it is no flow."""
        asked = {"type": short(type_iri), "limit": str(_SAMPLE), "count": "true"}
        query, _ = parse_query(asked, CORE, tenant=_TENANT, geojson=False)
        pushdown = source.adapter.plan(query)
        if pushdown is None:
            return [], 0
        wait = min(source.platform.timeout_ms / 1000, 10.0)
        ctx = SourceContext(deadline=asyncio.get_running_loop().time() + wait, access=source.access, budget=_MOST_BYTES)
        entities: list[dict[str, Any]] = []
        total: int | None = None
        ended = True
        async for page in source.adapter.fetch(pushdown.request, ctx):
            total = page.total if page.total is not None else total
            found = page.entities if page.entities is not None else orjson.loads(page.raw or b"[]")
            entities.extend(e for e in found if isinstance(e, dict))
            if len(entities) >= _SAMPLE:
                ended = False
                break
        if total is None and ended:
            total = len(entities)
        return entities[:_SAMPLE], total

    def _held(self) -> Iterator[tuple[Source, str]]:
        """Each type of each source: those that its registration names, else those that its probe saw."""
        for source in self._registry.sources(_TENANT):
            platform = source.platform
            named = {p.type for p in platform.coverage.entities if p.type}
            for type_iri in sorted(named or set(platform.probe.types if platform.probe else ()))[:1000]:
                yield source, type_iri

    def _signature(self) -> object:
        return tuple(
            (
                s.id,
                s.platform.version,
                s.breaker.closed,
                tuple(sorted(p.type or "" for p in s.platform.coverage.entities)),
            )
            for s in self._registry.sources(_TENANT)
        )


def _id(source: Source, type_iri: str) -> str:
    return dataset_id(f"{LIVE}:{source.id}", type_iri)
