"""The abstract test class that an adapter's tests subclass. It needs pytest and pytest-asyncio, nothing of the broker.

The subclass serves the canonical entities in its dialect by a real HTTP server (`serve`) and says how a platform of its
kind is registered (`platform`); everything else is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from adapters.contract import Adapter, AdapterModule, Services, SourceContext
from adapters.exchange import Access
from adapters.guard import LOOPBACK, Guard
from adapters.registry import module
from adapters.testing.checks import CHECKS, Check, run_check
from adapters.testing.faults import Fault, FaultServer
from adapters.testing.fixtures import NeutralEntity, canonical_entities, to_ngsi_ld
from adapters.testing.session import Session
from adapters.upstream import Upstream
from schemas.errors import (
    BadUpstream,
    ContextNotAvailable,
    RateLimited,
    SourceAuth,
    SourceError,
    SourceNotFound,
    SourceTimeout,
    SourceTooLarge,
    Unavailable,
)
from schemas.ngsi_ld.context import CORE, Context, build
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Platform

CUSTOM = build(
    {
        "避難所": "https://uri.etsi.org/ngsi-ld/default-context/EvacuationShelter",
        "収容人数": "https://uri.etsi.org/ngsi-ld/default-context/capacity",
        "schema": "https://schema.org/",
        "label": "schema:name",
    },
    {},
)
"""A working context in which one type and one attribute have other names than in the core context."""

EXPECTED: dict[Fault, tuple[type[SourceError], ...]] = {
    Fault.HUNG: (SourceTimeout,),
    Fault.HUNG_BODY: (SourceTimeout,),
    Fault.CLOSED: (Unavailable,),
    Fault.ERROR: (Unavailable,),
    Fault.OVERLOADED: (RateLimited,),
    Fault.RESET: (BadUpstream, Unavailable),
    Fault.SHORT: (BadUpstream,),
    Fault.MALFORMED: (BadUpstream,),
    Fault.NOT_UTF8: (BadUpstream,),
    Fault.HTML: (BadUpstream,),
    Fault.HUGE: (SourceTooLarge,),
    Fault.NOT_HTTP: (BadUpstream,),
    Fault.UNAUTHORIZED: (SourceAuth,),
    Fault.FORBIDDEN: (SourceAuth,),
    Fault.NOT_FOUND: (SourceNotFound,),
    Fault.RATE_LIMITED: (RateLimited,),
    Fault.REDIRECT_LOOP: (SourceError,),
}
"""What each fault must become, so that the federation knows whether asking again helps."""

Serving = AbstractAsyncContextManager[str]


class AdapterContract:
    """Subclass it as `TestMyAdapterContract`, set `kind`, write `serve`."""

    kind: str
    contexts: Sequence[Context] = (CORE, CUSTOM)
    """Working contexts that the checks ask in."""
    patience = 5.0
    """Seconds that a healthy source may take."""
    fault_patience = 0.4
    """Seconds before a hung source is given up."""
    fault_budget = 1_000_000
    """Bytes that a faulty source may send."""

    # --- to be written by the subclass --------------------------------------------------------------------------------

    def serve(self, entities: Sequence[NeutralEntity]) -> Serving:
        """An async context manager that serves the entities in the dialect and gives the endpoint."""
        raise NotImplementedError

    def platform(self, endpoint: str) -> Platform:
        """How such a platform is registered."""
        return Platform("urn:ngsi-ld:ContextSourceRegistration:contract", self.kind, endpoint)

    def faulty_platform(self, endpoint: str) -> Platform:
        """The same where the source is faulty; options may bound its size."""
        return self.platform(endpoint)

    def expected(self, entity: NeutralEntity) -> dict[str, Any]:
        """What the adapter makes of an entity in the core context; another one where the dialect can't hold it all."""
        return to_ngsi_ld(entity)

    def expected_error(self, fault: Fault) -> tuple[type[SourceError], ...]:
        """What a fault becomes, where the dialect has its own view of it."""
        return EXPECTED[fault]

    # --- fixtures -----------------------------------------------------------------------------------------------------

    @pytest.fixture
    def module(self) -> AdapterModule:
        return module(self.kind)

    @pytest_asyncio.fixture
    async def services(self) -> AsyncIterator[Services]:
        upstream = Upstream(Guard(LOOPBACK))
        yield Services(upstream, _no_context)
        await upstream.close()

    @pytest_asyncio.fixture
    async def endpoint(self) -> AsyncIterator[str]:
        async with self.serve(canonical_entities()) as url:
            yield url

    @pytest_asyncio.fixture
    async def adapter(self, module: AdapterModule, services: Services, endpoint: str) -> AsyncIterator[Adapter]:
        """Probed, and opened with what the probe found, as the registry does it."""
        platform = self.platform(endpoint)
        first = await module.open(platform, services)
        result = await first.probe(self.source_context())
        await first.close()
        assert result.ok, (result.problem, result.field)
        adapter = await module.open(replace(platform, probe=result), services)
        yield adapter
        await adapter.close()

    def source_context(self, patience: float | None = None, **changes: Any) -> SourceContext:
        deadline = asyncio.get_running_loop().time() + (self.patience if patience is None else patience)
        return SourceContext(deadline=deadline, **changes)

    # --- what it claims -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
    async def test_check(self, adapter: Adapter, check: Check) -> None:
        result = await run_check(check, Session(adapter, self.source_context, self.contexts))
        if result.skipped_reason is not None:
            pytest.skip(result.skipped_reason)
        assert result.ok, result.detail

    async def test_every_entity_comes_whole(self, adapter: Adapter) -> None:
        taken = await Session(adapter, self.source_context).ask(EntityQuery(limit=1000))
        came = {entity["id"]: entity for entity in taken.kept}
        assert came == {entity.id: self.expected(entity) for entity in canonical_entities()}

    async def test_probe_says_what_is_there(self, module: AdapterModule, services: Services, endpoint: str) -> None:
        adapter = await module.open(self.platform(endpoint), services)
        result = await adapter.probe(self.source_context())
        await adapter.close()
        assert result.ok
        assert set(result.types) == {CORE.expand(entity.type) for entity in canonical_entities()}
        assert result.findings
        assert result.dialect

    async def test_manifest_claims_no_less_than_the_adapter(self, module: AdapterModule, adapter: Adapter) -> None:
        claims, effective = module.manifest.capabilities, adapter.capabilities
        assert effective.q_operators <= claims.q_operators
        assert effective.geo_relations <= claims.geo_relations

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("fault", list(Fault), ids=str)
    async def test_fault_becomes_an_error_of_the_tree(
        self, module: AdapterModule, services: Services, fault: Fault
    ) -> None:
        async with FaultServer(fault) as server:
            adapter = await module.open(self.faulty_platform(server.url), services)
            with pytest.raises(SourceError) as raised:
                await self._drain(adapter)
            await adapter.close()
        assert isinstance(raised.value, self.expected_error(fault)), repr(raised.value)
        assert raised.value.detail

    @pytest.mark.parametrize("fault", list(Fault), ids=str)
    async def test_probe_of_a_fault_is_a_result_in_words(
        self, module: AdapterModule, services: Services, fault: Fault
    ) -> None:
        async with FaultServer(fault) as server:
            adapter = await module.open(self.faulty_platform(server.url), services)
            result = await adapter.probe(self.source_context(self.fault_patience, budget=self.fault_budget))
            await adapter.close()
        assert not result.ok
        assert result.problem
        assert result.field

    async def test_nobody_listening_is_unavailable(self, module: AdapterModule, services: Services) -> None:
        async with FaultServer(Fault.CLOSED) as server:
            url = server.url
        adapter = await module.open(self.faulty_platform(url), services)
        with pytest.raises(Unavailable):
            await self._drain(adapter)
        await adapter.close()

    async def test_credential_and_via_go_along(self, module: AdapterModule, services: Services) -> None:
        async with FaultServer(Fault.NOT_FOUND) as server:
            adapter = await module.open(self.faulty_platform(server.url), services)
            ctx = self.source_context(access=Access({"x-contract-key": "k"}), via="1.1 contract", request_id="r-1")
            with pytest.raises(SourceError):
                await self._drain(adapter, ctx)
            await adapter.close()
            assert server.requests
            for request in server.requests:
                assert request.headers["x-contract-key"] == "k"
                assert request.headers["via"] == "1.1 contract"
                assert request.headers["x-request-id"] == "r-1"

    async def test_nothing_is_left_running(self, module: AdapterModule, services: Services) -> None:
        before = asyncio.all_tasks()
        async with FaultServer(Fault.HUNG) as server:
            adapter = await module.open(self.faulty_platform(server.url), services)
            with pytest.raises(SourceTimeout):
                await self._drain(adapter, self.source_context(0.05))
            await adapter.close()
        await asyncio.sleep(0)
        assert {task for task in asyncio.all_tasks() - before if not task.done()} == set()

    async def _drain(self, adapter: Adapter, ctx: SourceContext | None = None) -> None:
        pushdown = adapter.plan(EntityQuery(limit=10))
        assert pushdown is not None
        source = ctx or self.source_context(self.fault_patience, budget=self.fault_budget)
        async for _ in adapter.fetch(pushdown.request, source):
            continue


async def _no_context(url: str) -> Context:
    raise ContextNotAvailable("the contract suite serves no contexts", field="context", value=url)
