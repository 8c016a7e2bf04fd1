"""The only composition root: settings in, a running gateway out."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from starlette.routing import Router
from starlette.types import ASGIApp

from adapters import registry as adapter_kinds
from adapters.contract import Services
from adapters.guard import LOOPBACK, Guard, parse_networks
from adapters.upstream import Upstream
from broker import keys
from broker.chores import periodics
from broker.contexts.loader import ContextLoader
from broker.contexts.shelf import CORE_URLS, Shelf
from broker.embedded.server import PrivatePostgres
from broker.federation.via import extended, pseudonym
from broker.gateway.evidence import EvidenceDesk
from broker.gateway.gateway import Gateway
from broker.gateway.notifying import make_notifying
from broker.harvest.catalogue import Catalogue
from broker.house import House
from broker.identity.agreements.desk import Desk
from broker.identity.agreements.in_force import InForce
from broker.identity.callers import Callers
from broker.identity.provider import Provider as OpenIdProvider
from broker.identity.secrets import open_box
from broker.identity.subjects import subjects_of
from broker.identity.tokens import token_reader
from broker.kpi.courier import make_courier
from broker.kpi.evidence import StoredLedger
from broker.kpi.programme import Programme
from broker.loading import FEEDS, Loading
from broker.local.adapter import LocalModule
from broker.local.temporal import TemporalReads
from broker.log import configure
from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.registry.answers import Room
from broker.registry.conflicts import refuse_conflict
from broker.registry.counting import Counting
from broker.registry.enrolment import Enrolment
from broker.registry.looking import Looking
from broker.registry.registry import LOCAL_ID, Registry
from broker.registry.tenants import Tenants
from broker.settings import Settings, load
from broker.store import source_writes
from broker.store.agreement_usage import AgreementUsage
from broker.store.agreements import Agreements
from broker.store.contexts import Contexts
from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.feed import Feed
from broker.store.flows_upkeep import upkeep
from broker.store.migrate import migrate
from broker.store.platforms import Platforms
from broker.store.services import Services as ServiceStore
from broker.store.source_counters import SourceCounters
from broker.store.temporal_read import EvolutionReads
from broker.store.temporal_record import record
from broker.store.temporal_upkeep import temporal_upkeep
from broker.store.tenants import TenantNames
from broker.web.metrics import Metrics
from broker.web.parts import Parts
from broker.web.proxied import proxied
from broker.web.routes import assemble
from schemas.flow import Provider

log = structlog.get_logger(__name__)


def guard_of(settings: Settings) -> Guard:
    """Private networks that we may connect into; loopback in open mode."""
    allowed = parse_networks(settings.allow_networks)
    return Guard((*allowed, *LOOPBACK) if settings.open_access else allowed)


async def open_house(settings: Settings, *, serving: bool = True) -> House:
    """Connect, migrate and load. Without `serving` (the command line) nothing runs in the background.

    Errors: SettingsError, StoreUnavailable.
    """
    home = settings.home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True)
    postgres = None
    if not settings.database_url:
        postgres = await asyncio.to_thread(PrivatePostgres.start, home)
    url = settings.database_url or (postgres.url if postgres is not None else "")
    try:
        return await _furnish(settings, home, url, postgres, serving=serving)
    except BaseException:
        if postgres is not None:
            postgres.release()
        raise


async def _furnish(
    settings: Settings, home: Path, url: str, postgres: PrivatePostgres | None, *, serving: bool
) -> House:
    await migrate(url)
    database = await Database.open(url)
    guard = guard_of(settings)
    upstream = Upstream(guard, ca_file=settings.ca_file or None)
    shelf = Shelf(Contexts(database))
    contexts = ContextLoader(upstream, shelf)
    entities = Entities(database)
    entities.on_change(record)
    local = Provider(LOCAL_ID, settings.organisation or None, settings.area or None)
    lent = Services(upstream, contexts.get, tuple(d for d in settings.data_dirs.split(":") if d))
    past = TemporalReads(EvolutionReads(database), page=settings.temporal_page)
    alias = keys.alias(settings.alias, home)
    registry = Registry(
        lent,
        adapter_kinds.module,
        local_module=LocalModule(entities, past),
        local_open=settings.local_open_data,
        local_provider=local,
        failures=settings.breaker_failures,
        cooldown=settings.breaker_cooldown_ms / 1000,
        via=lambda tenant: extended(None, pseudonym(alias, tenant)),
        room=Room(settings.cache_bytes, settings.cache_stale_s, share=settings.coalesce),
        hedge=settings.hedge,
    )
    platforms = Platforms(database)
    box = open_box(settings.secret_key, settings.secret_key_old, home)
    settler = await Settler.start(url)
    metrics = Metrics()
    sequencer = _sequencer(settings, home, url)
    metrics.observe(registry, settler, sequencer)
    writes = source_writes.SourceWrites(database)
    agreements, in_force = Agreements(database), InForce(AgreementUsage(database))
    gateway = Gateway(
        registry,
        settler,
        in_force,
        alias=alias,
        budget_s=settings.request_timeout_ms / 1000,
        max_bytes=settings.max_source_bytes,
        max_collect=settings.max_collect,
        tell_writes=writes.tell,
    )
    notifying = make_notifying(settings, database, entities, platforms, box, contexts, upstream, guard, gateway, local)
    metrics.notifications(notifying.dispatcher)
    services = ServiceStore(database)
    issuer = OpenIdProvider(upstream, settings.oidc_issuer)
    subjects = subjects_of(settings)
    callers = Callers(
        open_access=settings.open_access,
        admin_key=keys.admin_key(settings.admin_key, home),
        tokens=token_reader(settings, issuer),
        subjects=subjects,
    )
    tenants = Tenants(TenantNames(database), registry)
    loading = Loading(
        platforms=platforms,
        services=services,
        entities=entities,
        box=box,
        registry=registry,
        callers=callers,
        contexts=contexts,
        tenants=tenants,
        agreements=agreements,
        in_force=in_force,
        subscriptions=notifying.index,
        subjects=subjects,
    )
    programme = Programme(database, StoredLedger(database))
    enrolment = Enrolment(
        platforms,
        box,
        registry,
        adapter_kinds.module,
        contexts.get,
        loading.platforms,
        lambda new, others: refuse_conflict(new, others, entities),
    )
    house = House(
        settings=settings,
        database=database,
        registry=registry,
        enrolment=enrolment,
        looking=Looking(registry.sources, enrolment.probe_later),
        counting=Counting(SourceCounters(database), registry.sources),
        callers=callers,
        contexts=contexts,
        shelf=shelf,
        tenants=tenants,
        platforms=platforms,
        services=services,
        agreements=agreements,
        in_force=in_force,
        issuer=issuer,
        desk=Desk(agreements, settings.secretariat_approves, loading.agreements),
        entities=entities,
        settler=settler,
        gateway=gateway,
        metrics=metrics,
        box=box,
        upstream=upstream,
        loading=loading,
        feed=Feed(url, FEEDS, loading.changed, channels={source_writes.CHANNEL: writes.heard(registry.forget)}),
        programme=programme,
        evidence=EvidenceDesk(programme, sequencer, lambda: keys.ledger_seeds(settings.ledger_key, home)),
        courier=make_courier(settings, programme, entities, loading.wrote, upstream, box),
        sequencer=sequencer,
        notifying=notifying,
        catalogue=Catalogue(database, box, lent, registry, settings),
        postgres=postgres,
    )
    await house.feed.start()
    if serving:
        await upkeep(database)
        await temporal_upkeep(database)
        await shelf.store.introduce(CORE_URLS)
        contexts.start()
        registry.start()
        if settings.sequencer:
            sequencer.start()
        notifying.start()
        house.periodics = periodics(house)
        for periodic in house.periodics:
            periodic.start()
    return house


def _sequencer(settings: Settings, home: Path, url: str) -> Sequencer:
    """Of the ledger; its name and its key are the gateway's own."""
    origin = f"{keys.alias(settings.alias, home)}/ledger"
    return Sequencer(url, origin, lambda: keys.ledger_seeds(settings.ledger_key, home))


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The ASGI application; uvicorn's factory. Settings come from the environment if none are given."""
    chosen = settings or load()
    configure(chosen.log_level)

    @contextlib.asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        house = await open_house(chosen)
        try:
            router.routes.extend(
                assemble(
                    Parts(
                        gateway=house.gateway,
                        enrolment=house.enrolment,
                        counting=house.counting,
                        registry=house.registry,
                        callers=house.callers,
                        contexts=house.contexts,
                        shelf=house.shelf,
                        tenants=house.tenants,
                        desk=house.desk,
                        entities=house.entities,
                        notifying=house.notifying,
                        box=house.box,
                        database=house.database,
                        metrics=house.metrics,
                        settings=chosen,
                        programme=house.programme,
                        evidence=house.evidence,
                        pusher=house.courier.pusher,
                        wrote=house.loading.wrote,
                        missing=house.missing,
                        catalogue=house.catalogue,
                    )
                )
            )
            # what is there now stays: the collector need not walk over it again
            gc.collect()
            gc.freeze()
            gc.set_threshold(20_000, 20, 50)
            log.info("ready", alias=house.gateway.alias, access=chosen.access.value)
            yield
        finally:
            await house.close()

    # a bare router: every route answers its own errors, so Starlette's middleware would only cost
    router = Router(lifespan=lifespan)
    return proxied(router, chosen)
