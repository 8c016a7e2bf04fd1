"""A provision operation (clause 5.6) as data: what a client sent, or the part of it that goes to one source. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.entity import NO_ATTRIBUTES
from schemas.ngsi_ld.rename import renaming, translate
from schemas.ngsi_ld.types import parse_type_selection

Body = dict[str, Any]

HEAD: Final = NO_ATTRIBUTES | {"scope", "expiresAt", "@id", "@type"}
"""Members of an entity that are no attributes."""
_WHO: Final = frozenset({"id", "type", "@id", "@type"})
FLOWS: Final = {
    "createEntity": "create",
    "replaceEntity": "replace",
    "mergeEntity": "merge",
    "deleteEntity": "delete",
    "purgeEntity": "purge",
    "appendAttrs": "append",
    "updateEntity": "update",
    "updateAttrs": "update-attribute",
    "replaceAttrs": "replace-attribute",
    "deleteAttrs": "delete-attribute",
    "createBatch": "batch-create",
    "upsertBatch": "batch-upsert",
    "updateBatch": "batch-update",
    "mergeBatch": "batch-merge",
    "deleteBatch": "batch-delete",
    "upsertTemporal": "temporal-upsert",
    "appendAttrsTemporal": "temporal-append",
    "deleteAttrsTemporal": "temporal-delete-attribute",
    "updateAttrInstanceTemporal": "temporal-update-instance",
    "deleteAttrInstanceTemporal": "temporal-delete-instance",
    "deleteTemporal": "temporal-delete",
}
"""What a flow calls the operation of clause 4.20 that was sent on."""
TEMPORAL: Final = frozenset(name for name in FLOWS if name.endswith("Temporal"))
"""Those about evolutions (clauses 5.6.11 to 5.6.16)."""


class Write(msgspec.Struct, frozen=True):
    """`body` is the entity, the fragment or the attribute as it was sent, in the names of `context`, without an
    @context; of a batch the list of entities (or of ids), of an instance of an evolution a list of that one. `params`
    are those of the URI, in the same names."""

    operation: str
    """Its name of clause 4.20."""
    id: str = ""
    context: Context = CORE
    body: Any = None
    types: frozenset[str] = frozenset()
    """IRIs of the entity's types, as far as they are known."""
    attribute: str | None = None
    """The name of the one attribute that is meant."""
    params: Mapping[str, str] = {}
    instance: str = ""
    """The instanceId of the one instance that is meant."""

    @property
    def temporal(self) -> bool:
        return self.operation in TEMPORAL

    @property
    def names(self) -> dict[str, str]:
        """The attributes that it is about: names as they were sent → IRIs."""
        if self.attribute is not None:
            # scope counts as an attribute where one is deleted
            return {
                self.attribute: self.attribute if self.attribute == "scope" else self.context.expand(self.attribute)
            }
        if not isinstance(self.body, dict):
            return {}
        return {name: self.context.expand(name) for name in self.body if isinstance(name, str) and name not in HEAD}

    @property
    def members(self) -> list[str]:
        """What it says something of: attributes by their IRIs, and members of the entity itself."""
        said = self.body if isinstance(self.body, dict) and self.attribute is None else {}
        return [*self.names.values(), *(name for name in ("type", "scope", "expiresAt") if name in said)]

    @property
    def simplified(self) -> bool:
        """Whether the body has bare values (clause 4.5.4)."""
        words = {self.params.get("format", ""), *self.params.get("options", "").split(",")}
        return not words.isdisjoint({"simplified", "keyValues"})

    def reduced(self, kept: Collection[str], *, head: bool) -> Write:
        """With these attributes (IRIs) only; `head`: with scope and expiresAt, too."""
        if not isinstance(self.body, dict) or self.attribute is not None:
            return self
        body = {
            name: value
            for name, value in self.body.items()
            if name in _WHO or (self.context.expand(name) in kept if name not in HEAD else head)
        }
        return self if len(body) == len(self.body) else msgspec.structs.replace(self, body=body)


def bare(document: Body) -> Body:
    """A document without its @context."""
    return {name: value for name, value in document.items() if name != "@context"}


def typed_by(document: object, context: Context) -> frozenset[str]:
    """The types (IRIs) that a fragment names."""
    given = document.get("type", document.get("@type")) if isinstance(document, dict) else None
    names = given if isinstance(given, list) else [given]
    return frozenset(context.expand(name) for name in names if isinstance(name, str))


def in_context(write: Write, target: Context) -> Write:
    """The same in the names of another context. BadRequestData for what is nested too deep."""
    change = renaming(write.context, target)
    if change.identity:
        return msgspec.structs.replace(write, context=target)
    params = dict(write.params)
    if "type" in params:
        params["type"] = parse_type_selection(params["type"], context=write.context).rename(change.to_target).text
    for name in ("attrs", "keep", "drop"):
        if name in params:
            params[name] = ",".join(
                one if one in ("id", "type", "scope") else change.to_target(one) for one in params[name].split(",")
            )
    body, attribute = write.body, write.attribute
    if attribute is not None:
        renamed = attribute if attribute == "scope" else change.to_target(attribute)
        if isinstance(body, dict | list):
            body = next(iter(translate({attribute: body}, change).values()))
        attribute = renamed
    elif isinstance(body, list):
        body = [translate(one, change, simplified=write.simplified) if isinstance(one, dict) else one for one in body]
    elif isinstance(body, dict):
        body = translate(body, change, simplified=write.simplified)
    return msgspec.structs.replace(write, context=target, body=body, attribute=attribute, params=params)


class Written(msgspec.Struct, frozen=True):
    """What a source says of a write. `status`: its own, 2xx where all of it was done. `problem`: the problem details
    of what it refused as a whole. `success` and `errors`: ids and BatchEntityErrors of a batch or of an entity that is
    distributed further; `refused`: attributes (IRIs) that were left as they were, with the reason."""

    status: int
    problem: Mapping[str, Any] | None = None
    success: tuple[str, ...] | None = None
    errors: tuple[Mapping[str, Any], ...] = ()
    refused: Mapping[str, str] = {}

    @property
    def done(self) -> bool:
        """Nothing of it was refused."""
        return 200 <= self.status < 300 and not self.errors and not self.refused
