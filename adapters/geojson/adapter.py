"""The I/O of a file platform: keep a copy, answer from it. `reading` knows formats, `translate` what they mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.contract import Page, SourceContext
from adapters.geojson.findings import dialect, findings
from adapters.geojson.keeper import Keeper, Times
from adapters.geojson.mapping import MappingRules
from adapters.geojson.origin import Origin
from adapters.geojson.reading.reading import ReadingOptions
from adapters.geojson.snapshot import Snapshot, build
from adapters.query_memory import plan_in_memory
from schemas.capability import Capabilities, Pushdown
from schemas.errors import BadUpstream, SourceError, SourceTimeout, SourceTooLarge
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import ProbeResult

_SMALL = 256 * 1024
_VERIFIED = frozenset({"type", "id", "idPattern", "q", "geo", "attrs", "count", "limit", "order"})
"""Filters run on our own copy, so there is nothing to doubt."""


class GeoJsonAdapter:
    """One file. Answers come from the last good copy, which is renewed in the background (`Keeper`)."""

    def __init__(
        self, origin: Origin, rules: MappingRules, options: Mapping[str, Any], context: Context, claims: Capabilities
    ) -> None:
        self.capabilities = claims
        self._origin = origin
        self._rules = rules
        self._context = context
        self._reading = ReadingOptions(
            format=options["format"],
            encoding=options.get("encoding"),
            header_row=options.get("header_row"),
            records=options.get("records"),
            max_rows=options["max_rows"],
        )
        times = Times(options["refresh_seconds"], options["max_stale_seconds"], options["fetch_timeout_seconds"])
        self._keeper: Keeper[Snapshot] = Keeper(self._load, times, options["max_bytes"])

    def plan(self, query: EntityQuery) -> Pushdown | None:
        return plan_in_memory(query, "evaluated by the gateway on its copy of the file")

    async def fetch(self, request: Any, ctx: SourceContext) -> AsyncIterator[Page]:
        query: EntityQuery = request
        if asyncio.get_running_loop().time() >= ctx.deadline:
            raise SourceTimeout("the deadline had passed before it was asked")
        snapshot = await self._keeper.current(ctx)
        page = await snapshot.page(query)
        size = len(page.raw or b"")
        if size > ctx.budget:
            raise SourceTooLarge("the page has more bytes than this request may take")
        ctx.budget -= size
        ctx.received += size
        if page.raw is not None or page.total is not None:
            yield page

    async def types(self, ctx: SourceContext) -> tuple[str, ...]:
        return (await self._keeper.current(ctx)).types()

    async def probe(self, ctx: SourceContext) -> ProbeResult:
        """Reads the file anew. A mapping that names a missing column is a problem here, though not while serving."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            snapshot = await self._keeper.reload(ctx)
        except SourceError as e:
            return ProbeResult(ok=False, problem=e.detail, field=e.field or "endpoint", probed_at=now)
        if snapshot.missing:
            option, words = snapshot.missing[0]
            return ProbeResult(
                ok=False,
                dialect=dialect(snapshot),
                problem=words,
                field=option,
                findings=findings(snapshot),
                probed_at=now,
            )
        return ProbeResult(
            ok=True,
            dialect=dialect(snapshot),
            types=snapshot.types(),
            clock_offset=snapshot.clock_offset,
            verified=_VERIFIED,
            sample=len(snapshot.home),
            findings=findings(snapshot),
            probed_at=now,
        )

    async def close(self) -> None:
        await self._keeper.close()

    async def _load(self, previous: Snapshot | None, ctx: SourceContext) -> Snapshot:
        download = await self._origin.get(previous.version if previous is not None else None, ctx)
        if download.data is None:
            if previous is None:
                raise BadUpstream("it says that nothing has changed, though we have nothing yet", field="endpoint")
            return previous
        work = (download.data, download.version, download.clock_offset, self._reading, self._rules, self._context)
        if len(download.data) <= _SMALL:
            return build(*work)
        return await asyncio.to_thread(build, *work)
