"""The I/O of a DCAT document: a page, its remote @contexts through the guard, and the page that follows (hydra)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any
from urllib.parse import urljoin

from rdflib import Graph

from adapters.catalogued import Batch, Entry, Fault
from adapters.cataloguing.document import parse_json
from adapters.contract import Services, SourceContext
from adapters.dcat.reading import contexts_of, read_graph, syntax_of
from adapters.dcat.translate import datasets_of, digest_of, next_page, total_of, translate
from adapters.status import raise_for_status
from schemas.catalogue import CatalogueSource
from schemas.errors import BadUpstream, SourceUnsupported

_ACCEPT = "application/ld+json, text/turtle;q=0.9, application/rdf+xml;q=0.8, application/json;q=0.5"
_MOST_CONTEXTS = 5
_MOST_PAGES = 10_000


class DcatCatalogue:
    """The cursor is `page number` and the address of the page, so that a harvest goes on where it stopped."""

    def __init__(self, source: CatalogueSource, services: Services, options: dict[str, Any]) -> None:
        self._source = source
        self._upstream = services.upstream
        self._options = options
        self._contexts: dict[str, Any] = {}
        self._been: set[str] = set()

    async def batch(self, cursor: str, validator: str, ctx: SourceContext) -> Batch:
        number, _, url = cursor.partition(" ")
        url = url or self._source.endpoint
        page = int(number or "0")
        if url in self._been or page > _MOST_PAGES:
            raise BadUpstream("its pages lead in a circle")
        self._been.add(url)
        headers = {"accept": _ACCEPT}
        name, _, value = validator.partition(" ")
        if not cursor and name in ("if-none-match", "if-modified-since") and value:
            headers[name] = value
        answer = await self._upstream.request(
            "GET", url, ctx=ctx, headers=headers, max_bytes=self._options["max_bytes"], follow=5
        )
        if answer.status == 304 and len(headers) > 1:
            return Batch([], "", validator=validator, unchanged=True)
        raise_for_status(answer)
        syntax = syntax_of(answer.body, answer.headers.get("content-type", ""), self._options["format"])
        if syntax == "json-ld":
            await self._have_contexts(answer.body, url, ctx)
        most = self._options["max_triples"]
        graph = await asyncio.to_thread(read_graph, answer.body, syntax, url, most, self._contexts)
        entries, faults, following, total = await asyncio.to_thread(self._entries, graph)
        where = urljoin(url, following) if following else ""
        # a page of a larger catalogue does not speak for the whole of it
        etag, modified = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
        version = f"if-none-match {etag}" if etag else f"if-modified-since {modified}" if modified else ""
        return Batch(
            entries,
            f"{page + 1} {where}" if where else "",
            total=total if total is not None else (len(entries) + len(faults) if not where and not cursor else None),
            faults=tuple(faults),
            validator="" if where or cursor else version,
        )

    async def search(self, words: str, limit: int, ctx: SourceContext) -> list[Entry]:
        raise SourceUnsupported("a DCAT document has no search of its own; it can only be copied", field="mode")

    async def check(self, ctx: SourceContext) -> str:
        batch = await self.batch("", "", ctx)
        self._been.clear()
        count = len(batch.entries) if batch.total is None else batch.total
        return f"DCAT, {count} datasets{' on its first page' if batch.cursor and batch.total is None else ''}"

    async def _have_contexts(self, body: bytes, base: str, ctx: SourceContext) -> None:
        needed = [c for c in contexts_of(body) if c not in self._contexts]
        if len(needed) > _MOST_CONTEXTS:
            raise BadUpstream(f"it refers to more than {_MOST_CONTEXTS} @contexts")
        for one in needed:
            answer = await self._upstream.request(
                "GET", urljoin(base, one), ctx=ctx, headers={"accept": "application/ld+json"}, max_bytes=2**20, follow=3
            )
            raise_for_status(answer)
            document = parse_json(answer.body, "an @context")
            found = document.get("@context") if isinstance(document, dict) else None
            if not isinstance(found, dict):
                raise BadUpstream(f"what lies at {one[:200]} is no @context of its own")
            self._contexts[one] = found

    def _entries(self, graph: Graph) -> tuple[list[Entry], list[Fault], str, int | None]:
        entries: list[Entry] = []
        faults: list[Fault] = []
        paths = self._options.get("mapping", {})
        for identifier, node in datasets_of(graph):
            # translated here, as the graph is larger than what is made of it and must not be held
            try:
                dataset = translate(graph, node, identifier, self._source, paths)
            except BadUpstream as e:
                faults.append(Fault(identifier, e.detail))
                continue
            entries.append(Entry(identifier, digest_of(dataset), partial(_same, dataset)))
        return entries, faults, next_page(graph), total_of(graph)


def _same(dataset: Any) -> Any:
    return dataset
