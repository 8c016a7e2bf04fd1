"""Platforms and credentials: what goes in comes out, versions, and what is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from broker.store.database import Database
from broker.store.platforms import Platforms
from schemas.errors import AlreadyExists, BadRequestData, NotFound
from schemas.platform import Coverage, EntityPattern, Mode, Platform, PlatformState, ProbeResult

FULL = Platform(
    id="urn:ngsi-ld:ContextSourceRegistration:竹芝",
    adapter="ngsi_v2",
    endpoint="https://example.org/orion",
    area="takeshiba",
    organisation="竹芝エリアマネジメント",
    name="Takeshiba",
    registry_tenant="t",
    tenant="smartcity",
    service_path="/shelters",
    context="https://example.org/context.jsonld",
    options={"prefix": "/v2", "headers": {"X": "1"}, "text": "\\u0000 is no NUL", "n": 1.5},
    coverage=Coverage(
        (EntityPattern("https://example.org/A", None, "urn:.*"), EntityPattern(None, "urn:x")),
        frozenset({"https://example.org/a", "https://example.org/b"}),
        {"type": "Point", "coordinates": [139.7, 35.6]},
    ),
    mode=Mode.AUXILIARY,
    timeout_ms=1500,
    max_concurrency=4,
    state=PlatformState.ACTIVE,
    probe=ProbeResult(True, "Orion", ("https://example.org/A",), 1000, -0.5, frozenset({"type"}), 3, ("fine",)),
)


@pytest.fixture
def platforms(database: Database) -> Platforms:
    return Platforms(database)


async def test_what_goes_in_comes_out(platforms: Platforms) -> None:
    stored = await platforms.create(FULL, b"sealed")
    assert stored == await platforms.get(FULL.id)
    assert [stored] == await platforms.all()
    assert stored.created_at == stored.modified_at
    assert stored.created_at.endswith("Z")
    assert replace(stored, created_at="", modified_at="", version=0, has_credential=False) == FULL
    assert stored.has_credential
    assert await platforms.credential(FULL.id) == b"sealed"
    assert await platforms.credentials() == {FULL.id: b"sealed"}


async def test_defaults_come_out_as_they_are(platforms: Platforms) -> None:
    least = Platform(id="urn:x", adapter="geojson", endpoint="file:///data")
    stored = await platforms.create(least)
    assert replace(stored, created_at="", modified_at="", version=0) == least
    assert await platforms.credential("urn:x") is None


async def test_an_id_is_taken_once(platforms: Platforms) -> None:
    first = await platforms.create(FULL)
    with pytest.raises(AlreadyExists):
        await platforms.create(replace(FULL, name="another"), b"another")
    assert await platforms.get(FULL.id) == first
    assert await platforms.credentials() == {}


async def test_an_update_needs_the_version_that_is_there(platforms: Platforms) -> None:
    first = await platforms.create(FULL)
    second = await platforms.update(replace(first, name="second", probe=None))
    assert second.name == "second"
    assert second.probe is None
    assert second.version > first.version
    with pytest.raises(AlreadyExists, match="meanwhile"):
        await platforms.update(replace(first, name="third"))
    assert await platforms.get(FULL.id) == second


async def test_of_concurrent_updates_one_wins(platforms: Platforms) -> None:
    first = await platforms.create(FULL)
    tried = (platforms.update(replace(first, name=str(n))) for n in range(8))
    results = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(result, Platform) for result in results) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 7


async def test_a_credential_is_kept_replaced_or_taken_away(platforms: Platforms) -> None:
    stored = await platforms.create(FULL, b"one")
    stored = await platforms.update(stored)
    assert (await platforms.credential(FULL.id), stored.has_credential) == (b"one", True)
    stored = await platforms.update(stored, b"two")
    assert (await platforms.credential(FULL.id), stored.has_credential) == (b"two", True)
    stored = await platforms.update(stored, b"")
    assert (await platforms.credential(FULL.id), stored.has_credential) == (None, False)


async def test_a_platform_made_again_has_another_version(platforms: Platforms) -> None:
    first = await platforms.create(FULL, b"one")
    await platforms.delete(FULL.id)
    assert await platforms.credentials() == {}
    assert (await platforms.create(FULL)).version != first.version


@pytest.mark.parametrize("unknown", ["urn:nothing", "urn:\0", "urn:\ud800"])
async def test_what_is_not_there_is_not_found(platforms: Platforms, unknown: str) -> None:
    for work in (platforms.get(unknown), platforms.delete(unknown), platforms.credential(unknown)):
        if unknown == "urn:nothing" and work.__name__ == "credential":
            assert await work is None
            continue
        with pytest.raises(NotFound):
            await work
    with pytest.raises(NotFound):
        await platforms.update(replace(FULL, id="urn:nothing"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a\0b"),
        ("name", "\udc00"),
        ("options", {"a": ["\0"]}),
        ("options", {"a": "\\\0"}),
        ("id", "urn:" + "é" * 2000),
        ("coverage", Coverage((EntityPattern("\0"),))),
    ],
)
async def test_text_that_no_row_can_hold_is_refused_by_name(platforms: Platforms, field: str, value: object) -> None:
    with pytest.raises(BadRequestData) as caught:
        await platforms.create(replace(FULL, **{field: value}))
    assert caught.value.field == field
    assert await platforms.all() == []
