"""Entities of the local store: create, replace, merge and delete one (clauses 5.6.1, 5.6.6, 5.6.17, 5.6.18)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.store.entities import created
from broker.store.entity_change import Change
from broker.web.endpoint import Call, Reply
from broker.web.protocol import LOCATION
from broker.web.provision.calls import Writer, options_of, passed, selected, selection_of
from broker.web.provision.paths import entity_id_of, location
from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.entity import parse_entity
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.instants import is_datetime
from schemas.ngsi_ld.patch_merge import Merging, merge
from schemas.ngsi_ld.write import Write, bare, typed_by

_SIMPLIFIED = ("simplified", "keyValues")
_FORMATS = ("normalized", "concise", *_SIMPLIFIED)


class Provision:
    """The handlers."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def create(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entities` (clause 6.4.3.1)."""
        params = self._writer.begin(call)
        document, context = await self._writer.reader.document(call)
        if not isinstance(document, dict):
            raise InvalidRequest("an entity is a JSON object", field="body", clause="5.6.1")
        whole = parse_entity(document, context=context)
        write = Write("createEntity", whole["id"], context, bare(document), frozenset(types_of(whole)))

        async def local(body: Any) -> Mapping[str, str]:
            entity = whole if body is write.body else parse_entity(body, context=context)
            await self._writer.change_one(call, Change(entity["id"], lambda there: created(there, entity)))
            return {}

        done = Reply(201, b"", [(LOCATION, location(whole["id"]))])
        return await self._writer.distribution.carry(call, params, write, local, done)

    async def replace(self, call: Call) -> Reply:
        """`PUT /ngsi-ld/v1/entities/{id}` (clause 6.5.3.3)."""
        params = self._writer.begin(call, "type")
        entity_id = entity_id_of(call)
        document, context = await self._writer.reader.document(call)
        if not isinstance(document, dict):
            raise InvalidRequest("an entity is a JSON object", field="body", clause="5.6.18")
        given = document if "@id" in document else {"id": entity_id, **document}
        whole = parse_entity(given, context=context)
        if whole["id"] != entity_id:
            raise BadRequestData("the id in the body is another", field="id", value=whole["id"], clause="5.6.18")
        types = selection_of(params, context)
        write = Write(
            "replaceEntity", entity_id, context, bare(given), frozenset(types_of(whole)), params=passed(params)
        )

        async def local(body: Any) -> Mapping[str, str]:
            entity = whole if body is write.body else parse_entity(body, context=context)

            def decide(there: dict[str, Any] | None) -> dict[str, Any]:
                selected(there, entity_id, types)
                return entity

            await self._writer.change_one(call, Change(entity_id, decide))
            return {}

        return await self._writer.distribution.carry(call, params, write, local, Reply(204))

    async def merge(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/entities/{id}` (clause 6.5.3.4)."""
        params = self._writer.begin(call, "type", "format", "options", "lang", "observedAt")
        entity_id = entity_id_of(call)
        document, context = await self._writer.reader.document(call)
        how = merging(params, context)
        types = selection_of(params, context)
        given = bare(document) if isinstance(document, dict) else document
        write = Write("mergeEntity", entity_id, context, given, typed_by(given, context), params=passed(params))

        async def local(body: Any) -> Mapping[str, str]:
            def decide(there: dict[str, Any] | None) -> dict[str, Any]:
                return merge(selected(there, entity_id, types), body, how)

            await self._writer.change_one(call, Change(entity_id, decide))
            return {}

        return await self._writer.distribution.carry(call, params, write, local, Reply(204))

    async def delete(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/entities/{id}` (clause 6.5.3.2)."""
        params = self._writer.begin(call, "type")
        entity_id = entity_id_of(call)
        context = await self._writer.reader.context(call)
        types = selection_of(params, context)
        write = Write("deleteEntity", entity_id, context, params=passed(params))

        async def local(body: Any) -> Mapping[str, str]:
            def decide(there: dict[str, Any] | None) -> None:
                selected(there, entity_id, types)

            await self._writer.change_one(call, Change(entity_id, decide))
            return {}

        return await self._writer.distribution.carry(call, params, write, local, Reply(204))


def merging(params: dict[str, str], context: Context) -> Merging:
    """How the parameters of a merge (table 6.5.3.4-1) want it. Raises InvalidRequest and BadRequestData."""
    chosen = options_of(params, *_FORMATS)
    form = params.get("format")
    if form is not None and form not in _FORMATS:
        raise InvalidRequest("no such format", field="format", value=form)
    observed = params.get("observedAt")
    if observed is not None and not is_datetime(observed):
        raise BadRequestData("it must be a DateTime in UTC", field="observedAt", value=observed, clause="4.6.3")
    simplified = form in _SIMPLIFIED if form is not None else not chosen.isdisjoint(_SIMPLIFIED)
    return Merging(context, simplified=simplified, observed_at=observed, lang=params.get("lang"))
