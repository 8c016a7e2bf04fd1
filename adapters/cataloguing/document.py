"""A catalogue that comes as one document: downloaded whole, with a conditional request, and given out in batches."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from adapters.catalogued import Batch, Entry, Fault
from adapters.contract import Services, SourceContext
from adapters.status import raise_for_status
from schemas.catalogue import CatalogueSource
from schemas.errors import BadUpstream, SourceUnsupported

_REDIRECTS = 5
_BATCH = 500
Read = Callable[[bytes, str], tuple[list[Entry], list[Fault]]]
"""The document and its media type to entries; raises BadUpstream. Run in a thread."""


class DocumentCatalogue:
    """`read` knows the dialect. What was read stays for the batches of the same harvest."""

    def __init__(
        self, source: CatalogueSource, services: Services, options: dict[str, Any], accept: str, read: Read, what: str
    ) -> None:
        self._url = source.endpoint
        self._upstream = services.upstream
        self._options = options
        self._accept = accept
        self._read = read
        self._what = what
        self._held: tuple[list[Entry], list[Fault], str] | None = None

    async def batch(self, cursor: str, validator: str, ctx: SourceContext) -> Batch:
        """By places in the list; an interrupted harvest downloads the document again."""
        if self._held is None:
            found = await self._download("" if cursor else validator, ctx)
            if found is None:
                return Batch([], "", validator=validator, unchanged=True)
            self._held = found
        entries, faults, version = self._held
        start = int(cursor or "0")
        end = start + _BATCH
        return Batch(
            entries[start:end],
            str(end) if end < len(entries) else "",
            total=len(entries) + len(faults),
            faults=tuple(faults) if start == 0 else (),
            validator=version,
        )

    async def search(self, words: str, limit: int, ctx: SourceContext) -> list[Entry]:
        raise SourceUnsupported("a document has no search of its own; it can only be copied", field="mode")

    async def check(self, ctx: SourceContext) -> str:
        batch = await self.batch("", "", ctx)
        return f"{self._what}, {batch.total} datasets"

    async def _download(self, validator: str, ctx: SourceContext) -> tuple[list[Entry], list[Fault], str] | None:
        headers = {"accept": self._accept}
        name, _, value = validator.partition(" ")
        if name in ("if-none-match", "if-modified-since") and value:
            headers[name] = value
        answer = await self._upstream.request(
            "GET", self._url, ctx=ctx, headers=headers, max_bytes=self._options["max_bytes"], follow=_REDIRECTS
        )
        if answer.status == 304 and validator:
            return None
        raise_for_status(answer)
        # parsing a large document would hold up every other request of this worker
        entries, faults = await asyncio.to_thread(self._read, answer.body, answer.headers.get("content-type", ""))
        most = self._options["max_datasets"]
        if len(entries) > most:
            raise BadUpstream(f"it has {len(entries)} datasets, more than {most} (options.max_datasets)")
        etag, modified = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
        version = f"if-none-match {etag}" if etag else f"if-modified-since {modified}" if modified else ""
        return entries, faults, version


def digest(record: Any) -> bytes:
    """Of a JSON value, whatever the order of its members. BadUpstream for what is nested too deeply."""
    try:
        return hashlib.blake2b(orjson.dumps(record, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    except (TypeError, ValueError) as e:
        raise BadUpstream(f"the record can't be written down: {e}") from None


def parse_json(body: bytes, what: str) -> Any:
    """BadUpstream says in plain words what came instead of JSON."""
    start = body[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<"):
        raise BadUpstream(f"an HTML or XML page came instead of {what}", field="endpoint")
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as e:
        raise BadUpstream(f"what came is not JSON: {e}", field="endpoint") from None
