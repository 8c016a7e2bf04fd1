"""The parts of a batch that go to other sources: one request to each, and what came of it for each entity."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from broker.federation.split import Part, Split, split, with_types
from broker.registry.source import Source
from broker.web.endpoint import Call
from broker.web.provision.distribution import Distribution
from broker.web.provision.shares import Share, errors_of
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.write import Write, in_context


class BatchParts:
    """Of one request."""

    def __init__(self, distribution: Distribution, call: Call) -> None:
        self._distribution = distribution
        self._call = call
        self._held: dict[str, tuple[str, ...]] = {}
        self._by_source: dict[str, list[Part]] = {}
        self._taken: set[str] = set()
        self._done: dict[str, bool] = {}
        """Entity id → whether it was made there."""
        self._errors: dict[str, list[dict[str, Any]]] = {}

    async def look_up(self, ids: Sequence[str], sources: Sequence[Source]) -> None:
        """Of which types the entities are that are held here."""
        self._held = await self._distribution.held_types(self._call, ids, sources)

    def split(self, write: Write, sources: Sequence[Source]) -> Split:
        """What of one entity goes where."""
        if not sources:
            return Split(local=write)
        if write.operation != "createBatch":
            write = with_types(write, {*write.types, *self._held.get(write.id, ())})
        return split(write, sources)

    def add(self, write: Write, found: Split) -> Write | None:
        """Take what of one entity goes elsewhere; what is left for us, or None."""
        for part in found.parts:
            self._by_source.setdefault(part.source.id, []).append(part)
        if found.taken:
            self._taken.add(write.id)
        return found.local

    def drop(self, ids: Collection[str]) -> None:
        """Nothing of these entities goes elsewhere."""
        for source, parts in list(self._by_source.items()):
            self._by_source[source] = kept = [part for part in parts if part.write.id not in ids]
            if not kept:
                del self._by_source[source]

    async def send(self) -> None:
        """One request to each source, all at once. LoopDetected, MeteringUnavailable."""
        batches = [[_batch(parts)] for parts in self._by_source.values()]
        found = await asyncio.gather(*[self._distribution.send(self._call, batch, batch[0].write) for batch in batches])
        for parts, shares in zip(self._by_source.values(), found, strict=True):
            for share in shares:
                self._tell([part.write.id for part in parts], share)

    def _tell(self, ids: Sequence[str], share: Share) -> None:
        if share.problem is not None:
            for one in ids:
                self._errors.setdefault(one, []).extend(errors_of(share, one))
            return
        failed = set()
        for error in errors_of(share, ids[0]):
            failed.add(error["entityId"])
            self._errors.setdefault(error["entityId"], []).append(error)
        for one in ids:
            if one not in failed:
                made = share.created and (share.success is None or one in share.success)
                self._done[one] = self._done.get(one, False) or made

    def told(self, entity_id: str) -> tuple[bool, bool, list[dict[str, Any]]]:
        """Whether some source did its part, whether it made it anew, and what others could not do."""
        return entity_id in self._done, self._done.get(entity_id, False), self._errors.get(entity_id, [])

    def only_cleaning(self, entity_id: str) -> bool:
        """A source that alone holds it has deleted it, so that here only what was left over had to go."""
        return entity_id in self._taken and entity_id in self._done and not self._errors.get(entity_id)


def _batch(parts: Sequence[Part]) -> Part:
    """Parts of one source as one; in their own context if it is the same for all, else in the core's."""
    contexts = {part.write.context.key for part in parts}
    writes = [part.write for part in parts]
    if len(contexts) > 1:
        writes = [in_context(write, CORE) for write in writes]
    first = writes[0]
    deleting = first.operation == "deleteBatch"
    body = [write.id if deleting else {"id": write.id, **write.body} for write in writes]
    types = frozenset[str]().union(*(write.types for write in writes))
    attributes = frozenset[str]().union(*(part.attributes for part in parts))
    write = msgspec.structs.replace(first, id="", body=body, types=types)
    return Part(parts[0].source, write, attributes, parts[0].offered, parts[0].alone)
