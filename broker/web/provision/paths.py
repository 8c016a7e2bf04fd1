"""Entity ids and attribute names in paths. Both may be percent-encoded and hold slashes, so the raw path is split."""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from broker.web.endpoint import Call, Endpoint, Receive, Scope, Send
from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.names import is_name, is_uri

_ENTITIES = b"/ngsi-ld/v1/entities/"


class AttributePaths:
    """ASGI application for paths that look like `…/{id}/attrs` or `…/{id}/attrs/{name}` when decoded: finds out which
    they are, or whether `/attrs/` is a part of an encoded id."""

    def __init__(self, entity: Endpoint, attributes: Endpoint, attribute: Endpoint) -> None:
        self._entity = entity
        self._attributes = attributes
        self._attribute = attribute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        entity_id, name = split(scope)
        scope["path_params"] = {"entity_id": entity_id}
        endpoint = self._entity if name is None else self._attribute if name else self._attributes
        await endpoint(scope, receive, send)


class Collection:
    """ASGI application for `…/entities/`: a method that wants one entity lacks its id there (clause 5.6.17)."""

    def __init__(self, entities: Endpoint, entity: Endpoint) -> None:
        self._entities = entities
        self._entity = entity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._entity if scope["method"] in ("PUT", "PATCH") else self._entities
        await endpoint(scope, receive, send)


def split(scope: Scope) -> tuple[str, str | None]:
    """Entity id and attribute name of a path; None: it names no attributes, "": all of them."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    rest = raw.partition(b"?")[0].partition(_ENTITIES)[2]
    entity, found, name = rest.rpartition(b"/attrs/")
    if found:
        return _decoded(entity), _decoded(name.rstrip(b"/"))
    if rest.endswith(b"/attrs"):
        return _decoded(rest.removesuffix(b"/attrs")), ""
    return _decoded(rest), None


def entity_id_of(call: Call) -> str:
    """The entity id of a call. BadRequestData if it is no URI."""
    entity_id = split(call.scope)[0]
    if not is_uri(entity_id):
        raise BadRequestData("an entity id is a URI", field="id", value=entity_id, clause="5.6.2")
    return entity_id


def attribute_of(call: Call, context: Context, *, scope: bool = False) -> tuple[str, str]:
    """Name and IRI of a call's attribute; `scope`: that member counts as one. BadRequestData if it is none."""
    name = split(call.scope)[1] or ""
    if name == "scope":
        if scope:
            return name, name
        raise BadRequestData("scope is no attribute that could be changed so", field="attrId", clause="5.6.4")
    iri = context.expand(name) if is_name(name) else "@"
    if iri.startswith("@"):
        raise BadRequestData("it is no name of an attribute", field="attrId", value=name, clause="4.6.2")
    return name, iri


def location(entity_id: str) -> bytes:
    """The path of an entity."""
    return _ENTITIES + quote(entity_id, safe=":").encode()


def _decoded(raw: bytes) -> str:
    return unquote_to_bytes(raw).decode("utf-8", "replace")
