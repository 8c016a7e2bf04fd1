"""Sixty questions as people ask them, and the datasets that must be among the first ten that are found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from catalogue_corpus import corpus, stored
from catalogue_questions import QUESTIONS
from module_database import fresh, run

from broker.store.catalog_search import CatalogSearch, Filter
from broker.store.database import Database
from catalog.search.question import parse


@pytest.fixture(scope="module")
def database_of_wards(postgres_url: str) -> Iterator[str]:
    """The 60 topics of the 23 wards, and what the areas hold live."""
    with fresh(postgres_url) as url:
        run(_fill(url))
        yield url


async def _fill(url: str) -> None:
    database = await Database.open(url, max_size=2)
    await stored(database, corpus(23 * 60, date(2026, 11, 1)))
    await database.close()


async def test_what_must_be_found_is_among_the_first_ten(database_of_wards: str) -> None:
    assert len(QUESTIONS) == 60
    database = await Database.open(database_of_wards, max_size=2)
    search = CatalogSearch(database)
    missed: list[Any] = []
    wanted = found = 0
    for question, titles in QUESTIONS:
        hits = (await search.search(Filter(parse(question)), limit=10, offset=0)).hits
        shown = [hit.dataset.title for hit in hits]
        wanted += len(titles)
        found += sum(title in shown for title in titles)
        missed += [(question, title, shown[:4]) for title in titles if title not in shown]
    await database.close()
    print(f"recall in the first ten: {found}/{wanted} = {found / wanted:.3f}; missed: {missed}")
    assert found / wanted >= 0.95, missed


async def test_live_data_comes_first(database_of_wards: str) -> None:
    database = await Database.open(database_of_wards, max_size=2)
    search = CatalogSearch(database)
    for question in ("避難所 豊洲", "人流 竹芝", "気温 豊洲"):
        assert (await search.search(Filter(parse(question)), limit=1, offset=0)).hits[0].dataset.live is not None
    await database.close()
