"""The first cut of a q, in a real PostgreSQL: it never drops what the evaluator takes, and it does cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
import orjson
import pytest
from entity_strategies import OWN, entities, queries, scope_queries, scopes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broker.store.database import Database, connect
from broker.store.entities import Entities
from broker.store.entity_filter import Where
from broker.store.entity_prefilter import id_prefix, prefilter, scoped
from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.rename import compact_entity, expand_entity
from schemas.ngsi_ld.scope import parse_scope_query


class Server:
    """A connection for tests that are not asynchronous themselves, as hypothesis wants them."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection: asyncpg.Connection = self._runner.run(connect(url))

    def holds(self, predicate: str, documents: Sequence[dict[str, Any]]) -> list[bool]:
        texts = [orjson.dumps(document).decode() for document in documents]
        statement = "SELECT doc @@ $2::jsonpath FROM unnest($1::jsonb[]) WITH ORDINALITY AS d (doc, n) ORDER BY n"
        rows = self._runner.run(self._connection.fetch(statement, texts, predicate))
        return [row[0] is True for row in rows]

    def close(self) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()


@pytest.fixture(scope="module")
def server(postgres_url: str) -> Iterator[Server]:
    made = Server(postgres_url)
    yield made
    made.close()


@settings(max_examples=150, deadline=None)
@given(st.lists(entities, min_size=1, max_size=8), queries, st.sampled_from((CORE, OWN)), st.sampled_from((CORE, OWN)))
@example([{"id": "urn:x", "type": "T", "a": {"type": "Property", "value": 1}}], "a==1.0", CORE, CORE)
def test_nothing_that_matches_is_dropped(
    server: Server, given_: list[dict[str, Any]], text: str, written: Context, asked: Context
) -> None:
    stored = [expand_entity(entity, written) for entity in given_]
    query = parse_q(text, context=asked)
    predicate = prefilter(query, asked)
    if predicate is None:
        return
    for entity, taken in zip(stored, server.holds(predicate, stored), strict=True):
        assert taken or not query.matches(compact_entity(entity, asked)), (text, predicate, entity)


PROPERTY: dict[str, Any] = {"type": "Property", "value": "x"}


@pytest.mark.parametrize(
    ("q", "left"),
    [
        ('a=="x"', [0, 2]),
        ('a=="x","z"', [0, 2]),
        ("a==7", [1]),
        ("a>5", [1]),
        ("a>=8", []),
        ("a==6..9", [1]),
        ("a", [0, 1, 2, 3]),
        ('a=="x";b', [2]),
        ("a==7|b==true", [1, 2]),
        ('a[m]=="y"', [3]),
        ("a==urn:x:1", []),
        ('b.a=="x"', [4]),
    ],
)
def test_it_cuts(server: Server, q: str, left: list[int]) -> None:
    members: list[dict[str, Any]] = [
        {"a": PROPERTY},
        {"a": {**PROPERTY, "value": 7}},
        {"a": [PROPERTY, {**PROPERTY, "value": 1, "datasetId": "urn:d"}], "b": {**PROPERTY, "value": True}},
        {"a": {**PROPERTY, "value": {"m": ["y"]}}},
        {"b": {**PROPERTY, "value": 0, "a": PROPERTY}},
    ]
    stored = [expand_entity({"id": f"urn:{n}", "type": "T", **made}, CORE) for n, made in enumerate(members)]
    predicate = prefilter(parse_q(q, context=CORE), CORE)
    assert predicate is not None
    assert [n for n, taken in enumerate(server.holds(predicate, stored)) if taken] == left


@pytest.mark.parametrize("q", ["!a", "a==1|!b", "createdAt>2020-01-01T00:00:00Z", "a{b}==1", 'id=="urn:1"'])
def test_what_is_not_certain_is_no_condition(q: str) -> None:
    assert prefilter(parse_q(q, context=CORE), CORE) is None


async def test_the_store_takes_it_as_a_condition(database: Database) -> None:
    store = Entities(database)
    await store.upsert_many(
        "t", [expand_entity({"id": f"urn:{n}", "type": "T", "a": {**PROPERTY, "value": n % 3}}, CORE) for n in range(9)]
    )
    where = Where(predicate=prefilter(parse_q("a==2", context=CORE), CORE), types=[frozenset({CORE.expand("T")})])
    assert [entity.id for entity in await store.query("t", where)] == ["urn:2", "urn:5", "urn:8"]
    assert await store.query("t", where, limit=2, after_id="urn:2") == (await store.query("t", where))[1:]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(("^", "a", "b", ":", "*", "+", "?", ".", "|", "(", ")", "{2}", "$"))), st.text("ab:"))
def test_the_prefix_of_a_pattern_is_that_of_all_that_it_finds(parts: list[str], text: str) -> None:
    pattern = "".join(parts)
    try:
        compiled = compile_pattern(pattern, "idPattern")
    except BadRequestData:  # not a pattern, nothing to hold it to
        return
    if compiled.found_in(text):
        assert text.startswith(id_prefix(pattern))


def test_a_prefix_is_found() -> None:
    assert id_prefix("^urn:ngsi-ld:Kind01:.*7$") == "urn:ngsi-ld:Kind01:"
    assert id_prefix("^urn:ab*") == "urn:a"
    assert id_prefix("urn:") == id_prefix("^a|^b") == id_prefix("^") == ""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(scopes, max_size=3), min_size=1, max_size=8), scope_queries)
def test_scopes_are_cut_as_the_evaluator_takes_them(server: Server, held: list[list[str]], text: str) -> None:
    query = parse_scope_query(text)
    stored = [{"id": "urn:x", "scope": scope[0] if len(scope) == 1 else scope} for scope in held]
    predicate = scoped(query)
    if predicate is None:
        return
    for entity, taken in zip(stored, server.holds(predicate, stored), strict=True):
        assert taken or not query.matches(entity["scope"])


def test_a_scope_elsewhere_is_cut_away(server: Server) -> None:
    predicate = scoped(parse_scope_query("/Tokyo/#,/+/Minato"))
    assert predicate is not None
    stored = [{"scope": scope} for scope in ("/Tokyo", "/Tokyo/a/b", ["/x", "/y/Minato"], "/Tokyo1", "/Minato", [])]
    assert server.holds(predicate, stored) == [True, True, True, False, False, False]
    assert scoped(parse_scope_query("/Tokyo/#,/#")) is None
