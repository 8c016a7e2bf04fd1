"""Walking entities along their keys: block by block, and when keys can't tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from broker.store.database import Database
from broker.store.entities import Entities
from broker.store.entity_filter import Where
from broker.store.entity_order import By, Walk
from broker.store.entity_spans import Span
from schemas.ngsi_ld.sort_key import LONGEST, text_key

NS = "https://example.org/"
KIND, OTHER, N, TEXT = NS + "Kind", NS + "Other", NS + "n", NS + "text"


def entity(number: int, **more: Any) -> dict[str, Any]:
    given = {"id": f"urn:{number:03}", "type": KIND if number % 3 else OTHER, **more}
    return given if number % 10 == 9 else {**given, N: {"type": "Property", "value": -(number // 4)}}


async def blocks(walk: Walk, most: int) -> list[list[str]]:
    found = []
    while not walk.ended:
        rows = await walk.next(most)
        assert rows is not None
        found.append([row.id for row in rows])
    return found


@pytest.fixture
async def store(database: Database) -> Entities:
    made = Entities(database)
    await made.upsert_many("t", [entity(number) for number in range(100)])
    await made.upsert_many("other", [entity(number) for number in range(5)])
    return made


@pytest.mark.parametrize("kinds", [[], [KIND], [KIND, OTHER]])
async def test_blocks_follow_each_other(store: Entities, kinds: list[str]) -> None:
    for most, descending in product((1, 7, 1000), (False, True)):
        await follow(store, most, descending, kinds)


async def follow(store: Entities, most: int, descending: bool, kinds: list[str]) -> None:
    where = Where(types=[frozenset({kind}) for kind in kinds])
    wanted = [one for one in map(entity, range(100)) if not kinds or one["type"] in kinds]
    valued = [one for one in wanted if N in one]
    valued.sort(key=lambda one: one[N]["value"], reverse=descending)
    expected = [one["id"] for one in valued] + [one["id"] for one in wanted if N not in one]
    met = await blocks(store.walk("t", where, By([N], descending)), most)
    assert sorted(name for block in met for name in block) == sorted(expected)
    at = 0
    for block in met:
        assert block == sorted(expected[at : at + len(block)])
        at += len(block)


async def test_what_is_passed_over_is_not_met(store: Entities) -> None:
    for descending, kinds in product((False, True), ([], [KIND], [KIND, OTHER])):
        await pass_over(store, descending, kinds)


async def pass_over(store: Entities, descending: bool, kinds: Sequence[str]) -> None:
    where = Where(types=[frozenset({kind}) for kind in kinds])
    met = [name for block in await blocks(store.walk("t", where, By([N], descending)), 1) for name in block]
    for number in (1, 2, 5, 30, 59):
        walk = store.walk("t", where, By([N], descending))
        assert await walk.skip(number)
        assert [name for block in await blocks(walk, 1) for name in block] == met[number:]


async def test_only_what_keys_tell_is_passed_over(store: Entities, database: Database) -> None:
    kinds = Where(types=[frozenset({KIND})])
    assert not await store.walk("t", Where(attrs_any=[TEXT]), By([N])).skip(1)
    assert await store.walk("t", Where(attrs_any=[TEXT, N]), By([N])).skip(1)
    assert not await store.walk("t", Where(ids=["urn:001"]), By([N])).skip(1)
    assert not await store.walk("t", Where(types=[frozenset({KIND, OTHER})]), By([N])).skip(1)
    assert not await store.walk("t", Where(), By([N], whole=True)).skip(1)
    assert not await store.walk("t", Where(), By([N])).skip(1000)
    assert await store.walk("t", kinds, By([N])).skip(1)
    await store.create("t", {"id": "urn:x", "type": [NS + "X", NS + "Y"], N: {"type": "Property", "value": -999}})
    assert not await store.walk("t", kinds, By([N])).skip(1)
    assert await store.walk("t", Where(), By([N])).skip(1)
    await database.pool.execute("UPDATE entities SET next_expiry = now() - interval '1 s' WHERE id = 'urn:x'")
    assert not await store.walk("t", Where(), By([N])).skip(1)


async def test_what_is_equal_stays_together_where_that_is_wanted(store: Entities) -> None:
    met = await blocks(store.walk("t", Where(), By([N], whole=True)), 5)
    valued = [{int(name[4:]) // 4 for name in block} for block in met if block and int(block[0][4:]) % 10 != 9]
    for number, block in enumerate(valued):
        assert not any(block & other for other in valued[number + 1 :])


async def test_texts_that_are_longer_than_their_keys_stay_together(database: Database) -> None:
    store = Entities(database)
    long = "避難所" * 20
    given = [
        {"id": f"urn:{number}", "type": KIND, TEXT: {"type": "Property", "value": text}}
        for number, text in enumerate([long + "c", "z", long + "b", long + "a", "a"])
    ]
    await store.upsert_many("t", given)
    assert len(text_key(long)) == LONGEST
    met = await blocks(store.walk("t", Where(), By([TEXT])), 1)
    assert [block for block in met if block] == [["urn:4"], ["urn:1"], ["urn:0", "urn:2", "urn:3"]]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "VocabProperty", "vocab": "https://example.org/x"},
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
    ],
)
async def test_what_has_no_key_is_not_put_in_order_by_keys(store: Entities, odd: dict[str, Any]) -> None:
    await store.create("t", {"id": "urn:x", "type": KIND, N: odd})
    assert await store.walk("t", Where(), By([N])).next(5) is None
    assert await store.walk("t", Where(types=[frozenset({OTHER})]), By([N])).next(5) is not None


async def test_what_has_expired_is_not_met_by_its_old_value(store: Entities, database: Database) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fleeting = {"type": "Property", "value": -999, "expiresAt": soon}
    await store.create("t", {"id": "urn:x", "type": KIND, N: fleeting})
    (first,) = await store.walk("t", Where(), By([N])).next(1) or ()
    assert first.id == "urn:x"
    await database.pool.execute("UPDATE entities SET next_expiry = now() - interval '1 s' WHERE id = 'urn:x'")
    assert await store.walk("t", Where(), By([N])).next(1) is None


async def test_two_ways_of_one_name_are_no_order(store: Entities) -> None:
    await store.create("t", {"id": "urn:x", "type": KIND, TEXT: {"type": "Property", "value": 1}})
    assert await store.walk("t", Where(), By([N, TEXT])).next(1) is None
    assert await store.walk("t", Where(), By([N, NS + "nobody"])).next(1) is not None


async def test_few_that_may_match_are_read_at_once(store: Entities) -> None:
    few = Where(covers=[(Span(N, b"\0", b"\1"),)])
    assert await store.walk("t", few, By([N])).next(5) is None
    assert await store.walk("t\0", Where(), By([N])).next(5) is None
