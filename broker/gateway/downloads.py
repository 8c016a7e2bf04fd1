"""Files of the catalogue, fetched through the gateway: checked, streamed, and metered as flows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import urlsplit

import structlog

from adapters.contract import SourceContext
from adapters.exchange import NO_ACCESS, Access
from adapters.status import raise_for_status
from adapters.streamed import Streamed
from adapters.upstream import Upstream
from adapters.wire import Answer
from broker.gateway.gateway import Envelope
from broker.harvest.catalogue import Catalogue
from broker.harvest.rights import Right
from broker.identity.agreements.in_force import InForce
from broker.identity.agreements.quotas import used_up
from broker.identity.agreements.running import ended
from broker.metering.settle import Settler
from schemas.dataset import Dataset, Distribution
from schemas.errors import (
    BadUpstream,
    Forbidden,
    KakehashiError,
    NotFound,
    RateLimited,
    Refused,
    Retryable,
    SourceError,
    SourceNotFound,
    SourceTimeout,
    StoreUnavailable,
    Unavailable,
)
from schemas.flow import Flow, Provider, uuid7
from schemas.outcome import Status

log = structlog.get_logger(__name__)
OPENED = "opened"
"""Outcome of the record that is committed before the first byte of a download; the one at its end has the real one."""
_FIRST_SECONDS = 30.0
_IDLE_SECONDS = 30.0
_REDIRECTS = 5
_ACCEPT = {"accept": "*/*"}


@dataclass(slots=True)
class Download:
    """A file that is about to leave: its opening record is committed. `chunks` commits the closing one before the
    last bytes are given."""

    status: int
    media_type: str
    length: int | None
    flow: Flow
    chunks: AsyncIterator[bytes]


class Downloads:
    """`most`: bytes of a file, at most."""

    def __init__(
        self,
        catalogue: Catalogue,
        upstream: Upstream,
        settler: Settler,
        agreements: InForce,
        *,
        alias: str,
        most: int,
    ) -> None:
        self._catalogue = catalogue
        self._agreements = agreements
        self._upstream = upstream
        self._settler = settler
        self._alias = alias
        self._most = most

    def file(self, dataset: Dataset, place: int) -> Distribution:
        """NotFound if there is no such distribution, or it is a query and no file."""
        if not 0 <= place < len(dataset.distributions):
            raise NotFound("the dataset has no such distribution", field="place", value=place)
        one = dataset.distributions[place]
        if not one.download_url.startswith(("http://", "https://")):
            raise NotFound("this distribution is no file that can be fetched by HTTP", field="place", value=place)
        return one

    async def open(self, dataset: Dataset, place: int, envelope: Envelope, right: Right) -> Download:
        """Ask for the file, and commit that it is taken. Forbidden without an agreement where one is needed, and in the
        chunks once it has ended; QuotaExceeded.

        What goes wrong at the source is raised as SourceError after its flow is committed; MeteringUnavailable.
        """
        one = self.file(dataset, place)
        await self._admit(right)
        flow = self._flow(dataset, envelope, right, "download")
        began = perf_counter()
        try:
            streamed = await self._begin(dataset, place, one)
        except SourceError as e:
            flow.outcome, flow.latency_ms = _outcome(e), (perf_counter() - began) * 1000
            await self._settler.settle([flow])
            raise
        flow.outcome, flow.latency_ms = OPENED, (perf_counter() - began) * 1000
        try:
            await self._settler.settle([flow])
        except BaseException:
            streamed.close()
            raise
        length = streamed.headers.get("content-length", "")
        return Download(
            streamed.status,
            streamed.headers.get("content-type", "") or one.media_type or "application/octet-stream",
            int(length) if length.isdigit() else None,
            flow,
            self._chunks(streamed, self._flow(dataset, envelope, right, "download"), right, began),
        )

    async def head(
        self, dataset: Dataset, place: int, envelope: Envelope, right: Right, most: int
    ) -> tuple[bytes, bool, Flow]:
        """The first bytes of a file, whether they are all of it, and the flow, which is committed. Errors as `open`."""
        one = self.file(dataset, place)
        await self._admit(right)
        flow = self._flow(dataset, envelope, right, "preview")
        began = perf_counter()
        parts: list[bytes] = []
        whole = True
        try:
            streamed = await self._begin(dataset, place, one)
            try:
                async with aclosing(self._taken(streamed, right)) as taken:
                    async for chunk in taken:
                        parts.append(chunk)
                        if sum(map(len, parts)) >= most:
                            whole = False
                            break
            finally:
                streamed.close()
            flow.outcome = (Status.OK if parts else Status.EMPTY).value
        except SourceError as e:
            flow.outcome = _outcome(e)
            raise
        finally:
            flow.bytes, flow.latency_ms = sum(map(len, parts)), (perf_counter() - began) * 1000
            await self._settler.settle([flow])
        return b"".join(parts)[:most], whole, flow

    async def read(self, dataset: Dataset, place: int, problem: str | None) -> None:
        """Note whether a file could be read: it is part of the dataset's quality."""
        with contextlib.suppress(StoreUnavailable):
            await self._catalogue.links.read(dataset.id, place, problem)

    async def _begin(self, dataset: Dataset, place: int, one: Distribution) -> Streamed:
        """Whether it could be had is noted: it is part of the dataset's quality."""
        links = self._catalogue.links
        try:
            streamed = await self._ask(dataset, one)
        except (SourceNotFound, Unavailable, BadUpstream) as e:
            with contextlib.suppress(StoreUnavailable):
                await links.failed(dataset.id, place, one.download_url, e.detail)
            raise
        with contextlib.suppress(StoreUnavailable):
            await links.alive(dataset.id, place, one.download_url)
        return streamed

    async def _ask(self, dataset: Dataset, one: Distribution) -> Streamed:
        ctx = SourceContext(
            deadline=asyncio.get_running_loop().time() + _FIRST_SECONDS,
            access=await self._access(dataset, one.download_url),
            via=f"1.1 {self._alias}",
        )
        streamed = await self._upstream.stream(
            one.download_url, ctx=ctx, headers=_ACCEPT, max_bytes=self._most, follow=_REDIRECTS
        )
        try:
            raise_for_status(Answer(streamed.status, streamed.headers, b""))
        except SourceError:
            streamed.close()
            raise
        return streamed

    async def _access(self, dataset: Dataset, url: str) -> Access:
        """The catalogue's credential goes to its own server only, whatever addresses its records have."""
        try:
            source, _ = await self._catalogue.sources.get(dataset.source)
        except NotFound:
            return NO_ACCESS
        if urlsplit(source.endpoint)[:2] != urlsplit(url)[:2] or not source.has_credential:
            return NO_ACCESS
        _, access = await self._catalogue.harvester.open(source, await self._catalogue.sources.credential(source.id))
        return access

    async def _admit(self, right: Right) -> None:
        """Forbidden; QuotaExceeded. The request is counted for the quota of its agreement."""
        if not right.granted:
            raise Forbidden("an agreement with its provider is needed to fetch this / 提供者との協定が必要です")
        if right.clause is not None:
            spent = await self._agreements.quotas.admit([right.clause], 0)
            if spent:
                raise used_up(min(spent.values()))

    async def _taken(self, streamed: Streamed, right: Right) -> AsyncGenerator[bytes, None]:
        """The chunks of a file, for as long as the agreement holds. Forbidden once it has ended."""
        clause = right.clause
        if clause is None or clause.agreement is None:
            async for chunk in streamed.chunks(_IDLE_SECONDS):
                yield chunk
            return
        held = [(clause.agreement, clause.version)]
        with self._agreements.running.until_ended(held, lambda: streamed.give_up("the agreement ended")) as run:
            # it may have ended between being looked up and being held
            self._agreements.check(clause)
            try:
                async for chunk in streamed.chunks(_IDLE_SECONDS):
                    yield chunk
            except SourceError:
                if not run.ended:
                    raise
            if run.ended:
                raise ended()

    async def _chunks(self, streamed: Streamed, flow: Flow, right: Right, began: float) -> AsyncIterator[bytes]:
        """The last chunk waits until the closing record is committed, so that nobody has the whole without it."""
        sent = 0
        flow.outcome = Status.PARTIAL.value
        held = b""
        try:
            async with aclosing(self._taken(streamed, right)) as taken:
                async for chunk in taken:
                    if held:
                        sent += len(held)
                        yield held
                    held = chunk
            flow.outcome = (Status.OK if sent + len(held) else Status.EMPTY).value
            sent += len(held)
            flow.bytes, flow.latency_ms = sent, (perf_counter() - began) * 1000
            await self._settler.settle([flow])
            sent = -1
            if held:
                yield held
        except SourceError as e:
            flow.outcome = Status.PARTIAL.value if sent else _outcome(e)
            raise
        finally:
            streamed.close()
            if sent >= 0:
                # the client went away or the source broke off: what was taken is recorded all the same
                flow.bytes, flow.latency_ms = sent, (perf_counter() - began) * 1000
                await asyncio.shield(self._close_late(flow))

    async def _close_late(self, flow: Flow) -> None:
        try:
            await self._settler.settle([flow])
        except KakehashiError as e:
            log.warning("download_not_closed", flow=str(flow.id), reason=e.detail)

    def _flow(self, dataset: Dataset, envelope: Envelope, right: Right, operation: str) -> Flow:
        return Flow(
            id=uuid7(),
            request=envelope.request,
            time=envelope.arrival,
            operation=operation,
            consumer=envelope.caller.consumer,
            provider=Provider(dataset.source, dataset.publisher.name or None, right.area),
            types=(),
            entities=0,
            bytes=0,
            outcome=OPENED,
            latency_ms=0.0,
            agreement=None if right.clause is None else right.clause.agreement,
            agreement_version=None if right.clause is None else right.clause.version,
        )


def _outcome(error: SourceError) -> str:
    match error:
        case SourceTimeout():
            return Status.TIMEOUT.value
        case RateLimited():
            return Status.RATE_LIMITED.value
        case Retryable():
            return Status.UNAVAILABLE.value
        case Refused():
            return Status.REFUSED.value
        case _:
            return Status.BAD.value
