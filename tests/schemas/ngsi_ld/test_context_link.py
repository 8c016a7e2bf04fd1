"""The Link header that names an @context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequest
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.link import parse_link_context

REL = 'rel="http://www.w3.org/ns/json-ld#context"'


@pytest.mark.parametrize(
    "header",
    [
        f'<https://a.example/c>; {REL}; type="application/ld+json"',
        f"<https://a.example/c>;{REL}",
        f'< https://a.example/c > ; type="application/ld+json" ; {REL}',
        "<https://a.example/c>; rel=http://www.w3.org/ns/json-ld#context",
        '<https://a.example/c>; REL="HTTP://www.w3.org/ns/json-ld#context"',
        '<https://a.example/c>; rel="alternate http://www.w3.org/ns/json-ld#context"',
        f"<https://b.example/>; rel=next, <https://a.example/c>; {REL}",
        f'<https://b.example/>; rel="next"; title="a, \\"b\\"; <c>", <https://a.example/c>; {REL}, ',
        f'<https://a.example/c>; {REL}; rel="next"',
        f"<https://a.example/c>; flag; {REL};",
    ],
)
def test_context_is_found(header: str) -> None:
    assert parse_link_context(header) == "https://a.example/c"


def test_url_may_have_commas_and_semicolons() -> None:
    assert parse_link_context(f"<https://a.example/c;v=1,2>; {REL}") == "https://a.example/c;v=1,2"


def test_own_link_header_is_read_back() -> None:
    assert parse_link_context(CORE.link_header()) == CORE.url


@pytest.mark.parametrize(
    "header", ["", " , ", '<https://a.example/c>; rel="next"', "<https://a.example/c>", f'<a>; rel="x"; {REL}']
)
def test_no_link_to_a_context(header: str) -> None:
    assert parse_link_context(header) is None


@pytest.mark.parametrize(
    "header",
    [
        f"<https://a.example/c>; {REL}, <https://b.example/c>; {REL}",
        f"<>; {REL}",
        f"https://a.example/c; {REL}",
        f"<https://a.example/c; {REL}",
        '<https://a.example/c>; rel="http://www.w3.org/ns/json-ld#context',
        f"<https://a.example/c> {REL}",
        f'<https://a.example/c>; title="a" b; {REL}',
    ],
)
def test_what_can_not_be_read_is_an_invalid_request(header: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_link_context(header)
    assert caught.value.field == "Link"


@given(st.text('<>;,="\\ ', max_size=30) | st.text(max_size=30))
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        assert parse_link_context(header) is None
    except InvalidRequest:
        pass


@given(st.text(max_size=20), st.text("abc/:.,;", min_size=1, max_size=20))
def test_a_quoted_title_never_hides_or_makes_a_link(title: str, url: str) -> None:
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    assert parse_link_context(f'<https://b.example>; title="{quoted}"; rel=next, <{url}>; {REL}') == url
