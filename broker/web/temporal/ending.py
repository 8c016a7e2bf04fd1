"""`DELETE /ngsi-ld/v1/entities/{id}/attrs/{attr}` of an entity that is known by its evolution alone (clause 4.5.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from broker.federation.split import Split
from broker.gateway.permits import Permit
from broker.store.temporal import Evolutions
from broker.web.endpoint import Call, Handler, Reply
from broker.web.reading import Reader, tenant
from broker.web.temporal.target import Target, target
from schemas.errors import NotFound
from schemas.ngsi_ld.write import Write

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

            async def end() -> bool:
                chosen = None if everything else dataset
                return await evolutions.end_attribute(tenant(call), where.entity, attribute, chosen)

            if not await (end() if call.permit is None else _by_right(call.permit, where, attribute, end)):
                raise
            return Reply(204)

    return handler


async def _by_right(permit: Permit, where: Target, attribute: str, end: Callable[[], Awaitable[bool]]) -> bool:
    write = Write("deleteAttrsTemporal", where.entity, attribute=attribute)
    await permit.checked(write, Split(local=write))
    async with permit.recorded(write):
        return await end()
