"""Which part of a write goes where: by mode, coverage and operations of the registrations (clauses 4.3.6.2, 4.3.6.3 and
the behaviour of each operation in 5.6). Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import time

import msgspec

from adapters.contract import Writable
from broker.federation.via import hops
from broker.registry.source import Source
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.write import Write
from schemas.platform import EntityPattern, Mode

FALLBACKS = {
    "createBatch": ("createEntity",),
    "upsertBatch": ("createEntity", "replaceEntity", "updateEntity"),
    "updateBatch": ("updateEntity", "appendAttrs"),
    "mergeBatch": ("mergeEntity",),
    "deleteBatch": ("deleteEntity",),
}
"""Operations by which a batch can be done one by one (clauses 5.6.7 to 5.6.10, 5.6.20)."""
_WHOLE = frozenset({"deleteEntity", "deleteBatch", "deleteTemporal"})
"""They are about an entity, whatever attributes of it a source is registered for."""


@dataclass(slots=True)
class Part:
    """What one source is to do. `offered`: False where it would have to, and does not offer the operation.
    `alone`: nobody else holds what it is about (exclusive and redirect)."""

    source: Source
    write: Write
    attributes: frozenset[str] = frozenset()
    offered: bool = True
    alone: bool = False


@dataclass(slots=True)
class Split:
    """`local`: what is left for the local store; None: nothing. `taken`: other sources alone hold some of it."""

    parts: list[Part] = field(default_factory=list)
    local: Write | None = None
    taken: bool = False


def writers(sources: Iterable[Source], via: str | None, *, temporal: bool = False) -> list[Source]:
    """The sources that a write may concern, but for those that it has passed already (clause 5.12). `temporal`: it is
    about an evolution."""
    passed, now = hops(via), time()
    return [
        source
        for source in sources
        if source.network
        and source.platform.mode is not Mode.AUXILIARY
        and (temporal or not source.platform.distribution.temporal)
        and (source.ends is None or source.ends > now)
        and (source.alias is None or source.alias not in passed)
    ]


def depends_on_type(sources: Iterable[Source]) -> bool:
    """Whether the type of an entity decides if it is one of theirs."""
    return any(p.type is not None for s in sources for info in s.platform.coverage.informations for p in info.entities)


def split(write: Write, sources: Sequence[Source]) -> Split:
    """The parts of a write on one entity, or on one entity of a batch (with the name of the batch's operation)."""
    if write.operation in _WHOLE:
        return _split_whole(write, sources)
    found = Split()
    left = dict.fromkeys(write.names.values())
    head, several = True, write.attribute is None
    for source in _of(sources, Mode.EXCLUSIVE):
        taken, _ = covered(source, write, left)
        if taken:
            found.parts.append(_part(source, write, taken, head=False, alone=True))
            _take(left, taken)
            found.taken = True
    gone: set[str] = set()
    for source in _of(sources, Mode.REDIRECT):
        taken, whole = covered(source, write, left)
        if taken or (whole and several and not left):
            found.parts.append(_part(source, write, taken, head=whole, alone=True))
            gone |= taken
            head = head and not whole
            found.taken = True
    _take(left, gone)
    nothing = (not left and found.taken) or not (left or head)
    if nothing or (found.taken and not several):
        return found
    for source in _of(sources, Mode.INCLUSIVE):
        taken, whole = covered(source, write, left)
        if offers(source, write) and (taken or (whole and not left)):
            found.parts.append(_part(source, write, taken, head=whole and head, alone=False))
    found.local = write.reduced(left, head=head)
    return found


def _split_whole(write: Write, sources: Sequence[Source]) -> Split:
    """What deletes an entity is done wherever it may be, here as well (clause 5.6.6.4)."""
    found = Split(local=write)
    for source in sources:
        if any(_covers(info.entities, write) for info in source.platform.coverage.informations):
            alone = source.platform.proxied
            if alone or offers(source, write):
                found.parts.append(Part(source, write, offered=offers(source, write), alone=alone))
                found.taken = found.taken or alone
    return found


def _part(source: Source, write: Write, taken: frozenset[str], *, head: bool, alone: bool) -> Part:
    return Part(source, write.reduced(taken, head=head), taken, offers(source, write), alone)


def _take(left: dict[str, None], taken: Iterable[str]) -> None:
    for iri in taken:
        left.pop(iri, None)


def _of(sources: Sequence[Source], mode: Mode) -> list[Source]:
    return [source for source in sources if source.platform.mode is mode]


def offers(source: Source, write: Write) -> bool:
    """Whether the source takes the operation, or others by which it can be done; and its adapter, too."""
    adapter = source.adapter
    if not isinstance(adapter, Writable):
        return False
    return any(n in source.operations and adapter.writes(n) for n in ways(write))


def ways(write: Write) -> list[str]:
    """The operations by which a write can be done, the best first."""
    others = FALLBACKS.get(write.operation, ())
    if write.operation == "upsertBatch":
        update = "update" in write.params.get("options", "").split(",")
        others = ("createEntity", "updateEntity" if update else "replaceEntity")
    elif write.operation == "updateBatch":
        kept = "noOverwrite" in write.params.get("options", "").split(",")
        others = ("appendAttrs",) if kept else ("updateEntity", "appendAttrs")
    return [write.operation, *others]


def covered(source: Source, write: Write, left: Iterable[str]) -> tuple[frozenset[str], bool]:
    """Those of the attributes (IRIs) that the source is registered for, and whether it is for all of the entity."""
    taken: set[str] = set()
    whole = False
    for info in source.platform.coverage.informations:
        if _covers(info.entities, write):
            whole = whole or not info.attributes
            taken |= {iri for iri in left if not info.attributes or iri in info.attributes}
    return frozenset(taken), whole


def _covers(patterns: Sequence[EntityPattern], write: Write) -> bool:
    return not patterns or any(_is_of(pattern, write) for pattern in patterns)


def _is_of(pattern: EntityPattern, write: Write) -> bool:
    if pattern.type is not None and write.types and pattern.type not in write.types:
        return False
    if pattern.id is not None:
        return pattern.id == write.id
    return pattern.id_pattern is None or compile_pattern(pattern.id_pattern).found_in(write.id)


def with_types(write: Write, types: Iterable[str]) -> Write:
    """With the types that the entity is known to have."""
    return msgspec.structs.replace(write, types=frozenset(types))
