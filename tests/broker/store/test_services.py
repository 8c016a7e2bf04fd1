"""Services and their keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.store.database import Database
from broker.store.services import Kind, Service, Services, hash_key, new_key
from schemas.errors import AlreadyExists, BadRequestData, NotFound
from schemas.flow import Consumer

APP = Service("shelter-app", "避難所アプリ", "協議会", "令和8年度", "toyosu", Kind.BATCH)


@pytest.fixture
def services(database: Database) -> Services:
    return Services(database)


async def test_a_service_is_found_by_the_hash_of_its_key(services: Services, database: Database) -> None:
    stored, key = await services.create(APP)
    assert key.startswith("kk_")
    assert {h: k.service for h, k in (await services.by_key_hash()).items()} == {hash_key(key): stored}
    assert stored == await services.get(APP.id)
    assert replace(stored, created_at=None) == APP
    assert stored.consumer == Consumer("shelter-app", "協議会", "令和8年度", "toyosu", batch=True)
    row = await database.pool.fetchval("SELECT s::text FROM services s")
    assert key not in row


async def test_keys_are_long_and_different() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 3 + 43 for key in keys)


async def test_an_id_is_taken_once(services: Services) -> None:
    await services.create(APP)
    with pytest.raises(AlreadyExists):
        await services.create(APP)
    assert len(await services.all()) == 1


async def test_update_disable_and_renew(services: Services) -> None:
    stored, key = await services.create(APP)
    changed = await services.update(replace(stored, disabled=True, kind=Kind.INTERACTIVE, area=None))
    assert changed == replace(stored, disabled=True, kind=Kind.INTERACTIVE, area=None)
    renewed = await services.renew_key(APP.id)
    assert {h: k.service for h, k in (await services.by_key_hash()).items()} == {hash_key(renewed): changed}
    assert renewed != key
    await services.delete(APP.id)
    assert await services.all() == []


async def test_two_keys_hold_at_once_and_never_three(services: Services) -> None:
    _, first = await services.create(APP)
    second = await services.renew_key(APP.id, keep=timedelta(hours=1))
    held = await services.by_key_hash()
    assert set(held) == {hash_key(first), hash_key(second)}
    assert held[hash_key(second)].expires_at is None
    third = await services.renew_key(APP.id, keep=timedelta(hours=1))
    assert set(await services.by_key_hash()) == {hash_key(second), hash_key(third)}
    fourth = await services.renew_key(APP.id, keep=timedelta(microseconds=1))
    assert set(await services.by_key_hash()) == {hash_key(fourth)}, "the one before has expired"


@pytest.mark.parametrize("unknown", ["nobody", "\0", "\udc80"])
async def test_what_is_not_there_is_not_found(services: Services, unknown: str) -> None:
    for work in (services.get(unknown), services.renew_key(unknown), services.delete(unknown)):
        with pytest.raises(NotFound):
            await work
    with pytest.raises(NotFound):
        await services.update(replace(APP, id="nobody"))


@pytest.mark.parametrize(("field", "value"), [("id", "a\0"), ("project", "\ud800"), ("id", "x" * 3000)])
async def test_text_that_no_row_can_hold_is_refused_by_name(services: Services, field: str, value: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        await services.create(replace(APP, **{field: value}))
    assert caught.value.field == field


async def test_every_change_is_told(services: Services, database: Database) -> None:
    async def version() -> int:
        return await database.pool.fetchval("SELECT version FROM changes WHERE name = 'services'")

    stored, _ = await services.create(APP)
    versions = [await version()]
    for work in (services.update(stored), services.renew_key(APP.id), services.delete(APP.id)):
        await work
        versions.append(await version())
    assert versions == [1, 2, 3, 4]
