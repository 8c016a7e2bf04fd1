"""What a notification says (clauses 5.3.1, 5.3.2, 5.8.6, 6.3.8, 7.2): its data in the subscriber's form, its document,
its headers. Pure; entities are in the working @context unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.ngsi_ld.conformance import older
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.linked import Found, Join, flat, inline
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.projection import Projection
from schemas.ngsi_ld.query import Format
from schemas.ngsi_ld.rename import compact_entity
from schemas.ngsi_ld.representation import feature, project, to_concise, to_language, to_simplified
from schemas.ngsi_ld.subscription import Form

Entity = dict[str, Any]
JSONLD: Final = "application/ld+json"
GEOJSON: Final = "application/geo+json"
_FIXED: Final = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS
PREFIX: Final = "urn:ngsi-ld:Notification:"


def outward(entities: Sequence[Entity], context: Context) -> list[Entity]:
    """Stored entities, names as IRIs, in the subscriber's context."""
    return [compact_entity(entity, context) for entity in entities]


def join_of(form: Form, context: Context) -> Join | None:
    """The subscription's join in the names of a context."""
    join = form.join
    if join is None:
        return None
    return Join(join.inline, join.level, frozenset(), _named(join.pick, context), _named(join.omit, context))


def data_of(entities: Sequence[Entity], found: Found, form: Form, context: Context) -> list[Entity]:
    """The members of `data`: projected, linked, in their format. What has nothing that is shown is left out."""
    attributes = {context.compact(name) for name in form.attributes}
    kept = [project(entity, attrs=attributes) if attributes else entity for entity in entities]
    join = join_of(form, context)
    if join is None:
        alone = Join(True, 0, frozenset(), _named(form.pick, context), _named(form.omit, context))
        pairs = [(_projected(entity, alone), entity) for entity in kept]
    elif join.inline:
        pairs = list(zip(inline(kept, found, join), kept, strict=True))
    else:
        pairs = flat(kept, found, join)
    return [_shape(older(shown, form.version), whole, form) for shown, whole in pairs if shown]


def document_of(
    name: str, kind: str, subscription: str, notified_at: str, data: Sequence[Entity], form: Form, context: Context
) -> Entity:
    """The notification. With JSON-LD its @context stands in it and, as receivers expect, in each member of `data`."""
    body: Entity = {"id": name, "type": kind, "subscriptionId": subscription, "notifiedAt": notified_at}
    said = context_value(context)
    if form.accept == GEOJSON and kind == "Notification":
        collection: Entity = {"type": "FeatureCollection", "features": list(data)}
        if not form.plain_geojson:
            collection["@context"] = said
        return {**body, "data": collection}
    if form.accept == JSONLD:
        return {**body, "data": [{**row, "@context": said} for row in data], "@context": said}
    return {**body, "data": list(data)}


def linked_by_header(form: Form) -> bool:
    """Whether the @context stands in a Link header instead of the body."""
    return form.accept not in (JSONLD, GEOJSON) or (form.accept == GEOJSON and form.plain_geojson)


def context_value(context: Context) -> Any:
    """The value of an @context member (clause 4.4); a context whose document names a core itself is enough."""
    return context.url if context.url is not None and context.core != CORE.core else context.document()


def mqtt_message(body: Entity, headers: Mapping[str, str]) -> Entity:
    """Clause 7.2: what HTTP has as headers is metadata."""
    return {"metadata": dict(headers), "body": body}


def _projected(entity: Entity, alone: Join) -> Entity:
    shown = alone.projected(entity)
    if shown and "deletedAt" in entity:
        # that the entity is gone is what the notification is there to say
        return {**shown, "deletedAt": entity["deletedAt"]}
    return shown


def _shape(shown: Entity, whole: Entity, form: Form) -> Entity:
    if form.accept == GEOJSON:
        made = feature(shown, "location", form.format.value, form.lang)
        if shown is not whole:
            made["id"] = whole["id"]
            made["geometry"] = feature(whole, "location")["geometry"]
        return made
    if form.format is Format.SIMPLIFIED:
        return to_simplified(shown, form.lang)
    if form.lang:
        shown = to_language(shown, form.lang)
    return to_concise(shown) if form.format is Format.CONCISE else shown


def _named(projection: Projection, context: Context) -> Projection:
    def name(iri: str) -> str:
        return iri if iri in _FIXED else context.compact(iri)

    return Projection(
        tuple(map(name, projection.names)),
        tuple((name(iri), _named(inner, context)) for iri, inner in projection.inner),
        tuple(tuple(map(name, path)) for path in projection.paths),
    )
