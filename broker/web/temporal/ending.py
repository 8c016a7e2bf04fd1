"""`DELETE /ngsi-ld/v1/entities/{id}/attrs/{attr}` of an entity that is known by its evolution alone (clause 4.5.7)."""

from __future__ import annotations

from broker.store.temporal import Evolutions
from broker.web.endpoint import Call, Handler, Reply
from broker.web.reading import Reader, tenant
from broker.web.temporal.target import target
from schemas.errors import NotFound

_ENTITIES = b"/ngsi-ld/v1/entities/"


def ending(delete: Handler, evolutions: Evolutions, reader: Reader) -> Handler:
    """`delete`, and where it finds no such entity or attribute: the end of the attribute is recorded in the evolution,
    if there is one that has it."""

    async def handler(call: Call) -> Reply:
        try:
            return await delete(call)
        except NotFound as error:
            if error.field == "type":
                # there is such an entity, and it is not the one that was meant (clause 4.17)
                raise
            where = target(call, _ENTITIES)
            params = reader.parameters(call)
            attribute = where.attribute_iri(await reader.context(call))
            dataset = params.get("datasetId", "@none").replace("@none", "")
            everything = params.get("deleteAll") == "true"
            if not await evolutions.end_attribute(
                tenant(call), where.entity, attribute, None if everything else dataset
            ):
                raise
            return Reply(204)

    return handler
