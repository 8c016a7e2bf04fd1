"""Accept, Content-Type and Prefer (clauses 6.3.4 to 6.3.6). Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from schemas.errors import InvalidRequest, NotAcceptable, UnsupportedMediaType
from schemas.ngsi_ld.conformance import CURRENT, Version


class Media(StrEnum):
    JSON = "application/json"
    JSONLD = "application/ld+json"
    GEOJSON = "application/geo+json"
    TURTLE = "text/turtle"
    RDF_XML = "application/rdf+xml"
    HTML = "text/html"
    PROBLEM = "application/problem+json"


ENTITIES = (Media.JSON, Media.JSONLD, Media.GEOJSON)
PLAIN = (Media.JSON, Media.JSONLD)

_LONGEST = 1024
_WEIGHT = re.compile(r"[01](?:\.[0-9]{0,10})?")
_BODY = re.compile(r'(?:^|[,;])\s*body\s*=\s*"?json"?\s*(?:$|[,;])', re.IGNORECASE)
_NGSI_LD = re.compile(r'(?:^|[,;])\s*ngsi-ld\s*=\s*"?([0-9]{1,4})\.([0-9]{1,4})"?\s*(?:$|[,;])', re.IGNORECASE)


@lru_cache(maxsize=512)
def choose(accept: str, offered: tuple[Media, ...]) -> Media:
    """The media type of the answer; the first offered where several are equally wanted. NotAcceptable lists them."""
    if not accept.strip():
        return offered[0]
    ranges = [_range(part) for part in accept.split(",")[:50]]
    best: tuple[float, Media] | None = None
    for media in offered:
        quality = _quality(media, ranges)
        if quality > 0 and (best is None or quality > best[0]):
            best = (quality, media)
    if best is None:
        raise NotAcceptable(accept, offered)
    return best[1]


def names(accept: str, media: Media) -> bool:
    """True if a media type is asked for by its own name; a range such as `*/*` does not."""
    return media in accept.lower() and any(
        name == media and quality > 0 for name, quality in (_range(part) for part in accept.split(",")[:50])
    )


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (p.strip().lower() for p in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "q":
            # what is no weight says nothing of it
            return name, float(value) if _WEIGHT.fullmatch(value) else 1.0
    return name, 1.0


def _quality(media: Media, ranges: list[tuple[str, float]]) -> float:
    main = media.partition("/")[0]
    for pattern in (str(media), f"{main}/*", "*/*"):
        for name, quality in ranges:
            if name == pattern:
                return quality
    return 0.0


def prefers_plain(prefer: bytes) -> bool:
    """True if a GeoJSON answer is to leave its @context to the Link header: `Prefer: body=json` (clause 6.3.6)."""
    return len(prefer) <= _LONGEST and _BODY.search(prefer.decode("latin-1")) is not None


def preferred(prefer: bytes) -> Version | None:
    """The version of the specification that entities are to conform to: `Prefer: ngsi-ld=…`, at most our own."""
    seen = _NGSI_LD.search(prefer.decode("latin-1")) if len(prefer) <= _LONGEST else None
    return None if seen is None else min((int(seen[1]), int(seen[2])), CURRENT)


def conformant(prefer: bytes) -> list[tuple[bytes, bytes]]:
    """The headers that say which version an answer with a body conforms to, if one is asked for: entities are amended
    to it (`schemas.ngsi_ld.conformance`), and nothing else differs between versions (clause 4.3.6.8)."""
    version = preferred(prefer)
    return [] if version is None else [(b"preference-applied", b"ngsi-ld=%d.%d" % version)]


def body_media(content_type: str, *, patch: bool = False) -> Media:
    """The media type of a request's body. UnsupportedMediaType (415) if it is none of ours, InvalidRequest if it is not
    said (clause 6.3.4). Only a `patch` may be a merge patch."""
    name = content_type.partition(";")[0].strip().lower()
    if not name:
        raise InvalidRequest("a body needs a Content-Type", field="Content-Type", clause="6.3.4")
    if name == "application/json" or (patch and name == "application/merge-patch+json"):
        return Media.JSON
    if name == "application/ld+json":
        return Media.JSONLD
    raise UnsupportedMediaType(
        "the body is application/json or application/ld+json", field="Content-Type", value=content_type
    )
