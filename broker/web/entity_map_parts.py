"""What the operations on EntityMaps share (clauses 5.5.14, 5.14): parameters, whose a map is, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import orjson

from broker.federation.entity_map import LOCAL
from broker.identity.callers import Caller
from broker.store.entity_maps import EntityMaps, StoredMap
from broker.web.endpoint import Headers, Reply
from broker.web.negotiation import Media
from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.registration import registration_id
from schemas.ngsi_ld.temporal_aggregate import instant, parse_duration

PATH = "/ngsi-ld/v1/entityMaps/"
HEADER = "ngsild-entitymap"
OWN = ("entityMap", "entityMapLifetime")
"""Parameters that have to do with a map, not with the question."""
OWN_SET = frozenset(OWN)
_MONTH = timedelta(days=31)


async def find(store: EntityMaps, named: str | None, space: str, caller: Caller) -> StoredMap | None:
    """The map of an id or address. A map is its service's own; for others, and in other tenants, it is not there."""
    stored = None if named is None else await store.get(space, named.rpartition("/")[2])
    if stored is None or not (caller.admin or stored.owner == caller.consumer.service):
        return None
    return stored


async def document(store: EntityMaps, stored: StoredMap, media: Media, status: int) -> Reply:
    """Clause 5.2.39."""
    entries = await store.entries(stored.id)
    told: dict[str, Any] = {
        "id": stored.id,
        "type": "EntityMap",
        "expiresAt": instant(stored.expires_at),
        "entityMap": {entry.entity: [_registration(name) for name in entry.sources] for entry in entries},
        "linkedMaps": {_registration(source): _map_id(given) for source, given in stored.linked.items()},
    }
    headers: Headers = [(b"content-type", media.encode())]
    if media is Media.JSONLD:
        told["@context"] = CORE.url
    else:
        headers.append((b"link", CORE.link_header().encode("latin-1")))
    return Reply(status, orjson.dumps(told), headers)


def _registration(source: str) -> str:
    return source if source == LOCAL else registration_id(source)


def _map_id(given: str) -> str:
    """The id of a source's map, of its address."""
    return unquote(given.rpartition("/entityMaps/")[2])


def own_of(params: dict[str, str]) -> dict[str, str]:
    """Take the parameters that have to do with a map out of the others."""
    return {name: params.pop(name) for name in OWN if name in params}


def own_in(document: Any, own: Mapping[str, str]) -> tuple[Any, dict[str, str]]:
    """A Query document without the members that have to do with a map, and these beside `own` (clause 5.2.23)."""
    if not isinstance(document, dict) or OWN_SET.isdisjoint(document):
        return document, dict(own)
    said = dict(own)
    for name in OWN:
        given = document.get(name)
        if isinstance(given, bool) and name == "entityMap":
            said[name] = "true" if given else "false"
        elif isinstance(given, str) and name == "entityMapLifetime":
            said[name] = given
        elif name in document:
            what = "true or false" if name == "entityMap" else "a duration"
            raise BadRequestData(f"{name} is {what}", field=name, clause="5.2.23")
    return {name: value for name, value in document.items() if name not in OWN_SET}, said


def same_question(stored: StoredMap, asked: bytes, named: str | None) -> None:
    """Raises BadRequestData if the map was made by another question."""
    if stored.digest != asked:
        raise BadRequestData(
            "the EntityMap was made by a query with other parameters or another @context",
            field="NGSILD-EntityMap",
            value=named,
            clause="5.5.14",
        )


def wanted(own: Mapping[str, str]) -> bool:
    """Parameter entityMap."""
    text = own.get("entityMap", "false")
    if text not in ("true", "false"):
        raise InvalidRequest("entityMap is true or false", field="entityMap", value=text, clause="6.4.3.2")
    return text == "true"


def lifetime(own: Mapping[str, str]) -> timedelta | None:
    """What was suggested (Table 6.4.3.2-1)."""
    text = own.get("entityMapLifetime")
    if text is None:
        return None
    try:
        duration = parse_duration(text)
        return duration.rest + duration.months * _MONTH
    except (BadRequestData, OverflowError):
        raise BadRequestData(
            "entityMapLifetime is a duration such as PT1H", field="entityMapLifetime", value=text, clause="6.4.3.2"
        ) from None


def digest(params: Mapping[str, Any], context: Context, free: frozenset[str]) -> bytes:
    """Of what makes the question: the pages of a map ask the same one, but for what is `free`."""
    question = [sorted((n, v) for n, v in params.items() if n not in free), context.url]
    return sha256(orjson.dumps(question)).digest()


def posed(given: Mapping[str, str], document: Any) -> dict[str, Any]:
    """The parameters of a question that was put in a body, as `digest` takes them: with one selector of entities it is
    the same as in the URI."""
    entities = document.get("entities") if isinstance(document, dict) else None
    if isinstance(entities, list) and len(entities) == 1 and isinstance(entities[0], dict):
        return {**given, **entities[0]}
    return dict(given) if entities is None else {**given, "entities": entities}


def location(stored: StoredMap) -> tuple[bytes, bytes]:
    """The header that says where the map is."""
    return HEADER.encode(), (PATH + stored.id).encode()
