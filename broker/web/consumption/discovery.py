"""`/ngsi-ld/v1/types` and `/ngsi-ld/v1/attributes` (clauses 6.25 to 6.28), and `GET /federation/explain`.

Names of types are asked of every source. What goes beyond them (attributes, kinds, counts) is read from the local store
and taken from what registrations say; more is not to be had without reading all entities (clause 5.7.11).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from uuid import uuid4

import orjson

from broker.federation.discover import promised
from broker.gateway.gateway import Delivery, Gateway, Seen
from broker.store.discovery import LocalDiscovery, TypeInfo
from broker.web.consumption.entities import EntityReads, add_provenance
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.reading import Reader, tenant
from broker.web.rendering import context_document
from schemas.errors import InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.model import ENTITY_MEMBERS

_T = TypeVar("_T")
_Json = dict[str, Any]


class Discovery:
    """The handlers."""

    def __init__(self, gateway: Gateway, reader: Reader, reads: EntityReads, local: LocalDiscovery) -> None:
        self._gateway = gateway
        self._reader = reader
        self._reads = reads
        self._local = local

    async def types(self, call: Call) -> Reply:
        """The entity types that there are now: an EntityTypeList (clause 5.2.24), or EntityTypes (5.2.25)."""
        params = self._parameters(call, "local", "details")
        if _flag(params, "details"):
            return await self._types_in_detail(call, params)
        context = await self._reader.context(call)
        envelope = self._reader.envelope(call, self._reader.caller(call))
        names, delivery = await self._gateway.types(envelope, tenant(call), local=_flag(params, "local"))
        body = _list("EntityTypeList", "typeList", names, context)
        return _reply(call, body, context, delivery)

    async def _types_in_detail(self, call: Call, params: dict[str, str]) -> Reply:
        context = await self._reader.context(call)
        seen = await self._seen(call, params)
        right = seen.right
        held, delivery = await self._ask(call, seen, "types", lambda: self._local.types(tenant(call)))
        found = {
            name: [a for a in attributes if right.covers(name, a)]
            for name, attributes in held.items()
            if right.covers(name)
        }
        for name, attributes in promised(seen.sources).items():
            found[name] = sorted({*found.get(name, ()), *attributes})
        rows = [
            {
                "id": name,
                "type": "EntityType",
                "typeName": context.compact(name),
                "attributeNames": sorted(map(context.compact, attributes)),
            }
            for name, attributes in sorted(found.items())
        ]
        return _reply(call, rows, context, delivery)

    async def type(self, call: Call) -> Reply:
        """An EntityTypeInfo (clause 5.2.26); 404 if neither an entity nor a registration has the type."""
        params = self._parameters(call, "local")
        context = await self._reader.context(call)
        name = context.expand(call.path["type_name"])
        seen = await self._seen(call, params)
        found, delivery = await self._ask(
            call, seen, "types", lambda: self._local.type(tenant(call), name), types=(name,)
        )
        right = seen.right
        if not right.covers(name):
            found = TypeInfo(0, {})
        promised_here = promised(seen.sources)
        if not found.count and name not in promised_here:
            raise NotFound("there are no entities of this type", field="type", value=name, clause="5.7.7")
        attributes: dict[str, list[str]] = {attribute: [] for attribute in sorted(promised_here.get(name, ()))}
        attributes |= {a: kinds for a, kinds in found.attributes.items() if right.covers(name, a)}
        body = {
            "id": name,
            "type": "EntityTypeInfo",
            "typeName": context.compact(name),
            "entityCount": found.count if right.counts(name) else 0,
            "attributeDetails": [
                _attribute(attribute, context) | {"attributeTypes": kinds} for attribute, kinds in attributes.items()
            ],
        }
        return _reply(call, body, context, delivery)

    async def attributes(self, call: Call) -> Reply:
        """The attributes that there are now: an AttributeList (clause 5.2.27), or Attributes (5.2.28)."""
        params = self._parameters(call, "local", "details")
        context = await self._reader.context(call)
        seen = await self._seen(call, params)
        of_sources, right = promised(seen.sources), seen.right
        if not _flag(params, "details") and right.free:
            names, delivery = await self._ask(call, seen, "attributes", lambda: self._local.attributes(tenant(call)))
            every = {*names, *(name for attributes in of_sources.values() for name in attributes)}
            return _reply(call, _list("AttributeList", "attributeList", every, context), context, delivery)
        held, delivery = await self._ask(
            call, seen, "attributes", lambda: self._local.types_of_attributes(tenant(call))
        )
        found = {a: [t for t in types if right.covers(t, a)] for a, types in held.items()}
        found = {a: types for a, types in found.items() if types}
        for type_, attributes in of_sources.items():
            for attribute in attributes:
                found[attribute] = sorted({*found.get(attribute, ()), type_})
        if not _flag(params, "details"):
            return _reply(call, _list("AttributeList", "attributeList", found, context), context, delivery)
        rows = [
            _attribute(name, context) | {"typeNames": sorted(map(context.compact, types))}
            for name, types in sorted(found.items())
        ]
        return _reply(call, rows, context, delivery)

    async def attribute(self, call: Call) -> Reply:
        """An Attribute (clause 5.2.28); 404 if neither an entity nor a registration has it."""
        params = self._parameters(call, "local")
        context = await self._reader.context(call)
        given = call.path["attribute_name"]
        name = given if given in ENTITY_MEMBERS else context.expand(given)
        seen = await self._seen(call, params)
        found, delivery = await self._ask(call, seen, "attributes", lambda: self._local.attribute(tenant(call), name))
        of_sources, right = promised(seen.sources), seen.right
        held = [t for t in found.types if right.covers(t, name)]
        whole = len(held) == len(found.types) and all(map(right.counts, held))
        types = {*held, *(type_ for type_, attributes in of_sources.items() if name in attributes)}
        if not types and not (found.count and right.free):
            raise NotFound("no entity has this attribute", field="attribute", value=given, clause="5.7.10")
        body = _attribute(name, context) | {
            "attributeCount": found.count if whole else 0,
            "attributeTypes": found.kinds if held or right.free else [],
            "typeNames": sorted(map(context.compact, types)),
        }
        return _reply(call, body, context, delivery)

    async def explain(self, call: Call) -> Reply:
        """The plan of the query that the same parameters would ask of `/ngsi-ld/v1/entities`; nothing is asked."""
        envelope = self._reader.envelope(call, self._reader.caller(call))
        query, _, _ = await self._reads.parse(call)
        body = orjson.dumps(self._gateway.explain(query, envelope), option=orjson.OPT_INDENT_2)
        return Reply(200, body, [(b"content-type", b"application/json")])

    def _parameters(self, call: Call, *known: str) -> dict[str, str]:
        self._reader.caller(call)
        params = self._reader.parameters(call)
        for name in params:
            if name not in known:
                raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
        return params

    async def _ask(
        self,
        call: Call,
        seen: Seen,
        operation: str,
        work: Callable[[], Awaitable[_T]],
        *,
        types: tuple[str, ...] = (),
    ) -> tuple[_T, Delivery]:
        """What the local store tells, metered."""
        envelope = self._reader.envelope(call, self._reader.caller(call))
        return await self._gateway.locally(envelope, seen, operation, work, types=types)

    async def _seen(self, call: Call, params: dict[str, str]) -> Seen:
        """Counted once for each request."""
        envelope = self._reader.envelope(call, self._reader.caller(call))
        return await self._gateway.seen(envelope, tenant(call), local=_flag(params, "local"))


def _attribute(name: str, context: Context) -> _Json:
    return {"id": name, "type": "Attribute", "attributeName": context.compact(name)}


def _list(kind: str, member: str, names: Iterable[str], context: Context) -> _Json:
    return {"id": f"urn:ngsi-ld:{kind}:{uuid4()}", "type": kind, member: sorted(map(context.compact, names))}


def _flag(params: dict[str, str], name: str) -> bool:
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidRequest(f"{name} is true or false", field=name, value=text)
    return text == "true"


def _reply(call: Call, body: _Json | list[_Json], context: Context, delivery: Delivery) -> Reply:
    media = choose(call.header(b"accept") or "", PLAIN)
    headers: Headers = [(b"content-type", media.encode())]
    if media is Media.JSONLD:
        document = context_document(context)
        body = (
            [{**row, "@context": document} for row in body]
            if isinstance(body, list)
            else {**body, "@context": document}
        )
    else:
        headers.append((b"link", context.link_header().encode("latin-1")))
    add_provenance(headers, delivery)
    return Reply(200, orjson.dumps(body), headers)
