"""Writing temporal evolutions (clauses 6.18.3.1, 6.19.3.2 and 6.20 to 6.22)."""

from __future__ import annotations

from urllib.parse import quote

from broker.store.temporal import Evolutions
from broker.web.endpoint import Call, Reply
from broker.web.protocol import LOCATION
from broker.web.reading import Reader, tenant
from broker.web.temporal.target import target
from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.temporal_entity import parse_evolution, parse_instance


class TemporalWrites:
    """The handlers. In closed mode the key of the administration is needed."""

    def __init__(self, evolutions: Evolutions, reader: Reader) -> None:
        self._evolutions = evolutions
        self._reader = reader

    def _begin(self, call: Call, *known: str) -> dict[str, str]:
        """Who asks may write; the parameters, all of them `known`: they are looked at before the body (clause 6.3.20).
        `local` always is, since only the local store is written to."""
        self._reader.callers.administer(call.headers)
        params = self._reader.parameters(call)
        for name in params:
            if name not in known and name != "local":
                raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
        return params

    async def create(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entities`: 201, or 204 if the evolution was there and has been added to."""
        self._begin(call)
        document, context = await self._reader.document(call)
        given = parse_evolution(document, context=context)
        made = await self._evolutions.add(tenant(call), given.id, given.types, given.instances, create=True)
        if not made:
            return Reply(204)
        location = "/ngsi-ld/v1/temporal/entities/" + quote(given.id, safe=":")
        return Reply(201, b"", [(LOCATION, location.encode())])

    async def delete(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/temporal/entities/{id}`."""
        self._begin(call)
        await self._evolutions.delete(tenant(call), target(call).entity)
        return Reply(204)

    async def add(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/temporal/entities/{id}/attrs`."""
        self._begin(call)
        entity = target(call).entity
        document, context = await self._reader.document(call)
        given = parse_evolution(document, context=context, fragment=True)
        if isinstance(document, dict) and document.get("id", entity) != entity:
            raise BadRequestData("the id in the body is another", field="id", value=given.id, clause="5.6.12")
        await self._evolutions.add(tenant(call), entity, given.types, given.instances, create=False)
        return Reply(204)

    async def delete_attribute(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/temporal/entities/{id}/attrs/{attr}`, and of an instance where the path goes on."""
        params = self._begin(call, "datasetId", "deleteAll")
        where = target(call)
        context = await self._reader.context(call)
        attribute = where.attribute_iri(context)
        if where.instance:
            await self._evolutions.delete_instance(tenant(call), where.entity, attribute, where.instance_id())
            return Reply(204)
        everything, dataset = params.get("deleteAll", "false"), params.get("datasetId", "")
        if everything not in ("true", "false"):
            raise InvalidRequest("deleteAll is true or false", field="deleteAll", value=everything)
        if dataset == "@none":
            dataset = ""
        if dataset and not is_uri(dataset):
            raise BadRequestData("a datasetId is a URI", field="datasetId", value=dataset, clause="6.21.3.1")
        await self._evolutions.delete_attribute(
            tenant(call), where.entity, attribute, None if everything == "true" else dataset
        )
        return Reply(204)

    async def modify_instance(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/temporal/entities/{id}/attrs/{attr}/{instance}`."""
        self._begin(call)
        where = target(call)
        if not where.attribute or not where.instance:
            return Reply(405, b"", [(b"allow", b"DELETE, OPTIONS")])
        name = where.instance_id() if is_uri(where.instance) else None
        document, context = await self._reader.document(call)
        attribute = where.attribute_iri(context)
        new = parse_instance(where.attribute, document, context=context)
        await self._evolutions.replace_instance(tenant(call), where.entity, attribute, name or where.instance_id(), new)
        return Reply(204)
