"""Batches of entities: create, upsert, update, merge, delete (clauses 5.6.7 to 5.6.10 and 5.6.20)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from broker.federation.split import Split, with_types
from broker.gateway.permits import Permit
from broker.store.entities import created
from broker.store.entity_change import Change, Decide, Done
from broker.web.endpoint import Call, Reply
from broker.web.negotiation import Media
from broker.web.problems import document as problem_document
from broker.web.provision.batch_parts import BatchParts
from broker.web.provision.calls import Writer, options_of, passed, selected
from broker.web.provision.entities import merging
from broker.web.provision.shares import JSON
from schemas.errors import AlreadyExists, BadRequestData, Forbidden, InvalidRequest, KakehashiError
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.entity import parse_entity, without_keywords
from schemas.ngsi_ld.entity_fragment import parse_fragment
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.patch import append, update
from schemas.ngsi_ld.patch_merge import merge
from schemas.ngsi_ld.write import Write, bare, typed_by
from schemas.outcome import Status

MAX_BATCH = 10_000

Entity = dict[str, Any]


@dataclass(slots=True)
class _Item:
    """One member of a batch: how to decide on it here, or what is wrong with it; and what came of it elsewhere."""

    id: str
    write: Write | None = None
    decide: Decide | None = None
    error: KakehashiError | None = None
    refused: dict[str, str] = field(default_factory=dict)
    created: bool = False
    elsewhere: bool = False
    """A source has done its part."""
    errors: list[dict[str, Any]] = field(default_factory=list)
    """BatchEntityErrors of sources."""

    @property
    def failed(self) -> bool:
        return self.error is not None or bool(self.errors)


Prepare = Callable[[_Item, Entity, Context], Decide]
"""Reads a member of the batch, or what of it is left for us, in its context. May raise what is wrong with it."""


class Batches:
    """The handlers. What is wrong with one member leaves the others as they are."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def create(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entityOperations/create` (clause 6.14.3.1)."""
        params = self._writer.begin(call)

        def prepare(item: _Item, given: Entity, context: Context) -> Decide:
            entity = parse_entity(given, context=context)
            return lambda there: created(there, entity)

        return _created(await self._run(call, params, "createBatch", prepare), fresh=True)

    async def upsert(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entityOperations/upsert` (clause 6.15.3.1)."""
        params = self._writer.begin(call, "options")
        options = options_of(params, "replace", "update")
        if len(options) > 1:
            raise InvalidRequest("replace excludes update", field="options", clause="6.15.3.1")
        preparing = _updating if "update" in options else _replacing
        return _created(await self._run(call, params, "upsertBatch", preparing), fresh=False)

    async def update(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entityOperations/update` (clause 6.16.3.1)."""
        params = self._writer.begin(call, "options")
        overwrite = "noOverwrite" not in options_of(params, "noOverwrite")

        def prepare(item: _Item, given: Entity, context: Context) -> Decide:
            fragment = parse_fragment(given, context=context, entity_id=item.id, nulls=False)

            def decide(there: Entity | None) -> Entity:
                patched = append(selected(there, item.id), fragment, overwrite=overwrite)
                item.refused = dict(patched.refused)
                return patched.entity

            return decide

        return _report(await self._run(call, params, "updateBatch", prepare))

    async def merge(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entityOperations/merge` (clause 6.31.3.1)."""
        params = self._writer.begin(call, "format", "options", "lang", "observedAt")
        # what is wrong with the parameters is wrong with all of it
        merging(params, CORE)

        def prepare(item: _Item, given: Entity, context: Context) -> Decide:
            how = merging(params, context)

            def decide(there: Entity | None) -> Entity:
                if there is None:
                    # A batch tells first what is invalid by itself (clause 5.6.20.4).
                    merge({"id": item.id, "type": []}, given, how)
                return merge(selected(there, item.id), given, how)

            return decide

        return _report(await self._run(call, params, "mergeBatch", prepare))

    async def delete(self, call: Call) -> Reply:
        """`POST /ngsi-ld/v1/entityOperations/delete` (clause 6.17.3.1)."""
        params = self._writer.begin(call)
        document, context = await self._writer.reader.document(call)
        items = [_Item(one if isinstance(one, str) else f"[{at}]") for at, one in enumerate(_members(document))]
        for item in items:
            if is_uri(item.id):
                item.write = Write("deleteBatch", item.id, context)
                item.decide = _deleting(item.id)
            else:
                item.error = BadRequestData("an entity id is a URI", field="id", value=item.id, clause="5.6.10")
        return _report(await self._done(call, params, items, lambda item, given, read: _deleting(item.id)))

    async def _run(self, call: Call, params: Mapping[str, str], operation: str, prepare: Prepare) -> list[_Item]:
        document, outer = await self._writer.reader.document(call)
        media = call.body_media
        items = []
        for at, given in enumerate(_members(document)):
            if not isinstance(given, dict):
                raise BadRequestData("a batch has entities only", field=f"[{at}]", clause="5.6.7")
            given = without_keywords(given)
            name = given.get("id")
            item = _Item(name if isinstance(name, str) else f"[{at}]")
            items.append(item)
            try:
                if not is_uri(name):
                    raise BadRequestData("an entity id is a URI", field="id", value=name, clause="4.5.1")
                context = outer
                if "@context" in given or media is Media.JSONLD:
                    context = await self._writer.reader.body_context(call, given, media)
                item.decide = prepare(item, given, context)
                types = typed_by(given, context)
                item.write = Write(operation, name, context, bare(given), types, params=passed(params))
            except KakehashiError as error:
                item.error = error
        return await self._done(call, params, items, prepare)

    async def _done(self, call: Call, params: Mapping[str, str], items: list[_Item], prepare: Prepare) -> list[_Item]:
        """Here and elsewhere at the same time."""
        sources = self._writer.distribution.sources(call, params)
        if not sources and call.permit is None:
            await self._here(call, items)
            return items
        parts = BatchParts(self._writer.distribution, call)
        ready = [(item, item.write) for item in items if item.write is not None and item.error is None]
        await parts.look_up([item.id for item, _ in ready], sources)
        splits = [(write, parts.split(write, sources)) for _, write in ready]
        judged: Sequence[Split | KakehashiError] = [found for _, found in splits]
        if call.permit is not None:
            judged = await call.permit.all_checked(splits)
        for (item, write), found in zip(ready, judged, strict=True):
            if isinstance(found, KakehashiError):
                item.decide, item.error = None, found
                continue
            left = parts.add(write, found)
            if left is None:
                item.decide = None
            elif left.body is not write.body and isinstance(left.body, dict):
                # what is left for us is a document of its own
                item.decide = prepare(item, left.body, left.context)
        if call.permit is None:
            await asyncio.gather(self._here(call, items), parts.send())
        else:
            await self._here_by_right(call, call.permit, items)
            parts.drop({item.id for item in items if isinstance(item.error, Forbidden)})
            await parts.send()
        for item in items:
            done, made, errors = parts.told(item.id)
            item.elsewhere, item.errors = done, errors
            item.created = item.created or made
            if item.decide is not None and item.error is not None and parts.only_cleaning(item.id):
                # it is held elsewhere, and that nothing of it was left here is as it should be
                item.error = None
        return items

    async def _here_by_right(self, call: Call, permit: Permit, items: list[_Item]) -> None:
        """Before anything is sent: only the changes themselves tell for certain whether they are covered."""
        writes = [item.write for item in items if item.write is not None and item.decide is not None]
        if writes:
            types = frozenset[str]().union(*(write.types for write in writes))
            async with permit.recorded(with_types(writes[0], types)) as outcome:
                await self._here(call, items)
                if not any(item.error is None for item in items if item.decide is not None):
                    outcome.status = Status.REFUSED

    async def _here(self, call: Call, items: list[_Item]) -> None:
        ready = [(item, Change(item.id, item.decide)) for item in items if item.decide is not None]
        outcomes = await self._writer.change(call, [change for _, change in ready]) if ready else []
        for (item, _), outcome in zip(ready, outcomes, strict=True):
            if isinstance(outcome, Done):
                item.created = outcome.created
                if item.refused:
                    names = ", ".join(sorted(item.refused))
                    item.error = AlreadyExists(f"Left as they were: {names}.", field=names, clause="5.6.3")
            else:
                item.error = outcome


def _members(document: object) -> list[Any]:
    if not isinstance(document, list) or not document or None in document:
        raise BadRequestData(
            "the body is an array with at least one member, none of them null", field="body", clause="5.6.7"
        )
    if len(document) > MAX_BATCH:
        raise InvalidRequest(f"more than {MAX_BATCH} in one batch", field="body")
    return document


def _replacing(item: _Item, given: Entity, context: Context) -> Decide:
    entity = parse_entity(given, context=context)
    return lambda there: entity


def _updating(item: _Item, given: Entity, context: Context) -> Decide:
    fragment = parse_fragment(given, context=context, entity_id=item.id)

    def decide(there: Entity | None) -> Entity:
        return parse_entity(given, context=context) if there is None else update(there, fragment).entity

    return decide


def _deleting(entity_id: str) -> Decide:
    def decide(there: Entity | None) -> None:
        selected(there, entity_id)

    return decide


def _created(items: Sequence[_Item], *, fresh: bool) -> Reply:
    """201 with the ids of the new entities, if there are any and nothing went wrong. `fresh`: what was done at all
    was a creation."""
    new = [item.id for item in items if item.created or (fresh and item.elsewhere)]
    if new and not any(item.failed for item in items):
        return Reply(201, orjson.dumps(list(dict.fromkeys(new))), [JSON])
    return _report(items)


def _report(items: Sequence[_Item]) -> Reply:
    """204, or 207 with a BatchOperationResult (clause 5.2.16) where something went wrong."""
    errors: list[dict[str, Any]] = []
    for item in items:
        if item.error is not None:
            errors.append({"entityId": item.id, "error": problem_document(item.error)})
        errors += item.errors
    if not errors:
        return Reply(204)
    # what one holder did is done, whatever another one says of its part
    done = (item.id for item in items if not item.failed or item.elsewhere or (item.errors and _held_here(item)))
    return Reply(207, orjson.dumps({"success": list(dict.fromkeys(done)), "errors": errors}), [JSON])


def _held_here(item: _Item) -> bool:
    return item.decide is not None and item.error is None
