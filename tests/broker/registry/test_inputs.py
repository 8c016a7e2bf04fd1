"""What an operator may say of a platform, and the headers that its credential becomes."""

from __future__ import annotations

from typing import Any

import pytest

from broker.registry.inputs import read_platform
from broker.registry.source import Source
from schemas.errors import BadRequestData


def test_defaults() -> None:
    given = read_platform({"id": "a", "adapter": "ngsi_ld"})
    assert (given.timeout_ms, given.max_concurrency, given.mode.value) == (3000, 32, "inclusive")
    assert given.credential is None


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "body"),
        ("x", "body"),
        (None, "body"),
        ({}, "id"),
        ({"id": "a"}, "adapter"),
        ({"id": "", "adapter": "x"}, "id"),
        ({"id": "a\nb", "adapter": "x"}, "id"),
        ({"id": "a" * 300, "adapter": "x"}, "id"),
        ({"id": "a", "adapter": "x", "timeout_ms": 60_001}, "timeout_ms"),
        ({"id": "a", "adapter": "x", "max_concurrency": 0}, "max_concurrency"),
        ({"id": "a", "adapter": "x", "coverage": {"colour": 1}}, "coverage.colour"),
        ({"id": "a", "adapter": "x", "coverage": {"types": [1]}}, "coverage.types.0"),
        ({"id": "a", "adapter": "x", "credential": "secret"}, "credential"),
        ({"id": "a", "adapter": "x", "options": []}, "options"),
    ],
)
def test_the_first_member_that_is_wrong_is_named(document: Any, field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        read_platform(document)
    assert raised.value.field == field


def test_a_wrong_credential_is_not_repeated() -> None:
    with pytest.raises(BadRequestData) as raised:
        read_platform({"id": "a", "adapter": "x", "credential": "s3cret"})
    assert raised.value.value is None
    assert "s3cret" not in raised.value.detail
    assert "s3cret" not in repr(read_platform({"id": "a", "adapter": "x", "credential": {"token": "s3cret"}}))


def test_a_source_does_not_show_its_credential() -> None:
    assert "access" not in {f for f in Source.__dataclass_fields__ if Source.__dataclass_fields__[f].repr}
