"""What a provider sends as an entity, checked whole and brought to one form: normalized, with every name as an IRI.

Clauses 5.2.4 to 5.2.8 and 5.2.32 to 5.2.38 (data types), 4.5 (representations), 4.6 (names and values), 5.5.4 (nulls).
Members that only systems make (createdAt, instanceId, previousValue …) are dropped, as clause 5.2.2 has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from schemas.ngsi_ld.concise import is_instance, typed
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.entity_values import Limits, Values, bad
from schemas.ngsi_ld.geometry import GEOMETRIES
from schemas.ngsi_ld.instants import is_datetime
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, NULL, VALUE_MEMBER
from schemas.ngsi_ld.names import is_name, is_scope, is_uri

__all__ = ["Limits", "parse_entity"]

NO_ATTRIBUTES: Final = frozenset({"id", "type", "@context", "createdAt", "modifiedAt", "deletedAt"})
"""Members of an entity that are read apart or not at all."""

_KEYWORDS: Final = {"@id": "id", "@type": "type"}
_GEO_ATTRIBUTES: Final = frozenset({"location", "observationSpace", "operationSpace"})
_RELATIONSHIPS: Final = frozenset({"Relationship", "ListRelationship"})
_WITH_UNIT: Final = frozenset({"Property", "ListProperty"})
_READ_ONLY: Final = frozenset({"createdAt", "modifiedAt", "deletedAt", "instanceId", "lang"})
_READ_ONLY_OF: Final = {
    "Property": {"previousValue"},
    "GeoProperty": {"previousValue"},
    "LanguageProperty": {"previousLanguageMap"},
    "JsonProperty": {"previousJson"},
    "VocabProperty": {"previousVocab"},
    "ListProperty": {"previousValueList"},
    "Relationship": {"previousObject", "entity"},
    "ListRelationship": {"previousObjectList", "entityList"},
}
_CLAUSE_OF: Final = {
    "Property": "4.5.2",
    "GeoProperty": "4.7",
    "LanguageProperty": "4.5.18",
    "JsonProperty": "4.5.24",
    "VocabProperty": "4.5.20",
    "ListProperty": "4.5.21",
    "Relationship": "4.5.3",
    "ListRelationship": "4.5.22",
}


def parse_entity(obj: object, *, context: Context, limits: Limits = Limits()) -> dict[str, Any]:
    """An entity to create or replace (normalized, concise or mixed), as normalized with names expanded in `context`.

    Names of attributes and sub-attributes, types, objectType, valueType and vocab values become IRIs; members that the
    standard fixes keep their short names. `@context` is dropped. Raises BadRequestData only; `field` is the path of
    what is wrong (`temperature.observedAt`, `speed[1].datasetId`). The input is left as it is.
    """
    if not isinstance(obj, dict):
        raise bad("entity", "an entity is a JSON object", obj, "5.2.4")
    return EntityReader(context, limits).entity(obj)


def without_keywords(obj: dict[Any, Any]) -> dict[Any, Any]:
    """With `id` and `type` for the JSON-LD keywords that they stand for (clause 4.4)."""
    if _KEYWORDS.keys().isdisjoint(obj):
        return obj
    made = {_KEYWORDS.get(name, name): member for name, member in obj.items()}
    if len(made) != len(obj):
        raise bad("@type" if "@type" in obj else "@id", "it stands there by both its names", None, "4.4")
    return made


def is_instance_by_keyword(value: object) -> bool:
    """Whether it is an attribute whose type stands under its JSON-LD keyword."""
    return isinstance(value, dict) and "@type" in value and is_instance({"type": value["@type"]})


def _means_geometry(instance: dict[str, Any]) -> bool:
    """Whether an attribute without a type was meant as a GeoProperty, be its coordinates right or wrong."""
    value = instance["value"]
    kind = value.get("type") if isinstance(value, dict) and "coordinates" in value else None
    return isinstance(kind, str) and kind in GEOMETRIES


class EntityReader:
    """One document's reading, in one context; counts what it has seen. All methods raise BadRequestData, `path` says of
    what."""

    def __init__(self, context: Context, limits: Limits = Limits()) -> None:
        self.context = context
        self._limits = limits
        self._values = Values(context, limits)
        self._attributes = 0

    def entity(self, obj: dict[Any, Any]) -> dict[str, Any]:
        """A whole entity."""
        obj = without_keywords(obj)
        out: dict[str, Any] = {"id": self.id(obj.get("id")), "type": self.types(obj.get("type"), "type")}
        for name, member in obj.items():
            if name == "scope":
                out[name] = self.scope(member)
            elif name == "expiresAt":
                out[name] = self.instant(member, name)
            elif name not in NO_ATTRIBUTES:
                iri = self.name(name, "", out)
                out[iri] = self.attribute(iri, member, str(name), 0)
        return out

    def id(self, value: object) -> str:
        """The id of an entity."""
        if not is_uri(value) or value == NULL:
            raise bad("id", "it must be a URI", value, "4.5.1")
        return value

    def types(self, value: object, path: str) -> str | list[str]:
        """The IRIs of a type name, or of an array of them."""
        names = value if isinstance(value, list) else [value]
        found: dict[str, None] = {}
        for name in names:
            if not is_name(name) or name == NULL:
                raise bad(path, "a type is a name (letters, numbers and _, a letter first) or an IRI", name, "4.6.2")
            iri = self.context.expand(name)
            if iri.startswith("@"):
                raise bad(path, f"it means {iri}, which is no type", name, "4.4")
            found[iri] = None
        if not 0 < len(found) <= self._limits.attributes:
            raise bad(path, "at least one type is needed", value, "4.5.1")
        return list(found) if isinstance(value, list) else next(iter(found))

    def scope(self, value: object) -> str | list[str]:
        """One scope or several (clause 4.18)."""
        found: list[str] = []
        for scope in value if isinstance(value, list) and value else [value]:
            if not is_scope(scope):
                raise bad("scope", "a scope is like /Tokyo/Minato: names of letters, numbers and _", scope, "4.18")
            found.append(scope)
        return found if isinstance(value, list) else found[0]

    def name(self, name: object, path: str, taken: dict[str, Any]) -> str:
        """The IRI of an attribute's name, which none of its siblings may have."""
        where = f"{path}.{name}" if path else str(name)
        if name in ATTRIBUTE_MEMBERS:
            raise bad(where, "it is the name of a member, not of an attribute", name, "4.5.1")
        if not isinstance(name, str) or not is_name(name):
            raise bad(where, "a name has letters, numbers and _, and a letter first", name, "4.6.2")
        iri = self.context.expand(name)
        core_name = CORE.compact(iri)
        if iri.startswith("@") or core_name in ATTRIBUTE_MEMBERS or core_name in ("id", "type", "scope"):
            raise bad(where, f"it means {core_name}, which is not the name of an attribute", name, "4.5.1")
        if iri in taken:
            raise bad(where, f"another member has the same meaning ({iri})", name, "5.5.7")
        return iri

    def attribute(self, iri: str, member: Any, path: str, depth: int) -> dict[str, Any] | list[dict[str, Any]]:
        """An attribute with all its instances; an array of them stays one."""
        if depth > self._limits.depth:
            raise bad(path, f"attributes are nested more than {self._limits.depth} deep", None, "4.5.2")
        if not isinstance(member, list) or not any(is_instance(one) or is_instance_by_keyword(one) for one in member):
            return self.instance(iri, member, path, depth)
        found = [self.instance(iri, one, f"{path}[{at}]", depth) for at, one in self._all_instances(member, path)]
        seen: set[object] = set()
        for at, one in enumerate(found):
            dataset = one.get("datasetId")
            if dataset in seen:
                what = "another instance has no datasetId either" if dataset is None else "another instance has it too"
                raise bad(f"{path}[{at}].datasetId", what, dataset, "4.5.5")
            seen.add(dataset)
        return found

    def _all_instances(self, member: list[Any], path: str) -> Iterator[tuple[int, Any]]:
        for at, one in enumerate(member):
            if not is_instance(one) and not is_instance_by_keyword(one):
                raise bad(f"{path}[{at}]", "an array of instances holds attributes only", one, "4.5.5")
            yield at, one

    def instance(self, iri: str, given: Any, path: str, depth: int) -> dict[str, Any]:
        """One instance of an attribute."""
        self._attributes += 1
        if self._attributes > self._limits.attributes:
            raise bad(path, f"there are more than {self._limits.attributes} attributes", None, "5.2.4")
        given = without_keywords(given) if is_instance_by_keyword(given) else given
        self._refuse_unknown_kind(given, path)
        instance = typed(given)
        kind: str = instance["type"]
        if "value" in instance and "type" not in (given if is_instance(given) else ()) and _means_geometry(instance):
            kind = "GeoProperty"
        holder = VALUE_MEMBER[kind]
        core_name = CORE.compact(iri)
        if core_name in _GEO_ATTRIBUTES and kind != "GeoProperty":
            raise bad(path, f"{core_name} must be a GeoProperty with a GeoJSON geometry", given, "4.7.1")
        if holder not in instance:
            raise bad(f"{path}.{holder}", f"a {kind} needs it", None, _CLAUSE_OF[kind])
        # What stands bare has its fault at the attribute itself, not at a member that was never written.
        where = path if instance is not given and not is_instance(given) else f"{path}.{holder}"
        out: dict[str, Any] = {"type": kind, holder: self._values.read(kind, instance[holder], where)}
        for name, member in instance.items():
            if name in ("type", holder) or name in _READ_ONLY or name in _READ_ONLY_OF[kind]:
                continue
            if name in ATTRIBUTE_MEMBERS:
                self._member(out, kind, core_name, name, member, f"{path}.{name}")
            else:
                inner = self.name(name, path, out)
                out[inner] = self.attribute(inner, member, f"{path}.{name}", depth + 1)
        if core_name == "ngsildproof" and not isinstance(out.get("value"), dict):
            raise bad(where, "the value of a proof is an object", None, "4.5.2.2")
        return out

    def _refuse_unknown_kind(self, given: Any, path: str) -> None:
        if not isinstance(given, dict) or is_instance(given) or "type" not in given:
            return
        if not _means_geometry({"value": given}):
            what = f"it is none of {', '.join(VALUE_MEMBER)}, nor that of a geometry"
            raise bad(f"{path}.type", what, given["type"], "4.5.2.3")

    def _member(self, out: dict[str, Any], kind: str, core_name: str, name: str, value: Any, path: str) -> None:
        """A member that the standard fixes, other than the value's."""
        if name in ("observedAt", "expiresAt"):
            out[name] = self.instant(value, path)
        elif name == "datasetId":
            if value != "@none":
                if not is_uri(value) or value == NULL:
                    raise bad(path, "it must be a URI or @none", value, "4.5.5")
                out[name] = value
        elif name == "unitCode" and kind in _WITH_UNIT:
            out[name] = self._values.text(value, path)
        elif name == "valueType" and kind not in _RELATIONSHIPS:
            out[name] = self._values.term(value, path)
        elif name == "objectType" and kind in _RELATIONSHIPS:
            out[name] = self.types(value, path)
        elif name in ("entityIdSealed", "entityTypeSealed") and core_name == "ngsildproof":
            out[name] = self._values.text(value, path) if name == "entityIdSealed" else self._values.term(value, path)
        else:
            raise bad(path, f"a {kind} never has it", value, _CLAUSE_OF[kind])

    def instant(self, value: object, path: str) -> Any:
        """A DateTime (clause 4.6.3)."""
        if not is_datetime(value):
            raise bad(path, "it must be a DateTime in UTC such as 2026-04-01T09:00:00Z", value, "4.6.3")
        return value
