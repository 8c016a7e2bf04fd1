"""Fragments of entities and attributes (clause 5.4) as a provider sends them, with NGSI-LD Nulls where they delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from schemas.ngsi_ld.concise import is_instance
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.entity import NO_ATTRIBUTES, EntityReader, is_instance_by_keyword, without_keywords
from schemas.ngsi_ld.entity_values import Limits, bad
from schemas.ngsi_ld.model import KIND_OF_MEMBER, NULL
from schemas.ngsi_ld.names import is_uri

Instance: TypeAlias = dict[str, Any]
"""One instance of an attribute, normalized, names as IRIs."""

_DELETING: Final = ([NULL], [{"object": NULL}])


@dataclass(frozen=True, slots=True)
class Deletion:
    """An instance that is to go: the one with this datasetId, or the default one."""

    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a fragment says of the entity itself. `None`: nothing; `NULL` removes scope or expiresAt."""

    types: tuple[str, ...] = ()
    scope: str | list[str] | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment whose attributes replace others as a whole. `attributes`: IRI → instances."""

    head: Head
    attributes: Mapping[str, list[Instance | Deletion]]

    @property
    def members(self) -> list[str]:
        """What it says something of, attributes by their IRIs."""
        head = {"type": self.head.types, "scope": self.head.scope, "expiresAt": self.head.expires_at}
        return [*self.attributes, *(name for name, said in head.items() if said)]


def parse_fragment(
    obj: object, *, context: Context, entity_id: str, nulls: bool = True, limits: Limits = Limits()
) -> Fragment:
    """The fragment of the entity `entity_id`. `nulls`: whether an NGSI-LD Null deletes or is a fault (clause 5.5.4).

    Raises BadRequestData; `field` is the path of what is wrong.
    """
    reader = EntityReader(context, limits)
    given = members_of(obj, entity_id)
    head = read_head(reader, given, nulls=nulls)
    attributes: dict[str, list[Instance | Deletion]] = {}
    for name, member in attributes_of(given):
        iri = reader.name(name, "", attributes)
        attributes[iri] = [_part(reader, iri, one, path, nulls) for path, one in each_instance(member, name)]
        refuse_twice(name, [_dataset(one) for one in attributes[iri]])
    return Fragment(head, attributes)


def members_of(obj: object, entity_id: str) -> dict[Any, Any]:
    """The members of a fragment, `id` and `type` under those names. Raises BadRequestData if it is another's."""
    if not isinstance(obj, dict):
        raise bad("fragment", "a fragment of an entity is a JSON object", obj, "5.4")
    given = without_keywords(obj)
    if given.get("id", entity_id) != entity_id:
        raise bad("id", "the fragment is that of another entity", given["id"], "5.6.2")
    return given


def attributes_of(given: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """The members that are attributes."""
    return ((name, one) for name, one in given.items() if name not in NO_ATTRIBUTES | {"scope", "expiresAt"})


def read_head(reader: EntityReader, given: Mapping[Any, Any], *, nulls: bool) -> Head:
    """Types, scope and expiresAt of a fragment."""
    types = reader.types(given["type"], "type") if "type" in given else []
    scope, expires = given.get("scope"), given.get("expiresAt")
    if "scope" in given and not (nulls and scope == NULL):
        scope = reader.scope(scope)
    if "expiresAt" in given and not (nulls and expires == NULL):
        expires = reader.instant(expires, "expiresAt")
    return Head((types,) if isinstance(types, str) else tuple(types), scope, expires)


def each_instance(member: Any, name: object) -> list[tuple[str, Any]]:
    """The instances of an attribute that was sent, each with its path."""
    if isinstance(member, list) and any(_like_instance(one) for one in member):
        return [(f"{name}[{at}]", one) for at, one in enumerate(member)]
    return [(str(name), member)]


def refuse_twice(path: str, datasets: list[str | None]) -> None:
    """Raises BadRequestData if two instances have one datasetId (clause 4.5.5)."""
    for at, dataset in enumerate(datasets):
        if dataset in datasets[:at]:
            raise bad(f"{path}[{at}].datasetId", "another instance has it too", dataset or "@none", "4.5.5")


def deletes(given: Any) -> bool:
    """Whether what was sent as an attribute, or as one instance of it, deletes it (clauses 4.5.0, 5.5.4)."""
    if not isinstance(given, dict):
        return bool(given == NULL)
    holder = next((member for member in KIND_OF_MEMBER if member in given), None)
    if holder is None:
        return False
    value = given[holder]
    return value == NULL or value in _DELETING or (holder == "languageMap" and value == {"@none": NULL})


def dataset_of(given: Any, path: str) -> str | None:
    """The datasetId of an instance that was sent; None for the default one."""
    dataset = given.get("datasetId", "@none") if isinstance(given, dict) else "@none"
    if dataset == "@none":
        return None
    if not is_uri(dataset) or dataset == NULL:
        raise bad(f"{path}.datasetId", "it must be a URI or @none, and can't be deleted", dataset, "5.5.8")
    return dataset


def _part(reader: EntityReader, iri: str, given: Any, path: str, nulls: bool) -> Instance | Deletion:
    if nulls and deletes(given):
        return Deletion(dataset_of(given, path))
    return reader.instance(iri, given, path, 0)


def _like_instance(one: object) -> bool:
    return one == NULL or is_instance(one) or is_instance_by_keyword(one)


def _dataset(part: Instance | Deletion) -> str | None:
    return part.dataset if isinstance(part, Deletion) else part.get("datasetId")
