"""The shipped contract suite on the NGSI-LD adapter: with honest brokers of several kinds, and with some that lie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from gateway import Gateway, fresh_database, settings
from sources import NgsiLdSource

from adapters.contract import Services
from adapters.guard import LOOPBACK, Guard
from adapters.testing.fixtures import NeutralEntity, canonical_entities, to_ngsi_ld
from adapters.testing.serving import Server
from adapters.testing.suite import CUSTOM, AdapterContract
from adapters.upstream import Upstream
from schemas.errors import ContextNotAvailable
from schemas.ngsi_ld.context import CORE, Context, build

WORDS = {
    "避難所": "https://uri.etsi.org/ngsi-ld/default-context/EvacuationShelter",
    "収容人数": "https://uri.etsi.org/ngsi-ld/default-context/capacity",
}
URL = "https://example.jp/words.jsonld"
LINKED = build(URL, {URL: {"@context": WORDS}})
OTHER_URL = "https://example.jp/other.jsonld"
OTHER = build(OTHER_URL, {OTHER_URL: {"@context": {"Refuge": WORDS["避難所"], "nom": "https://schema.org/name"}}})


class NgsiLdContract(AdapterContract):
    kind = "ngsi_ld"
    contexts = (CORE, CUSTOM, LINKED)

    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities)

    @asynccontextmanager
    async def serve(self, entities: Sequence[NeutralEntity]) -> AsyncIterator[str]:
        async with Server(self.source([to_ngsi_ld(e) for e in entities])) as server:
            yield server.url

    @pytest_asyncio.fixture
    async def services(self) -> AsyncIterator[Services]:
        async def context_of(url: str) -> Context:
            for context in (LINKED, OTHER):
                if context.url == url:
                    return context
            raise ContextNotAvailable("not here")

        upstream = Upstream(Guard(LOOPBACK))
        yield Services(upstream, context_of)
        await upstream.close()


class TestHonestBroker(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, contexts={URL: LINKED})


class TestBrokerWithoutForeignContexts(NgsiLdContract):
    """It refuses every @context that it does not know."""


class TestBrokerThatAnswersInItsOwnContext(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, contexts={URL: LINKED}, own=OTHER)


class TestBrokerWithSmallPages(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, page_limit=7, links=True, contexts={URL: LINKED})


class TestBrokerThatCutsPagesAndCountsNot(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, page_limit=9, cuts=True, counts=False)


class TestBrokerThatTakesAnyQuestion(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, strict=False)


class TestBrokerThatIgnoresFilters(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, ignores=("q", "georel", "geometry", "coordinates", "idPattern", "attrs"))


class TestBrokerThatIgnoresWhatIsAsked(NgsiLdContract):
    def source(self, entities: list[dict[str, Any]]) -> NgsiLdSource:
        return NgsiLdSource(entities, ignores=("id", "type", "limit", "offset", "q", "idPattern"))


@pytest.fixture(scope="module")
def kakehashi(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with fresh_database(postgres_url) as url:
        gateway = Gateway(settings(tmp_path_factory.mktemp("kakehashi"), url))
        entities = [to_ngsi_ld(e) for e in canonical_entities()]
        answer = gateway.client.post("/ngsi-ld/v1/entityOperations/upsert", json=entities)
        assert answer.status_code == 201, answer.text
        yield gateway
        gateway.close()


class TestKakehashi(NgsiLdContract):
    """A gateway whose local store holds the entities."""

    contexts = (CORE, CUSTOM)

    @pytest.fixture
    def endpoint(self, kakehashi: Gateway) -> str:
        return kakehashi.url
