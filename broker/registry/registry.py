"""All sources of this worker, matched without I/O and kept current by the change feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from adapters.contract import Adapter, AdapterModule, Services, SourceContext
from adapters.credentials.forms import access_of
from adapters.exchange import NO_ACCESS, Access
from broker.registry.answers import Answers, Room
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead, Lag
from broker.registry.matching import EMPTY, Judgement, SourceIndex
from broker.registry.source import BACKGROUND, Source, conveyed_by, is_limited, is_typed_only
from schemas.errors import KakehashiError, Retryable
from schemas.flow import Provider
from schemas.ngsi_ld.geometry import geometry_of, make_shape
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.operations import offered
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Coverage, EntityPattern, Platform

log = structlog.get_logger(__name__)

LOCAL_ID = "urn:ngsi-ld:ContextSource:local"
"""Platform id of the local store in flows and in Server-Timing."""
_TRIAL_SECONDS = 2.0
_RETIRE_SECONDS = 60.0
"""Longer than any request may take: a platform's share of its time is at most a minute."""

LocalTypes = Mapping[str, frozenset[str]]
"""Tenant of the local store → type IRIs that it holds."""


class Registry:
    """`opened` adapters live until their registration changes; a change of one platform leaves the others' breakers."""

    def __init__(
        self,
        services: Services,
        module: Callable[[str], AdapterModule],
        *,
        local_module: AdapterModule,
        local_provider: Provider,
        local_open: bool | tuple[str, ...] = False,
        failures: int,
        cooldown: float,
        via: Callable[[str], str] = lambda tenant: "",
        room: Room | None = None,
        hedge: bool = False,
    ) -> None:
        self._services = services
        self._module = module
        self._local_module = local_module
        self._local_provider = local_provider
        self._local_open = local_open
        self.via = via
        """The Via header of requests that begin here, by tenant."""
        self._failures = failures
        self._cooldown = cooldown
        self._room = room or Room()
        self._hedge = hedge
        self._lag = Lag()
        self._sources: dict[str, Source] = {}
        self._local: dict[str, Source] = {}
        self._by_tenant: dict[str, SourceIndex] = {}
        self._trials: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self.broken: dict[str, str] = {}
        """Platforms whose adapter could not be opened, and why."""

    # --- reading --------------------------------------------------------------------------------------------------

    def match(self, query: EntityQuery) -> list[Source]:
        """The sources that can hold something of the query, in order of id; with `query.local` the local store only."""
        if query.local:
            local = self._local.get(query.tenant)
            return SourceIndex((local,)).match(query) if local is not None else []
        return self._by_tenant.get(query.tenant, EMPTY).match(query)

    def judge(self, query: EntityQuery) -> list[Judgement]:
        """Every source of the tenant, with the reason why it was left out."""
        return self._by_tenant.get(query.tenant, EMPTY).judge_all(query)

    def sources(self, tenant: str | None = None) -> tuple[Source, ...]:
        """All sources, or a tenant's."""
        if tenant is None:
            return (*self._sources.values(), *self._local.values())
        return self._by_tenant.get(tenant, EMPTY).all

    def writable(self, tenant: str) -> tuple[Source, ...]:
        """Those of a tenant that offer some provision operation, or hold alone what they are registered for."""
        return self._by_tenant.get(tenant, EMPTY).writable

    def proxied(self, tenant: str) -> tuple[Source, ...]:
        """Those of a tenant that alone hold what they are registered for."""
        return self._by_tenant.get(tenant, EMPTY).proxied

    def state(self) -> tuple[tuple[str, int], ...]:
        """Changes when a platform does."""
        return tuple((source.id, source.platform.version) for source in self._sources.values())

    def source(self, platform_id: str) -> Source | None:
        return self._sources.get(platform_id)

    def forget(self, platform_id: str | None) -> None:
        """Keep no answer of a source that was given before now; None: of any."""
        for source in self._sources.values():
            if source.answers is not None and platform_id in (None, source.id):
                source.answers.forget()

    async def own(self, tenant: str) -> Source:
        """The tenant's part of the local store, also where it holds no entities now: it may have held some."""
        for source in self.sources(tenant):
            if not source.network and (source.platform.tenant or "") == tenant:
                return source
        return await self._open_local(tenant, frozenset())

    def keepers(self, tenant: str) -> list[Platform]:
        """The platforms that stand for a tenant's part of the local store: those that are registered for it, in
        whatever tenant; else the store itself."""
        registered = [s.platform for s in self._sources.values() if not s.network]
        return [p for p in registered if (p.tenant or "") == tenant] or [self.local_platform(tenant)]

    def holds_locally(self, tenant: str, types: frozenset[str]) -> bool:
        """True if the local store is known to hold these types of this tenant."""
        local = self._local.get(tenant)
        return local is not None and types <= {p.type for p in local.platform.coverage.entities}

    # --- changes --------------------------------------------------------------------------------------------------

    async def replace(self, platforms: list[Platform], credentials: Mapping[str, Mapping[str, Any]]) -> None:
        """Take over the platforms as they are now; `credentials` are opened ones, by platform id."""
        current: dict[str, Source] = {}
        broken: dict[str, str] = {}
        for platform in platforms:
            known = self._sources.get(platform.id)
            if known is not None and known.platform.version == platform.version:
                current[platform.id] = known
                continue
            try:
                opened = current[platform.id] = await self._open(platform, credentials.get(platform.id))
                if known is not None:
                    # what was sent to it was sent to it, and answers that are under way count there
                    opened.tally = known.tally
            except KakehashiError as e:
                broken[platform.id] = e.detail
                log.error("platform_not_usable", platform=platform.id, reason=e.detail)
        gone = [s for i, s in self._sources.items() if current.get(i) is not s]
        self._sources, self.broken = current, broken
        self._index()
        if gone:
            task = asyncio.create_task(self._retire(gone))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def replace_local(self, types: LocalTypes) -> None:
        """Take over which types each tenant of the local store holds."""
        local: dict[str, Source] = {}
        for tenant, held in types.items():
            if held:
                local[tenant] = await self._open_local(tenant, held)
        self._local = local
        self._index()

    def _index(self) -> None:
        grouped: dict[str, list[Source]] = {}
        served: set[str] = set()
        for source in self._sources.values():
            grouped.setdefault(source.platform.registry_tenant, []).append(source)
            if source.platform.adapter == "local":
                served.add(f"{source.platform.registry_tenant}\0{source.platform.tenant or ''}")
        for tenant, source in self._local.items():
            # a tenant that a platform stands for is not asked twice
            if f"{tenant}\0{tenant}" not in served:
                grouped.setdefault(tenant, []).append(source)
        self._by_tenant = {tenant: SourceIndex(sources) for tenant, sources in grouped.items()}

    async def open_adapter(self, platform: Platform) -> Adapter:
        """An adapter for a platform that need not be registered: for probing before anything is stored."""
        module = self._local_module if platform.adapter == "local" else self._module(platform.adapter)
        return await module.open(platform, self._services)

    def access(self, credential: Mapping[str, Any] | None) -> Access:
        """What goes along to a platform with this credential; BadRequestData names what is wrong with it."""
        return access_of(credential, self._services.upstream)

    async def _open(self, platform: Platform, credential: Mapping[str, Any] | None) -> Source:
        box = None
        shape = geometry_of(platform.coverage.geometry)
        if shape is not None:
            west, south, east, north = make_shape(shape["type"], shape["coordinates"]).bounds
            box = (float(west), float(south), float(east), float(north))
        terms = platform.distribution
        end = None if terms.expires_at is None else read_datetime(terms.expires_at)
        return Source(
            platform=platform,
            adapter=await self.open_adapter(platform),
            provider=Provider(platform.id, platform.organisation, platform.area),
            access=self.access(credential),
            breaker=self._breaker(terms.cooldown_ms),
            bulkhead=Bulkhead(platform.max_concurrency, self._lag),
            bounds=box,
            network=platform.adapter != "local",
            ends=None if end is None else end.timestamp(),
            operations=offered(terms.operations),
            alias=terms.alias or (platform.probe.alias if platform.probe is not None else None) or None,
            limited=is_limited(platform),
            typed_only=is_typed_only(platform),
            hedge=self._hedge,
            answers=Answers(self._room, (terms.cache_ms or 0) / 1000),
            conveys=conveyed_by(platform),
        )

    def local_platform(self, tenant: str, held: frozenset[str] = frozenset()) -> Platform:
        """The local store of a tenant as a platform, whether it holds anything now or not."""
        return Platform(
            id=LOCAL_ID,
            adapter="local",
            endpoint="",
            area=self._local_provider.area,
            organisation=self._local_provider.organisation,
            open_data=self._local_open,
            registry_tenant=tenant,
            tenant=tenant,
            coverage=Coverage(entities=tuple(EntityPattern(type=t) for t in sorted(held))),
        )

    async def _open_local(self, tenant: str, held: frozenset[str]) -> Source:
        platform = self.local_platform(tenant, held)
        return Source(
            platform=platform,
            adapter=await self._local_module.open(platform, self._services),
            provider=self._local_provider,
            access=NO_ACCESS,
            breaker=Breaker(self._failures, self._cooldown),
            bulkhead=Bulkhead(64),
            network=False,
        )

    def _breaker(self, cooldown_ms: int | None) -> Breaker:
        if cooldown_ms is None:
            return Breaker(self._failures, self._cooldown)
        return Breaker(self._failures, cooldown_ms / 1000, declared=True)

    # --- trials of resting sources --------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to try again, in the background, the sources that are left alone."""
        self._trials = asyncio.create_task(self._try_again(), name="breaker-trials")

    async def close(self) -> None:
        if self._trials is not None:
            self._trials.cancel()
            await asyncio.gather(self._trials, return_exceptions=True)
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self._close([*self._sources.values(), *self._local.values()])

    async def _retire(self, sources: list[Source]) -> None:
        """Close adapters that are no longer asked, once the requests that still hold them have ended."""
        try:
            await asyncio.sleep(_RETIRE_SECONDS)
        finally:
            await self._close(sources)

    async def _close(self, sources: list[Source]) -> None:
        await asyncio.gather(*(s.adapter.close() for s in sources), return_exceptions=True)

    async def _try_again(self) -> None:
        loop = asyncio.get_running_loop()
        under_way: set[asyncio.Task[None]] = set()
        while True:
            pause = min(self._cooldown / 4, 0.5)
            due = loop.time() + pause
            await asyncio.sleep(pause)
            self._lag.told(loop.time() - due)
            for source in self._sources.values():
                if source.breaker.begin_trial(loop.time()):
                    task = asyncio.create_task(self._trial(source))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)

    async def _trial(self, source: Source) -> None:
        loop = asyncio.get_running_loop()
        wait = min(source.platform.timeout_ms / 1000, _TRIAL_SECONDS)
        via = self.via(source.platform.registry_tenant)
        ctx = SourceContext(deadline=loop.time() + wait, access=source.access, via=via, conveyed=BACKGROUND, alone=True)
        try:
            async with asyncio.timeout(wait + 0.5):
                await source.adapter.types(ctx)
        except (Retryable, TimeoutError) as e:
            detail = e.detail if isinstance(e, Retryable) else "no answer"
            source.breaker.trial_failed(detail, loop.time())
        except Exception:
            # it answered, if only to refuse: that is for the next request to see
            source.breaker.succeeded()
        else:
            source.breaker.succeeded()
            log.info("source_is_back", platform=source.id)
