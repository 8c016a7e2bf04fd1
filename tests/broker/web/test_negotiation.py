"""Accept, Content-Type and Prefer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.web.negotiation import ENTITIES, PLAIN, Media, body_media, choose, conformant, prefers_plain
from schemas.errors import InvalidRequest, NotAcceptable, UnsupportedMediaType


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", Media.JSON),
        ("*/*", Media.JSON),
        ("application/*", Media.JSON),
        ("application/ld+json, application/json", Media.JSON),
        ("application/geo+json, application/json", Media.JSON),
        ("application/json;q=0.1, application/ld+json;q=0.9", Media.JSONLD),
        ("application/ld+json", Media.JSONLD),
        ("application/json;q=0, */*", Media.JSONLD),
        ("*/*;q=0.9, application/ld+json;q=0.8", Media.JSON),
        ("application/ld+json;q=notanumber", Media.JSONLD),
        ("application/ld+json;q=nan, application/json;q=0.5", Media.JSONLD),
        ("APPLICATION/GEO+JSON", Media.GEOJSON),
        ("text/html, application/geo+json;q=0.2", Media.GEOJSON),
    ],
)
def test_what_is_chosen(accept: str, media: Media) -> None:
    assert choose(accept, ENTITIES) is media


@pytest.mark.parametrize("accept", ["application/xml", "application/geo+json", "text/*", "application/json;q=0", "x"])
def test_what_can_t_be_had_lists_what_can(accept: str) -> None:
    with pytest.raises(NotAcceptable) as caught:
        choose(accept, PLAIN)
    assert all(media in caught.value.detail for media in PLAIN)


@given(st.text(max_size=200))
def test_any_accept_is_answered_or_refused(accept: str) -> None:
    try:
        assert choose(accept, ENTITIES) in ENTITIES
    except NotAcceptable:
        assert "application/json" not in accept or "q" in accept.lower() or ";" in accept


@pytest.mark.parametrize(
    "kind", ["application/xml", "text/plain", "application/geo+json", "application/merge-patch+json"]
)
def test_other_bodies_are_refused(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        body_media(kind)


def test_a_body_says_what_it_is() -> None:
    with pytest.raises(InvalidRequest):
        body_media("")


def test_bodies() -> None:
    assert body_media("application/json; charset=utf-8") is Media.JSON
    assert body_media("application/merge-patch+json", patch=True) is Media.JSON
    assert body_media("Application/LD+JSON") is Media.JSONLD


@pytest.mark.parametrize(
    ("prefer", "plain"),
    [
        (b"body=json", True),
        (b'respond-async, body="json"', True),
        (b"ngsi-ld=1.6; body=json", True),
        (b"body=ld+json", False),
        (b"anybody=json", False),
        (b"body=jsonx", False),
        (b"", False),
        (b"body=json" + b" " * 5000, False),
    ],
)
def test_prefer_body(prefer: bytes, plain: bool) -> None:
    assert prefers_plain(prefer) is plain


def test_prefer_version() -> None:
    applied = [(b"preference-applied", b"ngsi-ld=1.9")]
    assert conformant(b"ngsi-ld=2.0") == conformant(b'body=json, ngsi-ld="1.9"') == applied
    assert conformant(b"ngsi-ld=1.5") == [(b"preference-applied", b"ngsi-ld=1.5")]
    for other in (b"", b"ngsi-ld", b"ngsi-ld=x", b"ngsi-ld=1", b"xngsi-ld=1.5", b"\xff"):
        assert conformant(other) == []
