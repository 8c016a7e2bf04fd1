"""The pool, the URLs it takes, and what becomes of a database that is not there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from broker.store.database import Database, dsn, store_errors
from broker.store.migrate import migrate
from schemas.errors import SettingsError, StoreUnavailable


async def test_pool_and_engine_reach_the_same_database(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO changes VALUES ('x', 7)")
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT version FROM changes WHERE name = 'x'"))).scalar() == 7


async def test_every_form_of_url_is_taken(database_url: str) -> None:
    opened = await Database.open(database_url.replace("postgresql://", "postgresql+asyncpg://"))
    assert await opened.pool.fetchval("SELECT 1") == 1
    await opened.close()


@pytest.mark.parametrize("url", ["", "sqlite:///x", "localhost:5432", "postgresql://u:p@h:port/db"])
async def test_a_url_that_is_none_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        await Database.open(url)
    assert caught.value.field == "KAKEHASHI_DATABASE_URL"


async def test_nothing_there_is_store_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await Database.open(f"postgresql://u@/db?host={tmp_path}")
    with pytest.raises(StoreUnavailable):
        await migrate("postgresql://u:secret@127.0.0.1:1/db")


async def test_an_unknown_database_is_a_settings_error(database_url: str) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        await Database.open(database_url.replace("/test_", "/nowhere_"))


async def test_a_cut_connection_is_store_unavailable_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_an_exhausted_pool_is_store_unavailable(database_url: str) -> None:
    opened = await Database.open(database_url, max_size=1)
    async with opened.connection():
        with pytest.raises(StoreUnavailable):
            async with opened.connection(within=0.05):
                raise AssertionError("there is no second connection")
    await opened.close()


async def test_faults_of_a_statement_stay_what_they_are(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.connection() as connection:
            await connection.execute("SELECT * FROM nothing")
    with pytest.raises(asyncpg.DataError), store_errors():
        await database.pool.fetchval("SELECT $1::int", "many")


def test_dsn_keeps_everything_but_the_driver() -> None:
    assert dsn("postgresql+asyncpg://u:p%40@h:5/d?sslmode=require") == "postgresql://u:p%40@h:5/d?sslmode=require"


async def test_migrations_of_several_processes_at_once(empty_database_url: str) -> None:
    url = empty_database_url
    await asyncio.gather(*(migrate(url) for _ in range(4)))
    await migrate(url)
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(SettingsError, match="newer"):
        await migrate(url)
