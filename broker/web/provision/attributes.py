"""Attributes of local entities: append, update, partial update, replace, delete (clauses 5.6.2 to 5.6.5, 5.6.19)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from broker.store.entity_change import Change, Decide
from broker.web.endpoint import Call, Reply
from broker.web.provision.calls import Writer, flag, options_of, passed, selected, selection_of
from broker.web.provision.paths import attribute_of, entity_id_of
from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.entity_fragment import Fragment, parse_fragment
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.patch import Patched, append, delete_attribute, replace_attribute, update
from schemas.ngsi_ld.patch_attribute import attribute_fragment, update_attribute, whole_attribute
from schemas.ngsi_ld.write import Write, bare

Entity = dict[str, Any]


class Attributes:
    """The handlers."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def append(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entities/{id}/attrs` (clause 6.6.3.1)."""
        params = self._writer.begin(call, "type", "options")
        overwrite = "noOverwrite" not in options_of(params, "noOverwrite")
        return await self._patch(
            call,
            params,
            "appendAttrs",
            lambda there, fragment: append(there, fragment, overwrite=overwrite),
            nulls=False,
        )

    async def update(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/entities/{id}/attrs` (clause 6.6.3.2)."""
        return await self._patch(call, self._writer.begin(call, "type"), "updateEntity", update, nulls=True)

    async def update_one(self, call: Call) -> Reply:
        """`PATCH /ngsi-ld/v1/entities/{id}/attrs/{name}` (clause 6.7.3.1)."""
        params = self._writer.begin(call, "type")
        entity_id = entity_id_of(call)
        document, context = await self._writer.reader.document(call)
        name, iri = attribute_of(call, context)
        given = attribute_fragment(document, name)
        types = selection_of(params, context)

        def decide(there: Entity | None) -> Entity:
            return update_attribute(selected(there, entity_id, types), iri, given, name, context)

        write = Write("updateAttrs", entity_id, context, given, attribute=name, params=passed(params))
        return await self._one(call, params, write, lambda: decide)

    async def replace_one(self, call: Call) -> Reply:
        """`PUT /ngsi-ld/v1/entities/{id}/attrs/{name}` (clause 6.7.3.3)."""
        params = self._writer.begin(call, "type")
        entity_id = entity_id_of(call)
        document, context = await self._writer.reader.document(call)
        name, iri = attribute_of(call, context)
        given = attribute_fragment(document, name)
        types = selection_of(params, context)

        def deciding() -> Decide:
            instance = whole_attribute(given, iri, name, context)
            return lambda there: replace_attribute(selected(there, entity_id, types), iri, instance, name)

        write = Write("replaceAttrs", entity_id, context, given, attribute=name, params=passed(params))
        return await self._one(call, params, write, deciding)

    async def delete_one(self, call: Call) -> Reply:
        """`DELETE /ngsi-ld/v1/entities/{id}/attrs/{name}` (clause 6.7.3.2)."""
        params = self._writer.begin(call, "type", "datasetId", "deleteAll")
        entity_id = entity_id_of(call)
        context = await self._writer.reader.context(call)
        name, iri = attribute_of(call, context, scope=True)
        dataset, every = params.get("datasetId"), flag(params, "deleteAll")
        if dataset is not None and not is_uri(dataset):
            raise BadRequestData("it must be a URI", field="datasetId", value=dataset, clause="6.7.3.2")
        types = selection_of(params, context)

        def decide(there: Entity | None) -> Entity:
            return delete_attribute(selected(there, entity_id, types), iri, name, dataset=dataset, every=every)

        write = Write("deleteAttrs", entity_id, context, attribute=name, params=passed(params))
        return await self._one(call, params, write, lambda: decide)

    async def _one(self, call: Call, params: Mapping[str, str], write: Write, deciding: Callable[[], Decide]) -> Reply:
        """Of one attribute; `deciding` may say that it is no valid one, which is for its holder to say."""

        async def local(body: Any) -> Mapping[str, str]:
            await self._writer.change_one(call, Change(write.id, deciding()))
            return {}

        return await self._writer.distribution.carry(call, params, write, local, Reply(204), attributes=True)

    async def _patch(
        self,
        call: Call,
        params: dict[str, str],
        operation: str,
        patch: Callable[[Entity, Fragment], Patched],
        *,
        nulls: bool,
    ) -> Reply:
        entity_id = entity_id_of(call)
        document, context = await self._writer.reader.document(call)
        if not isinstance(document, dict):
            raise InvalidRequest("a fragment of an entity is a JSON object", field="body", clause="5.4")
        whole = parse_fragment(document, context=context, entity_id=entity_id, nulls=nulls)
        types = selection_of(params, context)
        given = bare(document)
        write = Write(operation, entity_id, context, given, frozenset(whole.head.types), params=passed(params))

        async def local(body: Any) -> Mapping[str, str]:
            fragment = whole
            if body is not given:
                fragment = parse_fragment(body, context=context, entity_id=entity_id, nulls=nulls)
            patched = Patched({})

            def decide(there: Entity | None) -> Entity:
                nonlocal patched
                patched = patch(selected(there, entity_id, types), fragment)
                return patched.entity

            await self._writer.change_one(call, Change(entity_id, decide))
            return patched.refused

        return await self._writer.distribution.carry(call, params, write, local, Reply(204), attributes=True)
