"""Writing temporal evolutions (clauses 6.18.3.1, 6.19.3.2 and 6.20 to 6.22), here and at the sources that are
registered for it (clauses 5.6.11 to 5.6.16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from broker.federation.split import depends_on_type, with_types
from broker.store.temporal import Evolutions
from broker.web.endpoint import Call, Reply
from broker.web.protocol import LOCATION
from broker.web.provision.calls import flag, passed
from broker.web.provision.distribution import Distribution, Local
from broker.web.provision.shares import Share, answered, without_strangers
from broker.web.reading import Reader, tenant
from broker.web.temporal.target import target
from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.temporal_entity import only_instance, parse_evolution, parse_instance
from schemas.ngsi_ld.write import Write, bare

_NOTHING: Mapping[str, str] = {}


class TemporalWrites:
    """The handlers. In closed mode the key of the administration is needed, or a right to write."""

    def __init__(self, evolutions: Evolutions, distribution: Distribution, reader: Reader) -> None:
        self._evolutions = evolutions
        self._distribution = distribution
        self._reader = reader

    def _begin(self, call: Call, *known: str) -> dict[str, str]:
        """Who asks may write, and the request has not been here; the parameters, all of them `known`: they are looked
        at before the body (clause 6.3.20). `local` always is."""
        self._distribution.admit(call)
        params = self._reader.parameters(call)
        for name in params:
            if name not in known and name != "local":
                raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
        flag(params, "local")
        return params

    async def create(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entities`: 201, or 204 if the evolution was there and has been added to."""
        params = self._begin(call)
        document, context = await self._reader.document(call)
        whole = parse_evolution(document, context=context)
        given = bare(document)
        made = False

        async def local(body: Any) -> Mapping[str, str]:
            nonlocal made
            mine = whole if body is given else parse_evolution(body, context=context)
            made = await self._evolutions.add(tenant(call), mine.id, mine.types, mine.instances, create=True)
            return _NOTHING

        write = Write("upsertTemporal", whole.id, context, given, frozenset(whole.types))
        shares = await self._shares(call, params, write, local)
        if not made and not any(share.created for share in shares):
            return answered(write, shares, Reply(204), False, call.problem_media)
        location = "/ngsi-ld/v1/temporal/entities/" + quote(whole.id, safe=":")
        done = Reply(201, b"", [(LOCATION, location.encode())])
        return answered(write, shares, done, False, call.problem_media)

    async def delete(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/temporal/entities/{id}`."""
        params = self._begin(call)
        entity = target(call).entity

        async def local(body: Any) -> Mapping[str, str]:
            await self._evolutions.delete(tenant(call), entity)
            return _NOTHING

        return await self._where_it_is(call, params, Write("deleteTemporal", entity), local, attributes=False)

    async def add(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entities/{id}/attrs`."""
        params = self._begin(call)
        entity = target(call).entity
        document, context = await self._reader.document(call)
        whole = parse_evolution(document, context=context, fragment=True)
        if document.get("id", entity) != entity:
            raise BadRequestData("the id in the body is another", field="id", value=whole.id, clause="5.6.12")
        given = bare(document)

        async def local(body: Any) -> Mapping[str, str]:
            mine = whole if body is given else parse_evolution(body, context=context, fragment=True)
            await self._evolutions.add(tenant(call), entity, mine.types, mine.instances, create=False)
            return _NOTHING

        write = Write("appendAttrsTemporal", entity, context, given, frozenset(whole.types))
        return await self._where_it_is(call, params, write, local)

    async def delete_attribute(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/temporal/entities/{id}/attrs/{attr}`, and of an instance where the path goes on."""
        params = self._begin(call, "datasetId", "deleteAll")
        where = target(call)
        context = await self._reader.context(call)
        attribute = where.attribute_iri(context)
        if where.instance:
            name = where.instance_name()

            async def instance(body: Any) -> Mapping[str, str]:
                await self._evolutions.delete_instance(tenant(call), where.entity, attribute, where.instance_id())
                return _NOTHING

            write = Write("deleteAttrInstanceTemporal", where.entity, context, attribute=where.attribute, instance=name)
            return await self._where_it_is(call, params, write, instance)
        everything, dataset = flag(params, "deleteAll"), params.get("datasetId", "")
        if dataset == "@none":
            dataset = ""
        if dataset and not is_uri(dataset):
            raise BadRequestData("a datasetId is a URI", field="datasetId", value=dataset, clause="6.21.3.1")

        async def local(body: Any) -> Mapping[str, str]:
            chosen = None if everything else dataset
            await self._evolutions.delete_attribute(tenant(call), where.entity, attribute, chosen)
            return _NOTHING

        write = Write("deleteAttrsTemporal", where.entity, context, attribute=where.attribute, params=passed(params))
        return await self._where_it_is(call, params, write, local)

    async def modify_instance(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/temporal/entities/{id}/attrs/{attr}/{instance}`."""
        params = self._begin(call)
        where = target(call)
        if not where.attribute or not where.instance:
            return Reply(405, b"", [(b"allow", b"DELETE, OPTIONS")])
        name = where.instance_name()
        document, context = await self._reader.document(call)
        attribute = where.attribute_iri(context)
        new = parse_instance(where.attribute, document, context=context)

        async def local(body: Any) -> Mapping[str, str]:
            entity, instance = where.entity, where.instance_id()
            await self._evolutions.replace_instance(tenant(call), entity, attribute, instance, new)
            return _NOTHING

        write = Write(
            "updateAttrInstanceTemporal",
            where.entity,
            context,
            [only_instance(where.attribute, document, context)],
            attribute=where.attribute,
            instance=name,
        )
        return await self._where_it_is(call, params, write, local)

    async def _where_it_is(
        self, call: Call, params: Mapping[str, str], write: Write, local: Local, *, attributes: bool = True
    ) -> Reply:
        """Of an operation on an evolution that has to be there: who has none is no failure if another has."""
        shares = without_strangers(await self._shares(call, params, write, local))
        return answered(write, shares, Reply(204), attributes, call.problem_media)

    async def _shares(self, call: Call, params: Mapping[str, str], write: Write, local: Local) -> list[Share]:
        sources = self._distribution.sources(call, params, temporal=True)
        if write.operation != "upsertTemporal" and depends_on_type(sources):
            held = await self._evolutions.types(tenant(call), write.id)
            write = with_types(write, {*write.types, *held})
        return await self._distribution.shares(call, write, sources, local)
