"""Links to other pages (clause 6.3.10): everything else stays as it was asked, and no link leads nowhere."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from broker.web.endpoint import Call
from broker.web.negotiation import Media
from broker.web.paging import page_links
from schemas.flow import uuid7

PATH = "/ngsi-ld/v1/entities"


async def nothing() -> dict[str, object]:
    return {}


def links(query: bytes, offset: int, limit: int, more: bool, path: str = PATH) -> list[str]:
    call = Call({"path": path, "query_string": query}, {}, uuid7(), datetime.now(UTC), nothing)
    made = page_links(call, offset=offset, limit=limit, more=more, media=Media.JSONLD)
    return [part for _, value in made for part in value.decode().split(", ")]


def test_next_and_prev_keep_the_question() -> None:
    assert links(b"offset=4&type=A,B&limit=3&q=a%22%3E%22b", 4, 3, True, PATH + "/") == [
        f'<{PATH}?type=A,B&q=a%22%3E%22b&limit=3&offset=7>; rel="next"; type="application/ld+json"',
        f'<{PATH}?type=A,B&q=a%22%3E%22b&limit=3&offset=1>; rel="prev"; type="application/ld+json"',
    ]


@pytest.mark.parametrize(
    ("offset", "limit", "more", "expected"),
    [(0, 3, False, []), (0, 3, True, ["limit=3&offset=3"]), (2, 3, False, ["limit=3&offset=0"]), (5, 0, True, [])],
)
def test_only_pages_that_are_there(offset: int, limit: int, more: bool, expected: list[str]) -> None:
    assert [part.partition("?")[2].partition(">")[0] for part in links(b"", offset, limit, more)] == expected


def test_nothing_ends_the_reference() -> None:
    assert links('q=é>; rel="x"'.encode(), 0, 1, True) == [
        f'<{PATH}?q=%C3%83%C2%A9%3E;%20rel=%22x%22&limit=1&offset=1>; rel="next"; type="application/ld+json"'
    ]
