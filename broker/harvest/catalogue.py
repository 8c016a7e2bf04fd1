"""`Catalogue`: the capability put together, for the web and the command line."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog

from adapters import catalogued
from adapters.catalogued import catalogue_options
from adapters.contract import Services, SourceContext
from adapters.credentials.forms import access_of
from broker.background import Periodic
from broker.harvest.harvester import Harvester, aad
from broker.harvest.inputs import describe_source, read_source
from broker.harvest.links import LinkChecker
from broker.harvest.live import LiveDatasets
from broker.identity.secrets import SecretBox
from broker.registry.registry import Registry
from broker.settings import Settings
from broker.store.catalog_judged import rejudge_daily
from broker.store.catalog_links import CatalogLinks
from broker.store.catalog_live import CatalogLive
from broker.store.catalog_search import CatalogSearch
from broker.store.catalog_sources import CatalogSources
from broker.store.database import Database
from catalog.registering import registration
from catalog.search.fold import fold
from schemas.catalogue import CatalogueMode, CatalogueSource
from schemas.dataset import Dataset
from schemas.errors import BadRequestData, KakehashiError, NotFound, ProbeFailed, SourceError
from schemas.flow import uuid7

log = structlog.get_logger(__name__)
_CHECK_SECONDS = 30.0
_ASK_SECONDS = 3.0
_LOOK_SECONDS = 5.0
_JUDGE_SECONDS = 600.0


class Catalogue:
    """`periodics`: what runs in the background of a process that serves."""

    def __init__(
        self, database: Database, box: SecretBox, services: Services, registry: Registry, settings: Settings
    ) -> None:
        self.sources = CatalogSources(database)
        self.search = CatalogSearch(database)
        self.links = CatalogLinks(database, uuid7())
        self.checker = LinkChecker(
            self.links,
            services.upstream,
            list if settings.catalog_links_platforms else partial(_platform_hosts, registry),
            per_day=settings.catalog_links_per_day,
        )
        self.live = LiveDatasets(registry, CatalogLive(database), sample_every=settings.catalog_sample_s)
        self.harvester = Harvester(database, box, services, catalogued.module)
        self.upstream = services.upstream
        self._services = services
        self._box = box
        self.periodics = (
            Periodic("catalogue-harvests", self._harvest_due, _LOOK_SECONDS),
            Periodic("catalogue-quality", partial(rejudge_daily, database), _JUDGE_SECONDS),
            self.live.periodic,
            self.checker.periodic,
        )

    async def _harvest_due(self) -> None:
        """One after the other; leases keep workers apart. One that is given up is taken up where it stopped."""
        for source in await self.sources.due():
            await self.harvester.harvest(source)

    async def add(self, document: object, *, force: bool = False) -> dict[str, Any]:
        """Check, talk to it once, and store; what it is in words is `found`.

        BadRequestData names the member that is wrong; ProbeFailed if it does not answer as it should, unless `force`.
        """
        source, credential = read_source(document)
        manifest = catalogued.module(source.kind).catalogue
        source = replace(source, options=catalogue_options(manifest, source.options))
        if source.mode is CatalogueMode.ASK and not manifest.searchable:
            raise BadRequestData(f"a {source.kind} catalogue can't be asked with words", field="mode", value="ask")
        found = ""
        try:
            found = await self._check(source, credential)
        except SourceError as e:
            if not force:
                raise ProbeFailed(e.detail, field=e.field or "endpoint") from None
            found = e.detail
        sealed = self._box.seal(credential, aad(source.id)) if credential else None
        await self.sources.create(source, sealed)
        return describe_source(*await self.sources.get(source.id)) | {"found": found}

    async def _check(self, source: CatalogueSource, credential: dict[str, Any] | None) -> str:
        opened = await catalogued.module(source.kind).open_catalogue(source, self._services)
        ctx = SourceContext(
            deadline=asyncio.get_running_loop().time() + _CHECK_SECONDS,
            access=access_of(credential, self._services.upstream),
        )
        return await opened.check(ctx)

    async def registration(self, name: str) -> dict[str, Any]:
        """A dataset of the catalogue as a document for `Enrolment.add`. NotFound, BadRequestData."""
        hit = await self.search.get(name)
        if hit is None:
            raise NotFound("there is no such dataset in the catalogue, and no such file", field="--from", value=name)
        endpoint = ""
        with contextlib.suppress(NotFound):
            source, _ = await self.sources.get(hit.dataset.source)
            endpoint = source.endpoint if source.kind == "ckan" else ""
        return registration(hit.dataset, endpoint)

    async def harvest_quietly(self, source: str, *, forced: bool = False) -> None:
        """What goes wrong is told in the source's status, or in the log."""
        try:
            await self.harvester.harvest(source, forced=forced)
        except KakehashiError as e:
            log.warning("harvest_interrupted", source=source, reason=e.detail)

    async def ask_others(self, words: str, limit: int) -> tuple[list[Dataset], list[str]]:
        """What sources that must not be copied find now, and a warning for each that did not answer in time."""
        asked = [s for s, _ in await self.sources.all() if s.mode is CatalogueMode.ASK]
        if not asked or not fold(words):
            return [], []
        answers = await asyncio.gather(*(self._ask(source, words, limit) for source in asked))
        warnings = [f"{s.id}: {a}" for s, a in zip(asked, answers, strict=True) if isinstance(a, str)]
        return [dataset for a in answers if not isinstance(a, str) for dataset in a], warnings

    async def _ask(self, source: CatalogueSource, words: str, limit: int) -> list[Dataset] | str:
        try:
            async with asyncio.timeout(_ASK_SECONDS + 1):
                sealed = await self.sources.credential(source.id)
                opened, access = await self.harvester.open(source, sealed)
                ctx = SourceContext(deadline=asyncio.get_running_loop().time() + _ASK_SECONDS, access=access)
                found = []
                for entry in await opened.search(words, limit, ctx):
                    try:
                        found.append(entry.make())
                    except SourceError:
                        continue
                return found
        except KakehashiError as e:
            return e.detail
        except TimeoutError:
            return "no answer in time"
        except Exception:
            log.exception("catalogue_not_asked", source=source.id)
            return "a fault of the gateway; it is in the log"


def _platform_hosts(registry: Registry) -> list[str]:
    """Their owners agreed to be asked for entities, and may count who comes for what else. A file that was registered
    lies at a portal, whose other files are to be looked for."""
    endpoints = (s.platform.endpoint for s in registry.sources() if s.network and s.platform.adapter != "geojson")
    return sorted({(urlsplit(endpoint).hostname or "").lower() for endpoint in endpoints})
