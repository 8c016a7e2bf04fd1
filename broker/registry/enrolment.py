"""Registering platforms: check, probe, store; and what an operator is told on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from adapters.contract import Adapter, AdapterModule, SourceContext
from adapters.exchange import Access
from adapters.manifest import validate_options
from broker.registry.describe import describe
from broker.registry.inputs import PlatformInput, distribution, read_platform
from broker.registry.registry import Registry
from broker.registry.source import BACKGROUND, expired
from schemas.errors import AlreadyExists, BadRequestData, KakehashiError, NotFound, ProbeFailed, SourceError
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.registration import PREFIX, is_uri
from schemas.ngsi_ld.registration_members import geometry
from schemas.platform import Coverage, EntityPattern, Platform, PlatformState, ProbeResult

log = structlog.get_logger(__name__)
PROBE_SECONDS = 10.0
_CONNECTION = frozenset({"adapter", "endpoint", "tenant", "service_path", "credential", "context", "options"})


class PlatformStore(Protocol):
    """What enrolment needs of `broker.store.platforms.Platforms`."""

    async def all(self) -> list[Platform]: ...
    async def get(self, platform: str) -> Platform: ...
    async def create(self, platform: Platform, sealed: bytes | None = None) -> Platform: ...
    async def update(self, platform: Platform, sealed: bytes | None = None) -> Platform: ...
    async def delete(self, platform: str) -> None: ...
    async def credential(self, platform: str) -> bytes | None: ...


class Box(Protocol):
    """What enrolment needs of `broker.identity.secrets.SecretBox`."""

    def seal(self, secret: Mapping[str, Any], aad: str) -> bytes: ...
    def open(self, sealed: bytes, aad: str) -> dict[str, Any]: ...


class Enrolment:
    """`context_of` gives the @context at a URL. `refresh` shows a change to this worker; others are notified.
    `refuse` raises Conflict for a platform that may not stand beside the others (clause 5.9.2.4)."""

    def __init__(
        self,
        store: PlatformStore,
        box: Box,
        registry: Registry,
        module: Callable[[str], AdapterModule],
        context_of: Callable[[str], Awaitable[Context]],
        refresh: Callable[[], Awaitable[None]],
        refuse: Callable[[Platform, list[Platform]], Awaitable[None]],
    ) -> None:
        self.store = store
        self._box = box
        self._registry = registry
        self._module = module
        self._context_of = context_of
        self._refresh = refresh
        self._refuse = refuse
        self._background: set[asyncio.Task[None]] = set()

    async def add(self, document: object, *, force: bool = False) -> Platform:
        """Probe and store. ProbeFailed names the field at fault and nothing is stored, unless `force`: then the
        platform is kept as "unverified"."""
        given = read_platform(document)
        platform = await self._platform(given)
        await self._refuse(platform, await self.store.all())
        access = self._registry.access(given.credential)
        result = await self.probe_with(platform, access)
        if not result.ok and not force:
            raise ProbeFailed(result.problem, field=result.field or "endpoint")
        state = PlatformState.ACTIVE if result.ok else PlatformState.UNVERIFIED
        sealed = self._box.seal(given.credential, platform.id) if given.credential else None
        return await self._seen(self.store.create(replace(platform, probe=result, state=state), sealed))

    async def add_unprobed(self, platform: Platform, headers: Mapping[str, str] | None = None) -> Platform:
        """Store as "unverified" (registrations by NGSI-LD clients): it is probed once it has been asked something, see
        `looking`. `headers`: secret ones, which become its credential."""
        await self._refuse(platform, await self.store.all())
        sealed = self._box.seal({"kind": "headers", "headers": dict(headers)}, platform.id) if headers else None
        given = replace(platform, state=PlatformState.UNVERIFIED, probe=None)
        return await self._seen(self.store.create(given, sealed))

    def probe_later(self, platform_id: str) -> None:
        """Probe in the background and keep what was found."""
        task = asyncio.create_task(self._probe_quietly(platform_id))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _probe_quietly(self, platform_id: str) -> None:
        with contextlib.suppress(NotFound):
            try:
                await self.probe(platform_id)
            except KakehashiError as e:
                log.warning("probe_failed", platform=platform_id, reason=e.detail)

    async def change(self, platform_id: str, patch: Mapping[str, Any], *, force: bool = False) -> Platform:
        """A merge patch (RFC 7396) of what was given at registration; null takes a member back to its default.

        What touches the connection is probed anew, under the rule of `add`.
        """
        return await _again(lambda: self._change(platform_id, patch, force))

    async def _change(self, platform_id: str, patch: Mapping[str, Any], force: bool) -> Platform:
        current = await self.find(platform_id)
        if "id" in patch and patch["id"] != current.id:
            raise BadRequestData("the id can't be changed; register anew", field="id", value=patch["id"])
        # names are shown in core terms or as IRIs, which mean the same in any context of the platform's own
        shown = describe(current)
        document = _merged({k: shown[k] for k in PlatformInput.model_fields if k in shown and k != "credential"}, patch)
        given = read_platform(document)
        platform = await self._platform(given)
        platform = replace(platform, probe=current.probe, state=current.state, version=current.version)
        if current.coverage.registration is not None and "coverage" not in patch:
            platform = replace(platform, coverage=current.coverage)
        # what only a registration says stays as it says it
        unsaid = current.distribution
        platform = replace(
            platform,
            distribution=replace(
                platform.distribution, info=unsaid.info, datasets=unsaid.datasets, temporal=unsaid.temporal
            ),
        )
        await self._refuse(platform, await self.store.all())
        sealed = None
        access = await self.access(current.id)
        if "credential" in patch:
            sealed = self._box.seal(given.credential, current.id) if given.credential else b""
            access = self._registry.access(given.credential)
        if _CONNECTION & patch.keys():
            result = await self.probe_with(platform, access)
            if not result.ok and not force:
                raise ProbeFailed(result.problem, field=result.field or "endpoint")
            state = PlatformState.ACTIVE if result.ok else PlatformState.UNVERIFIED
            platform = replace(platform, probe=result, state=state)
        return await self._seen(self.store.update(platform, sealed))

    async def change_registration(
        self, platform_id: str, made: Callable[[Platform], Platform], headers: Mapping[str, str] | None = None
    ) -> Platform:
        """Store what `made` makes of a registration (an NGSI-LD client changed it), as `add_unprobed` does.
        `headers`: secret ones, in place of the credential; None leaves it."""

        async def change() -> Platform:
            changed = replace(made(await self.find(platform_id)), state=PlatformState.UNVERIFIED, probe=None)
            await self._refuse(changed, await self.store.all())
            sealed = None
            if headers is not None:
                sealed = self._box.seal({"kind": "headers", "headers": dict(headers)}, changed.id) if headers else b""
            return await self._seen(self.store.update(changed, sealed))

        return await _again(change)

    async def remove(self, platform_id: str) -> None:
        await self.store.delete((await self.find(platform_id)).id)
        await self._refresh()

    async def remove_expired(self) -> int:
        """Forget the registrations that have come to their end (clause 5.9.2.4); how many they were."""
        now = datetime.now(UTC)
        ended = [platform.id for platform in await self.store.all() if expired(platform, now)]
        for platform_id in ended:
            with contextlib.suppress(NotFound):
                await self.store.delete(platform_id)
        if ended:
            await self._refresh()
        return len(ended)

    async def _seen(self, change: Awaitable[Platform]) -> Platform:
        stored = await change
        await self._refresh()
        return stored

    async def find(self, platform_id: str) -> Platform:
        """By its id, or by the id of its registration."""
        try:
            return await self.store.get(platform_id)
        except NotFound:
            if platform_id.startswith(PREFIX):
                return await self.store.get(platform_id.removeprefix(PREFIX))
            raise

    async def probe(self, platform_id: str) -> Platform:
        """Probe a registered platform now and keep what was found, good or bad."""
        return await _again(lambda: self._probe(platform_id))

    async def _probe(self, platform_id: str) -> Platform:
        platform = await self.find(platform_id)
        result = await self.probe_with(platform, await self.access(platform.id))
        if not result.ok:
            state = PlatformState.UNVERIFIED
        elif platform.state is PlatformState.UNVERIFIED:
            state = PlatformState.ACTIVE
        else:
            state = platform.state
        if result.ok or platform.probe is None or not platform.probe.ok:
            return await self._seen(self.store.update(replace(platform, probe=result, state=state)))
        # what was verified once stays known; that it does not answer now is the breaker's affair
        kept = replace(platform.probe, problem=result.problem, field=result.field, probed_at=result.probed_at)
        return await self._seen(self.store.update(replace(platform, probe=kept, state=state)))

    async def credential(self, platform_id: str) -> dict[str, Any] | None:
        """The opened credential; for the process itself, never for an answer."""
        sealed = await self.store.credential(platform_id)
        return None if sealed is None else self._box.open(sealed, platform_id)

    async def access(self, platform_id: str) -> Access:
        """What goes along with requests to a registered platform."""
        return self._registry.access(await self.credential(platform_id))

    async def open_adapter(self, platform: Platform) -> Adapter:
        """An adapter of its own for a platform, to be closed by the caller."""
        return await self._registry.open_adapter(platform)

    async def probe_with(self, platform: Platform, access: Access) -> ProbeResult:
        """Open an adapter for the platform and let it look."""
        loop = asyncio.get_running_loop()
        via = self._registry.via(platform.registry_tenant)
        ctx = SourceContext(deadline=loop.time() + PROBE_SECONDS, access=access, via=via, conveyed=BACKGROUND)
        adapter = await self.open_adapter(platform)
        try:
            async with asyncio.timeout(PROBE_SECONDS + 1):
                return await adapter.probe(ctx)
        except TimeoutError:
            return ProbeResult(ok=False, problem=f"{platform.endpoint} did not answer in time", field="endpoint")
        except SourceError as e:
            return ProbeResult(ok=False, problem=e.detail, field=e.field or "endpoint")
        finally:
            await adapter.close()

    async def _platform(self, given: PlatformInput) -> Platform:
        options = given.options
        if given.adapter != "local":
            options = validate_options(self._module(given.adapter).manifest, given.options)
            if not given.endpoint:
                raise BadRequestData("the address of the platform is missing", field="endpoint")
        context = CORE
        if given.context is not None:
            context = await self._context_of(given.context)
        return Platform(
            id=given.id,
            adapter=given.adapter,
            endpoint=given.endpoint.rstrip("/"),
            area=given.area,
            organisation=given.organisation,
            name=given.name,
            registry_tenant=given.registry_tenant,
            tenant=given.tenant,
            service_path=given.service_path,
            context=given.context,
            options=options,
            coverage=_coverage(given, context),
            distribution=distribution(given),
            open_data=given.open_data
            if isinstance(given.open_data, bool)
            else tuple(sorted({context.expand(t) for t in given.open_data})),
            mode=given.mode,
            timeout_ms=given.timeout_ms,
            max_concurrency=given.max_concurrency,
        )

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)


async def _again(change: Callable[[], Awaitable[Platform]]) -> Platform:
    """A change that begins with reading, anew where somebody was faster: a probe in the background, say."""
    for _ in range(3):
        with contextlib.suppress(AlreadyExists):
            return await change()
    return await change()


def _coverage(given: PlatformInput, context: Context) -> Coverage:
    coverage = given.coverage
    for n, pattern in enumerate(coverage.id_patterns):
        compile_pattern(pattern, f"coverage.id_patterns[{n}]")
    for n, one in enumerate(coverage.ids):
        if not is_uri(one):
            raise BadRequestData("an entity id is a URI", field=f"coverage.ids[{n}]", value=one)
    types: list[str | None] = [context.expand(t) for t in coverage.types] or [None]
    keys: list[tuple[str | None, str | None]] = [(i, None) for i in coverage.ids]
    keys += [(None, p) for p in coverage.id_patterns]
    bare = not coverage.types and not keys
    if coverage.geometry is not None:
        geometry(coverage.geometry, "coverage.geometry")
    return Coverage(
        entities=() if bare else tuple(EntityPattern(t, i, p) for t in types for i, p in keys or [(None, None)]),
        attributes=frozenset(context.expand(a) for a in coverage.attributes),
        geometry=coverage.geometry,
    )


def _merged(target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), dict) and name != "credential":
            result[name] = _merged(result[name], value)
        else:
            result[name] = value
    return result
