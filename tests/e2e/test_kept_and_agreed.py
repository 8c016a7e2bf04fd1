"""What is kept of a source's answers never tells anybody more than his rights do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from agreements import City, city
from sources import Host

from adapters.testing.serving import Reply, Request


@pytest.fixture
def town(postgres_url: str, tmp_path: Any, host: Host) -> Iterator[City]:
    with city(postgres_url, tmp_path, host) as opened:
        honest = opened.source.source

        def kept(request: Request) -> Reply:
            reply = honest(request)
            return Reply(reply.body, reply.status, {**reply.headers, "cache-control": "max-age=600"})

        opened.source.source = kept  # type: ignore[assignment]
        yield opened


def members(answer: Any) -> set[str]:
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 6
    return {name for entity in answer.json() for name in entity} - {"id", "type"}


def test_rights_are_part_of_what_is_the_same(town: City) -> None:
    everything = {"capacity", "manager", "location"}
    assert members(town.get("own", type="Shelter")) == everything
    again = town.get("own", type="Shelter")
    assert "age" in again.headers
    assert members(again) == everything
    with town.agreed(types=["Shelter"], attributes=["capacity"]):
        for asked in (True, False):
            answer = town.get(type="Shelter")
            assert members(answer) == {"capacity"}
            assert ("age" not in answer.headers) is asked
            assert "person" not in answer.text
        assert members(town.get("own", type="Shelter")) == everything
    assert town.get(type="Shelter").json() == [], "an agreement that ended gives nothing, kept or not"
