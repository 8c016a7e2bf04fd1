"""`DELETE /ngsi-ld/v1/entities`: purge what a query finds, here and at other sources (clauses 5.6.21 and 6.4.3.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from broker.federation.engine import federate
from broker.federation.entity_map import IDS_IN_A_QUESTION, LOCAL
from broker.federation.execute import Limits
from broker.federation.split import Part
from broker.federation.split_purge import purge_parts
from broker.gateway.gateway import Gateway
from broker.registry.source import Source
from broker.store.entity_change import Change
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.web import entity_map_parts as maps
from broker.web.endpoint import Call, Reply
from broker.web.provision.calls import Writer, passed
from broker.web.provision.shares import JSON, Share, errors_of
from broker.web.reading import tenant
from schemas.errors import BadRequestData, NotFound, StoreUnavailable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.model import SYSTEM_MEMBERS
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.patch import drop_members, keep_members
from schemas.ngsi_ld.projection import parse_projection
from schemas.ngsi_ld.query import EntityQuery
from schemas.outcome import Status

_FILTERS = (
    *("id", "type", "idPattern", "attrs", "q", "scopeQ", "csf"),
    *("georel", "geometry", "coordinates", "geoproperty", "geometryProperty"),
)
_PAGE = 1000
_BUDGET_S = 60.0
_UNBOUNDED = 2**31
"""What is found is not passed on, only its ids are kept."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The entities of an EntityMap by who holds them."""

    map: StoredMap
    ids: Mapping[str, tuple[str, ...]]


class Purge:
    """The handler."""

    def __init__(self, writer: Writer, gateway: Gateway, store: EntityMaps) -> None:
        self._writer = writer
        self._gateway = gateway
        self._store = store

    async def purge(self, call: Call) -> Reply:
        """Delete the entities that the parameters find, or only the attributes that they name."""
        # what a query finds is known too late to be judged by rights
        self._writer.reader.callers.administer(call.headers)
        params = self._writer.begin(call, *_FILTERS, "keep", "drop")
        context = await self._writer.reader.context(call)
        given = passed(params)
        keep, drop = (_names(params.pop(name, None), name, context) for name in ("keep", "drop"))
        if keep and drop:
            raise BadRequestData("keep excludes drop", field="keep", clause="5.6.21")
        params.pop("geometryProperty", None)
        query, _ = parse_query(params, context, tenant=tenant(call))
        _check(query)
        held = await self._held(call, query)
        sources = self._writer.distribution.sources(call, params)
        parts = purge_parts(query, given, sources) if held is None else _of_map(held, query, given, sources)
        here = query if held is None else query.alter(ids=_within(held, LOCAL, query))
        skipped = held is not None and not here.ids
        elsewhere, _ = await asyncio.gather(self._elsewhere(call, parts), self._here(call, here, keep, drop, skipped))
        errors = [error for share in elsewhere for error in errors_of(share, "")]
        located = [] if held is None else [maps.location(held.map)]
        if not errors:
            return Reply(204, b"", located)
        # what failed is no single entity
        told = [{k: v for k, v in error.items() if k != "entityId" or v} for error in errors]
        return Reply(207, orjson.dumps({"success": [], "errors": told}), [JSON, *located])

    async def _held(self, call: Call, query: EntityQuery) -> _Held | None:
        """What the EntityMap holds that the call names (table 6.4.3.3-2). NotFound if there is none: a purge of more
        than that was not asked for."""
        named = call.header(maps.HEADER.encode())
        if named is None:
            return None
        caller = self._writer.reader.callers.identify(call.headers)
        stored = await maps.find(self._store, named, query.tenant, caller)
        if stored is None:
            raise NotFound(
                "there is no such EntityMap, or it has expired", field="NGSILD-EntityMap", value=named, clause="6.4.3.3"
            )
        ids: dict[str, list[str]] = {}
        for entry in await self._store.entries(stored.id):
            for source in entry.sources:
                ids.setdefault(source, []).append(entry.entity)
        return _Held(stored, {source: tuple(names) for source, names in ids.items()})

    async def _elsewhere(self, call: Call, parts: list[Part]) -> list[Share]:
        return await self._writer.distribution.send(call, parts, parts[0].write) if parts else []

    async def _here(
        self, call: Call, query: EntityQuery, keep: frozenset[str], drop: frozenset[str], skipped: bool
    ) -> None:
        if skipped:
            return
        for ids in _chunks(await self._found(call, query.alter(local=True, limit=_PAGE))):
            await self._writer.change(call, [Change(name, _purging(keep, drop)) for name in ids])

    async def _found(self, call: Call, query: EntityQuery) -> list[str]:
        """The ids of the local entities that the query takes."""
        limits = Limits(_BUDGET_S, _UNBOUNDED, str(call.request), "")
        ids: list[str] = []
        while True:
            result = await federate(
                query.alter(offset=len(ids)),
                [source for source in self._gateway.registry.match(query) if not source.network],
                limits,
                build=True,
                max_collect=_UNBOUNDED,
            )
            if any(outcome.status not in (Status.OK, Status.EMPTY) for outcome in result.outcomes):
                raise StoreUnavailable("the local store did not answer")
            found = [entity["id"] for entity in result.entities or ()]
            ids += found
            if len(found) < _PAGE:
                return ids


def _within(held: _Held, source: str, query: EntityQuery) -> tuple[str, ...]:
    """What a source holds of a map, of those that the query names."""
    return tuple(name for name in held.ids.get(source, ()) if not query.ids or name in query.ids)


def _of_map(held: _Held, query: EntityQuery, given: Mapping[str, str], sources: Sequence[Source]) -> list[Part]:
    """The parts of those who hold something of a map."""
    parts: list[Part] = []
    for source in sources:
        ids = _within(held, source.id, query)
        for start in range(0, len(ids), IDS_IN_A_QUESTION):
            chunk = ids[start : start + IDS_IN_A_QUESTION]
            parts += purge_parts(query.alter(ids=chunk), {**given, "id": ",".join(chunk)}, [source])
    return parts


def _check(query: EntityQuery) -> None:
    """Raises BadRequestData for a query that is too wide, or looks into linked entities."""
    if query.q is not None and "join" in query.q.operators:
        raise BadRequestData("a purge does not look into linked entities", field="q", clause="5.6.21.4")
    named = query.q is not None and not query.q.attributes <= SYSTEM_MEMBERS
    if not (query.local or query.types is not None or query.attrs or query.geo is not None or named):
        raise BadRequestData(
            "type, attrs, q with an attribute of the entity's own, a geometry or local=true is needed",
            field="type",
            clause="5.6.21.4",
        )


def _names(text: str | None, field: str, context: Context) -> frozenset[str]:
    """Names of members, as IRIs where they are attributes."""
    if text is None:
        return frozenset()
    names = parse_projection(text, field=field, context=context)
    return frozenset(name if name in ("id", "type", "scope") else context.expand(name) for name in names)


def _purging(keep: frozenset[str], drop: frozenset[str]) -> Any:
    def decide(there: dict[str, Any] | None) -> dict[str, Any] | None:
        if there is None or not (keep or drop):
            return None
        return keep_members(there, keep) if keep else drop_members(there, drop)

    return decide


def _chunks(ids: list[str]) -> list[list[str]]:
    return [ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)]
