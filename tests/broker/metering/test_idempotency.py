"""What makes two requests the same, and what may be a key."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequest
from schemas.idempotency import parse_key, request_hash

BASE: dict[str, Any] = {
    "method": "GET", "path": "/ngsi-ld/v1/entities", "query": (("type", "A"), ("limit", "5")),
    "accept": "application/json", "tenant": "t", "body": b"{}",
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"path": "/ngsi-ld/v1/types"},
        {"query": (("type", "B"), ("limit", "5"))},
        {"query": (("type", "A"),)},
        {"query": (("type", "A"), ("limit", "5"), ("limit", "5"))},
        {"accept": "text/csv"},
        {"tenant": ""},
        {"body": b""},
        {"accept": "application/jsont", "tenant": ""},
    ],
)
def test_any_difference_is_another_request(change: dict[str, Any]) -> None:
    assert request_hash(**BASE | change) != request_hash(**BASE)
    assert len(request_hash(**BASE)) == 32


texts = st.text(max_size=5)
queries = st.lists(st.tuples(texts, texts), max_size=4)


@given(queries, st.randoms())
def test_the_order_of_parameters_does_not_count(query: list[tuple[str, str]], chance: Any) -> None:
    shuffled = list(query)
    chance.shuffle(shuffled)
    assert request_hash(**BASE | {"query": query}) == request_hash(**BASE | {"query": shuffled})


@given(queries, queries, texts, texts)
def test_no_two_run_together(
    one: list[tuple[str, str]], other: list[tuple[str, str]], accept: str, tenant: str
) -> None:
    first = request_hash(method="GET", path="/", query=one, accept=accept, tenant=tenant)
    second = request_hash(method="GET", path="/", query=other, accept=tenant, tenant=accept)
    assert (first == second) == (sorted(one) == sorted(other) and accept == tenant)


def test_a_key_comes_through_as_it_is() -> None:
    assert parse_key('"8e03978e-40d5-43dd-bc93-6894a57f9324"') == '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
    assert parse_key("k" * 255) == "k" * 255


@pytest.mark.parametrize("value", ["", "k" * 256, "a\0b", "a\nb", "鍵", "\ud800"])
def test_what_is_no_key(value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_key(value)
    assert caught.value.field == "Idempotency-Key"
