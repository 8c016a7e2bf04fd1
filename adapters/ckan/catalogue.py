"""The I/O of a CKAN: pages of package_search in order of id, which stays the same while datasets are changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from adapters.catalogued import Batch, Entry, Fault
from adapters.cataloguing.document import digest, parse_json
from adapters.ckan.translate import identifier_of, translate
from adapters.contract import Services, SourceContext
from adapters.status import raise_for_status
from schemas import loose
from schemas.catalogue import CatalogueSource
from schemas.dataset import Dataset
from schemas.errors import BadUpstream

_BOOKKEEPING = frozenset({"tracking_summary", "relationships_as_subject", "relationships_as_object", "total_downloads"})
"""Members that change though the dataset does not."""


class CkanCatalogue:
    """`headers` are sent with every request (CADDE's dialect has some)."""

    def __init__(
        self,
        source: CatalogueSource,
        services: Services,
        options: dict[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        place: str | None = None,
    ) -> None:
        self._source = source
        self._upstream = services.upstream
        self._options = options
        self._headers = {"accept": "application/json", **(headers or {})}
        base = source.endpoint.rstrip("/")
        self._url = place or f"{base}{options['path']}/package_search"
        self._before: list[str] = []

    async def batch(self, cursor: str, validator: str, ctx: SourceContext) -> Batch:
        """`cursor` is the number of datasets that were given out."""
        start = int(cursor or "0")
        most = self._options["max_datasets"]
        if start > most:
            raise BadUpstream(f"it has more than {most} datasets (options.max_datasets), or its pages have no end")
        asked = self._options["page_size"]
        result = await self._search({"q": "*:*", "rows": asked, "start": start, "sort": "id asc"}, ctx)
        entries, faults, ids = await asyncio.to_thread(self._entries, result["results"])
        if ids and ids == self._before:
            raise BadUpstream("it gives the same page again and again")
        self._before = ids
        total = loose.whole(result.get("count"))
        came = start + len(result["results"])
        more = bool(result["results"]) and (came < total if total is not None else len(result["results"]) >= asked)
        return Batch(entries, str(came) if more else "", total=total, faults=tuple(faults))

    async def search(self, words: str, limit: int, ctx: SourceContext) -> list[Entry]:
        result = await self._search({"q": words, "rows": limit}, ctx)
        return self._entries(result["results"][:limit])[0]

    async def check(self, ctx: SourceContext) -> str:
        result = await self._search({"q": "*:*", "rows": 1}, ctx)
        return f"CKAN, {loose.whole(result.get('count')) or 0} datasets"

    async def _search(self, parameters: dict[str, Any], ctx: SourceContext) -> dict[str, Any]:
        if "filter" in self._options:
            parameters["fq"] = self._options["filter"]
        url = f"{self._url}{'&' if '?' in self._url else '?'}{urlencode(parameters)}"
        answer = await self._upstream.request(
            "GET", url, ctx=ctx, headers=self._headers, max_bytes=self._options["max_bytes"], follow=3
        )
        raise_for_status(answer)
        document = parse_json(answer.body, "a CKAN answer")
        if not isinstance(document, dict):
            raise BadUpstream("a CKAN answer is a JSON object", field="endpoint")
        if document.get("success") is False:
            words = loose.line(loose.mapping(document.get("error")).get("message"), 200)
            raise BadUpstream(f"CKAN refuses: {words or 'it says no more'}")
        # CADDE's catalogue answers with the result alone
        result = document.get("result", document)
        if not isinstance(result, dict) or not isinstance(result.get("results"), list):
            raise BadUpstream("a CKAN answer has a list `results`; is the path right?", field="options.path")
        return result

    def _entries(self, records: list[Any]) -> tuple[list[Entry], list[Fault], list[str]]:
        entries: list[Entry] = []
        faults: list[Fault] = []
        ids: list[str] = []
        for place, record in enumerate(records):
            name = identifier_of(record) if isinstance(record, dict) else ""
            ids.append(name)
            if not name:
                faults.append(Fault(f"#{place}", "it is no object with an id"))
                continue
            try:
                mark = digest({k: v for k, v in record.items() if k not in _BOOKKEEPING})
            except BadUpstream as e:
                faults.append(Fault(name, e.detail))
                continue
            entries.append(Entry(name, mark, partial(self._make, record)))
        return entries, faults, ids

    def _make(self, record: dict[str, Any]) -> Dataset:
        return translate(record, self._source, self._options.get("mapping", {}))
