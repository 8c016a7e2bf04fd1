"""How entities leave: representation, language, GeoJSON, JSON-LD. Bytes that need nothing of this pass as they are."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

import orjson

from schemas.ngsi_ld.conformance import older
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.linked import Found, flat, inline
from schemas.ngsi_ld.query import EntityQuery, Format, Rendering
from schemas.ngsi_ld.representation import (
    feature,
    only_datasets,
    only_parts,
    project,
    to_concise,
    to_language,
    to_simplified,
)

Entity = dict[str, Any]
NONE_LINKED: Final[Found] = MappingProxyType({})
_TIMES: Final = frozenset({"createdAt", "modifiedAt"})


def needs_objects(query: EntityQuery, rendering: Rendering) -> bool:
    """True if the answer looks other than the normalized JSON that sources give."""
    return (
        rendering.format is not Format.NORMALIZED
        or rendering.geojson
        or rendering.jsonld
        or bool(rendering.lang)
        or bool(rendering.datasets)
        or rendering.parts is not None
        or rendering.version is not None
        or query.join is not None
    )


def widened(query: EntityQuery, rendering: Rendering) -> EntityQuery:
    """What to ask the sources, which may be more than is shown: a Feature needs its geometry (clause 4.5.16.1), what is
    joined its id and what q looks at, and times that are picked are no attributes that an entity could lack. `query`
    itself if nothing has to be added; else the projection is left to `render_list` and `render_one`."""
    timed = query.sys_attrs and not _TIMES.isdisjoint(query.pick)
    adding = rendering.geojson or query.join is not None or timed
    if not adding or not (query.attrs or query.pick or query.omit):
        return query
    needed = {"id", "type"}
    if rendering.geojson:
        needed.add(rendering.geometry_property)
    if query.join is not None and query.q is not None:
        needed |= query.q.attributes
    shown = query.attrs or query.pick
    always = timed or not {"id", "type", "scope"}.isdisjoint(query.pick)
    selects = query.attrs or (() if always else query.pick)
    return query.alter(
        attrs=selects,
        pick=tuple(dict.fromkeys((*shown, *sorted(needed)))) if shown else (),
        omit=tuple(name for name in query.omit if name not in needed),
    )


def amended(entities: list[Entity], linked: Found, rendering: Rendering) -> tuple[list[Entity], Found, bool]:
    """In the terms of the version that was asked for (clause 4.3.6.8), and whether that changed anything."""
    version = rendering.version
    if version is None:
        return entities, linked, False

    if rendering.lang:
        # chosen first: what is left of a LanguageProperty then is a Property already
        entities = [to_language(entity, rendering.lang) for entity in entities]
        linked = {name: to_language(entity, rendering.lang) for name, entity in linked.items()}
    rows = [older(entity, version) for entity in entities]
    more = {name: older(entity, version) for name, entity in linked.items()}
    same = all(new is old for new, old in zip((*rows, *more.values()), (*entities, *linked.values()), strict=True))
    return rows, more, not same


def writable(entities: list[Entity]) -> list[Entity]:
    """Those that can be written as JSON: a source may give some that are nested deeper than we can write."""
    return [entity for entity in entities if _is_writable(entity)]


def _is_writable(entity: Entity) -> bool:
    try:
        # what rendering puts around an entity is nested, too
        orjson.dumps([[[[entity]]]])
    except TypeError:
        return False
    return True


def render_list(
    entities: list[Entity], query: EntityQuery, rendering: Rendering, *, projected: bool, linked: Found = NONE_LINKED
) -> bytes:
    """A JSON array, or a FeatureCollection. What has nothing that is shown is left out."""
    rows = _rows(entities, query, rendering, projected, linked)
    if rendering.geojson:
        collection: Entity = {"type": "FeatureCollection", "features": rows}
        if rendering.jsonld:
            collection["@context"] = context_document(query.context)
        return orjson.dumps(collection)
    if rendering.jsonld:
        rows = [_with_context(r, query.context) for r in rows]
    return orjson.dumps(rows)


def render_one(
    entity: Entity, query: EntityQuery, rendering: Rendering, *, projected: bool, linked: Found = NONE_LINKED
) -> bytes:
    """One JSON object, or one Feature; empty if nothing of it is shown. With a flat join it is a list (clause
    4.5.23.3)."""
    if query.join is not None and not query.join.inline:
        return render_list([entity], query, rendering, projected=projected, linked=linked)
    rows = _rows([entity], query, rendering, projected, linked)
    if not rows:
        return b""
    row = _with_context(rows[0], query.context) if rendering.jsonld else rows[0]
    return orjson.dumps(row)


def context_document(context: Context) -> Any:
    """The @context of a body: the user's, and the core behind it (clause 4.4) unless the user's own document is known
    to name a core itself."""
    return context.url if context.url is not None and context.core != CORE.core else context.document()


def _rows(
    entities: list[Entity], query: EntityQuery, rendering: Rendering, projected: bool, linked: Found
) -> list[Entity]:
    if rendering.datasets:
        entities = [only_datasets(entity, rendering.datasets) for entity in entities]
        linked = {name: only_datasets(entity, rendering.datasets) for name, entity in linked.items()}
    if query.join is None:
        pairs = [(_project(entity, query) if projected else entity, entity) for entity in entities]
        if rendering.parts is not None:
            pairs = [(only_parts(shown, rendering.parts), entity) for shown, entity in pairs]
    else:
        kept = [project(entity, attrs=query.attrs) for entity in entities] if query.attrs else entities
        if query.attrs and rendering.parts is not None:
            kept = [only_parts(entity, rendering.parts) for entity in kept]
        if query.join.inline:
            pairs = list(zip(inline(kept, linked, query.join), entities, strict=True))
        else:
            pairs = flat(kept, linked, query.join)
    return [_shape(shown, whole, rendering) for shown, whole in pairs if shown]


def _shape(shown: Entity, whole: Entity, rendering: Rendering) -> Entity:
    if rendering.geojson:
        made = feature(shown, rendering.geometry_property, rendering.format.value, rendering.lang)
        if shown is not whole:
            # neither id nor geometry need have been picked
            made["id"] = whole["id"]
            made["geometry"] = feature(whole, rendering.geometry_property)["geometry"]
        return made
    if rendering.format is Format.SIMPLIFIED:
        return to_simplified(shown, rendering.lang)
    if rendering.lang:
        shown = to_language(shown, rendering.lang)
    return to_concise(shown) if rendering.format is Format.CONCISE else shown


def _project(entity: Entity, query: EntityQuery) -> Entity:
    return project(entity, attrs=query.attrs, pick=query.pick, omit=query.omit)


def _with_context(row: Entity, context: Context) -> Entity:
    return {**row, "@context": context_document(context)}
