"""`/ngsi-ld/v1/types` and `/ngsi-ld/v1/attributes` (clauses 6.25 to 6.28), and `GET /federation/explain`.

Every source that offers the operation is asked (clause 5.7.11); of those that don't, or fail, it is told what their
registrations say. Counts of several sources are added up: an entity that is at two of them counts twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

import orjson

from adapters.contract import Describing, SourceContext
from broker.federation.discover import Visible, promised
from broker.gateway.describing import Descriptions
from broker.gateway.gateway import Delivery, Gateway
from broker.store.discovery import LocalDiscovery
from broker.web.consumption.entities import EntityReads, add_provenance
from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.reading import Reader, tenant
from broker.web.rendering import context_document
from schemas.errors import InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.discovery import attributes_united, types_united, united
from schemas.ngsi_ld.model import ENTITY_MEMBERS

_T = TypeVar("_T")
_Json = dict[str, Any]


class Discovery:
    """The handlers."""

    def __init__(self, gateway: Gateway, reader: Reader, reads: EntityReads, local: LocalDiscovery) -> None:
        self._gateway = gateway
        self._descriptions = Descriptions(gateway)
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
        names, delivery = await self._descriptions.types(envelope, tenant(call), local=_flag(params, "local"))
        body = _list("EntityTypeList", "typeList", names, context)
        return _reply(call, body, context, delivery)

    async def _types_in_detail(self, call: Call, params: dict[str, str]) -> Reply:
        context = await self._reader.context(call)
        told = await self._ask(
            call,
            params,
            "retrieveEntityTypeDetails",
            lambda: self._local.types(tenant(call)),
            lambda source, ctx: source.attributes_of_types(ctx),
        )
        found = united([*(right.of_types(table) for right, table in told.answers), told.promised])
        rows = [
            {
                "id": name,
                "type": "EntityType",
                "typeName": context.compact(name),
                "attributeNames": sorted(map(context.compact, attributes)),
            }
            for name, attributes in found.items()
        ]
        return _reply(call, rows, context, told.delivery)

    async def type(self, call: Call) -> Reply:
        """An EntityTypeInfo (clause 5.2.26); 404 if neither an entity nor a registration has the type."""
        params = self._parameters(call, "local")
        context = await self._reader.context(call)
        name = context.expand(call.path["type_name"])
        told = await self._ask(
            call,
            params,
            "retrieveEntityTypeInfo",
            lambda: self._local.type(tenant(call), name),
            lambda source, ctx: source.type_info(name, ctx),
            types=(name,),
        )
        found = types_united([right.of_type(name, info) for right, info in told.answers])
        if not found.count and not found.attributes and name not in told.promised:
            raise NotFound("there are no entities of this type", field="type", value=name, clause="5.7.7")
        attributes: dict[str, list[str]] = {attribute: [] for attribute in sorted(told.promised.get(name, ()))}
        attributes |= found.attributes
        body = {
            "id": name,
            "type": "EntityTypeInfo",
            "typeName": context.compact(name),
            "entityCount": found.count,
            "attributeDetails": [
                _attribute(attribute, context) | {"attributeTypes": kinds} for attribute, kinds in attributes.items()
            ],
        }
        return _reply(call, body, context, told.delivery)

    async def attributes(self, call: Call) -> Reply:
        """The attributes that there are now: an AttributeList (clause 5.2.27), or Attributes (5.2.28)."""
        params = self._parameters(call, "local", "details")
        context = await self._reader.context(call)
        if not _flag(params, "details") and self._reader.caller(call).admin:
            return await self._every_name(call, params, context)
        told = await self._ask(
            call,
            params,
            "retrieveAttrTypeDetails" if _flag(params, "details") else "retrieveAttrTypes",
            lambda: self._local.types_of_attributes(tenant(call)),
            lambda source, ctx: source.types_of_attributes(ctx),
        )
        found = united([*(right.of_attributes(table) for right, table in told.answers), told.promised_attributes])
        if not _flag(params, "details"):
            return _reply(call, _list("AttributeList", "attributeList", found, context), context, told.delivery)
        rows = [
            _attribute(name, context) | {"typeNames": sorted(map(context.compact, types))}
            for name, types in found.items()
        ]
        return _reply(call, rows, context, told.delivery)

    async def _every_name(self, call: Call, params: dict[str, str], context: Context) -> Reply:
        """Of attributes, for who may see all."""
        told = await self._ask(
            call,
            params,
            "retrieveAttrTypes",
            lambda: self._local.attributes(tenant(call)),
            lambda source, ctx: source.attribute_names(ctx),
        )
        every = {*told.promised_attributes, *(name for _, names in told.answers for name in names)}
        return _reply(call, _list("AttributeList", "attributeList", every, context), context, told.delivery)

    async def attribute(self, call: Call) -> Reply:
        """An Attribute (clause 5.2.28); 404 if neither an entity nor a registration has it."""
        params = self._parameters(call, "local")
        context = await self._reader.context(call)
        given = call.path["attribute_name"]
        name = given if given in ENTITY_MEMBERS else context.expand(given)
        told = await self._ask(
            call,
            params,
            "retrieveAttrTypeInfo",
            lambda: self._local.attribute(tenant(call), name),
            lambda source, ctx: source.attribute_info(name, ctx),
        )
        found = attributes_united([right.of_attribute(name, info) for right, info in told.answers])
        types = {*found.types, *told.promised_attributes.get(name, ())}
        if not types and not found.count:
            raise NotFound("no entity has this attribute", field="attribute", value=given, clause="5.7.10")
        body = _attribute(name, context) | {
            "attributeCount": found.count,
            "attributeTypes": found.kinds,
            "typeNames": sorted(map(context.compact, types)),
        }
        return _reply(call, body, context, told.delivery)

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
        params: dict[str, str],
        offered: str,
        work: Callable[[], Awaitable[_T]],
        question: Callable[[Describing, SourceContext], Awaitable[_T]],
        *,
        types: tuple[str, ...] = (),
    ) -> _Told[_T]:
        """What the local store tells, and by an operation of clause 4.20 the sources; metered."""
        envelope = self._reader.envelope(call, self._reader.caller(call))
        local = _flag(params, "local")
        found = await self._descriptions.described(
            envelope, tenant(call), offered, work, question, local=local, types=types
        )
        return _Told([(Visible(right), told) for right, told in found.answers], promised(found.silent), found.delivery)


@dataclass(slots=True)
class _Told(Generic[_T]):
    """`answers`: what each says, with what may be seen of it. `promised`: type → attributes that the registrations of
    those have who said nothing."""

    answers: list[tuple[Visible, _T]]
    promised: dict[str, set[str]]
    delivery: Delivery

    @property
    def promised_attributes(self) -> dict[str, set[str]]:
        """Attribute → types."""
        found: dict[str, set[str]] = {}
        for type_, attributes in self.promised.items():
            for attribute in attributes:
                found.setdefault(attribute, set()).add(type_)
        return found


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
