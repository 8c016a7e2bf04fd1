"""NGSI-LD sources for the tests: small, honest servers on loopback (or with a fault of a known kind), in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

import orjson

from adapters.query_memory import EntityTable
from adapters.testing.serving import Reply, Request, Server
from schemas.errors import KakehashiError
from schemas.ngsi_ld.context import CORE, Context, core_of
from schemas.ngsi_ld.link import parse_link_context
from schemas.ngsi_ld.params import parse_query, parse_retrieve
from schemas.ngsi_ld.rename import compact_entity, expand_entity
from schemas.ngsi_ld.representation import strip_sys_attrs

Entity = dict[str, Any]
T = TypeVar("T")
_ROOT = "/ngsi-ld/v1"
_SELECTING = ("type", "attrs", "q", "georel", "local")


class Unresolvable(Exception):
    """The source can't have this @context."""


class NgsiLdSource:
    """`NgsiLdSource(entities)` is what a `Server` answers with. Entities are normalized, in core names.

    `contexts`: the @contexts that it can resolve, by URL, beside the core. `own`: it answers in this one whatever it
    is asked in. `ignores`: names of parameters that it takes and does not apply. `page_limit`: the largest page;
    beyond it, `cuts` says whether it gives less or refuses. `links`: it sends `rel="next"`. `strict`: it refuses a
    query without type, attrs, q and georel, as clause 5.7.2.4 has it.
    """

    def __init__(
        self,
        entities: Iterable[Entity],
        *,
        contexts: Mapping[str, Context] | None = None,
        own: Context | None = None,
        ignores: Iterable[str] = (),
        page_limit: int = 1000,
        cuts: bool = False,
        links: bool = False,
        counts: bool = True,
        strict: bool = True,
        key: str | None = None,
        server: str = "small-broker/1.0",
    ) -> None:
        self.entities = [expand_entity(entity, CORE) for entity in entities]
        self.contexts = dict(contexts or {})
        self.own = own
        self.ignores = frozenset(ignores)
        self.page_limit = page_limit
        self.cuts = cuts
        self.links = links
        self.counts = counts
        self.strict = strict
        self.key = key
        self.server = server
        self._tables: dict[tuple[Context, bool], EntityTable] = {}

    def __call__(self, request: Request) -> Reply:
        try:
            return self._answer(request)
        except Unresolvable as e:
            return _problem(503, "https://uri.etsi.org/ngsi-ld/errors/LdContextNotAvailable", f"no context {e}")
        except KakehashiError as e:
            return _problem(400, "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", e.detail)

    def put(self, entities: Iterable[Entity]) -> None:
        """Other entities from now on."""
        self.entities = [expand_entity(entity, CORE) for entity in entities]
        self._tables.clear()

    def _answer(self, request: Request) -> Reply:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return _problem(401, "about:blank", "who is asking?")
        path, _, query = request.target.partition("?")
        asked_in = self._context(request.headers.get("link"))
        given = dict(parse_qsl(query, keep_blank_values=True))
        if path == f"{_ROOT}/entities" and self.strict and given.keys().isdisjoint(_SELECTING):
            return _problem(400, "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "too wide")
        params = {k: v for k, v in given.items() if k not in self.ignores}
        if path == f"{_ROOT}/types":
            names = sorted({t for e in self.entities for t in _listed(e["type"])})
            body = {"id": "urn:ngsi-ld:EntityTypeList:1", "type": "EntityTypeList", "typeList": names}
            return Reply(orjson.dumps(body), 200, {"content-type": "application/json", "server": self.server})
        if path == f"{_ROOT}/entities":
            return self._query(params, asked_in, query)
        if path.startswith(f"{_ROOT}/entities/"):
            return self._retrieve(request.path.removeprefix(f"{_ROOT}/entities/"), params, asked_in)
        return Reply(b"nothing here", 404, {"content-type": "text/plain"})

    def _context(self, link: str | None) -> Context:
        url = None if link is None else parse_link_context(link)
        if url is None:
            return CORE
        found = core_of(url) or self.contexts.get(url)
        if found is None:
            raise Unresolvable(url)
        return found

    def _table(self, context: Context, sys_attrs: bool) -> EntityTable:
        key = (context, sys_attrs)
        if key not in self._tables:
            rows = self.entities if sys_attrs else [strip_sys_attrs(e) for e in self.entities]
            self._tables[key] = EntityTable(compact_entity(e, context) for e in rows)
        return self._tables[key]

    def _query(self, params: dict[str, str], asked_in: Context, raw: str) -> Reply:
        limit = int(params.get("limit", str(self.page_limit) if "limit" in self.ignores else "20"))
        if limit > self.page_limit:
            if not self.cuts:
                return _problem(400, "https://uri.etsi.org/ngsi-ld/errors/BadRequestData", "limit is too large")
            limit = self.page_limit
        params["limit"] = str(limit)
        query, _ = parse_query(params | {"local": "true"}, asked_in)
        page = self._table(asked_in, query.sys_attrs).page(query.alter(count=True))
        headers = self._headers(asked_in)
        if query.count and self.counts:
            headers["ngsild-results-count"] = str(page.total)
        if self.links and (page.total or 0) > query.offset + query.limit:
            kept = [p for p in raw.split("&") if p.partition("=")[0] not in ("offset", "limit")]
            target = "&".join([*kept, f"limit={query.limit}", f"offset={query.offset + query.limit}"])
            headers["link"] += (
                f', <{_ROOT}/entities?{quote(target, safe="&=%,:")}>; rel="next"; type="application/ld+json"'
            )
        return Reply(self._spoken(page.raw or b"[]", asked_in), 200, headers)

    def _retrieve(self, entity_id: str, params: dict[str, str], asked_in: Context) -> Reply:
        query, _ = parse_retrieve(entity_id, params, asked_in)
        page = self._table(asked_in, query.sys_attrs).page(query)
        if page.raw is None:
            return _problem(404, "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound", "no such entity")
        return Reply(self._spoken(page.raw, asked_in), 200, self._headers(asked_in))

    def _headers(self, asked_in: Context) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "server": self.server,
            "link": (self.own or asked_in).link_header(),
        }

    def _spoken(self, raw: bytes, asked_in: Context) -> bytes:
        """In the context of its own, if it has one."""
        if self.own is None:
            return raw
        rows = orjson.loads(raw)
        if isinstance(rows, dict):
            return orjson.dumps(compact_entity(expand_entity(rows, asked_in), self.own))
        return orjson.dumps([compact_entity(expand_entity(row, asked_in), self.own) for row in rows])


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


def _problem(status: int, kind: str, title: str) -> Reply:
    body = orjson.dumps({"type": kind, "title": title, "status": status})
    return Reply(body, status, {"content-type": "application/problem+json"})


class Host:
    """A thread with an event loop in which servers run, so that tests may be plain functions."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="sources", daemon=True)
        self._thread.start()
        self._entered: list[AbstractAsyncContextManager[Any]] = []

    def start(self, server: AbstractAsyncContextManager[T]) -> T:
        """Enter it; `stop` leaves it."""
        entered = asyncio.run_coroutine_threadsafe(server.__aenter__(), self.loop).result(10)
        self._entered.append(server)
        return entered

    def serve(self, answer: Any) -> Server:
        return self.start(Server(answer))

    def stop(self, server: AbstractAsyncContextManager[Any]) -> None:
        self._entered.remove(server)
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), self.loop).result(10)

    def close(self) -> None:
        for server in list(self._entered):
            self.stop(server)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
