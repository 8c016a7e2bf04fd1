"""Which part of a write goes where (clauses 4.3.6.2, 4.3.6.3, 5.6). No I/O."""

from __future__ import annotations

from typing import Any

import pytest
from registered import info, source

from broker.federation.split import Split, split, ways, writers
from broker.federation.split_purge import purge_parts
from broker.registry.source import Source
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.params import parse_query
from schemas.ngsi_ld.write import Write

T = frozenset({CORE.expand("T")})
ID = "urn:x:1"


def create(*names: str, **members: Any) -> Write:
    body = {"id": ID, "type": "T", **{n: {"type": "Property", "value": 1} for n in names}, **members}
    return Write("createEntity", ID, CORE, body, T)


def told(found: Split) -> tuple[dict[str, list[str]], list[str] | None]:
    """Names of attributes by source, and what is left."""
    parts = {p.source.id.rpartition(":")[2]: sorted(p.write.body.keys() - {"id", "type"}) for p in found.parts}
    return parts, None if found.local is None else sorted(found.local.body.keys() - {"id", "type"})


E, R, N, X = "exclusive", "redirect", "inclusive", "auxiliary"
ONE_A = info("a", id=ID)
CASES: list[tuple[list[Source], dict[str, list[str]], list[str] | None]] = [
    ([], {}, ["a", "b"]),
    ([source("i")], {"i": ["a", "b"]}, ["a", "b"]),
    ([source("i", N, info("a"))], {"i": ["a"]}, ["a", "b"]),
    ([source("i", N, info("c"))], {}, ["a", "b"]),
    ([source("i", operations=["retrieveOps"])], {}, ["a", "b"]),
    ([source("x", X)], {}, ["a", "b"]),
    ([source("e", E, ONE_A)], {"e": ["a"]}, ["b"]),
    ([source("e", E, info("a", "b", id=ID))], {"e": ["a", "b"]}, None),
    ([source("e", E, info("a", id="urn:x:2"))], {}, ["a", "b"]),
    ([source("r", R)], {"r": ["a", "b"]}, None),
    ([source("r", R, info("a"))], {"r": ["a"]}, ["b"]),
    ([source("r", R, info(idPattern="^urn:y"))], {}, ["a", "b"]),
    ([source("r", R, info("a")), source("s", R, info("a", "b"))], {"r": ["a"], "s": ["a", "b"]}, None),
    # exclusive before redirect before inclusive
    ([source("r", R, info("b")), source("e", E, ONE_A), source("i")], {"e": ["a"], "r": ["b"]}, None),
    ([source("e", E, ONE_A), source("i")], {"e": ["a"], "i": ["b"]}, ["b"]),
    ([source("r", R, {"propertyNames": ["a"]}), source("i", N, info("a"))], {"r": ["a"]}, ["b"]),
    # each attribute goes with its own kind of entities
    ([source("i", N, info("a", id="urn:x:2"), info("b", id=ID))], {"i": ["b"]}, ["a", "b"]),
]


@pytest.mark.parametrize(("sources", "parts", "left"), CASES, ids=range(len(CASES)))
def test_a_create(sources: list[Source], parts: dict[str, list[str]], left: list[str] | None) -> None:
    assert told(split(create("a", "b"), writers(sources, None))) == (parts, left)


def test_members_of_the_entity_go_with_the_whole_of_it() -> None:
    write = create("a", scope="/x", expiresAt="2030-01-01T00:00:00Z")
    assert told(split(write, [source("r", R)])) == ({"r": ["a", "expiresAt", "scope"]}, None)
    assert told(split(write, [source("e", E, ONE_A)])) == ({"e": ["a"]}, None)
    assert told(split(create("a", "b", scope="/x"), [source("e", E, ONE_A)]))[1] == ["b", "scope"]


def test_an_entity_without_attributes() -> None:
    assert told(split(create(), [source("e", E, ONE_A)])) == ({}, [])
    assert told(split(create(), [source("r", R)])) == ({"r": []}, None)
    assert told(split(create(), [source("i")])) == ({"i": []}, [])


def test_what_alone_holds_it_and_does_not_take_it() -> None:
    (part,) = split(create("a"), [source("r", R, operations=["retrieveOps"])]).parts
    assert (part.offered, part.alone) == (False, True)


def test_one_attribute() -> None:
    write = Write("updateAttrs", ID, CORE, {"value": 2}, T, attribute="a")
    found = split(write, [source("e", E, ONE_A), source("i")])
    assert [p.source.id for p in found.parts] == ["urn:r:e"]
    assert found.local is None
    found = split(write, [source("e", E, info("b", id=ID)), source("i")])
    assert [p.source.id for p in found.parts] == ["urn:r:i"]
    assert found.local is write


def test_a_delete_is_done_everywhere() -> None:
    write = Write("deleteEntity", ID, CORE)
    found = split(write, [source("e", E, ONE_A), source("i"), source("j", N, info(id="urn:x:9"))])
    assert [p.source.id for p in found.parts] == ["urn:r:e", "urn:r:i"]
    assert found.local is write
    assert found.taken


def test_who_is_left_out() -> None:
    past = source("p")
    past.ends = 1.0
    others = [
        source("a", contextSourceAlias="other"),
        source("t", observationInterval={"startAt": "2020-01-01T00:00:00Z"}),
        past,
        source("x", X),
    ]
    assert [s.id for s in writers([*others, source("i")], "1.1 third, 1.1 other")] == ["urn:r:i"]
    assert [s.id for s in writers(others, "1.1 third")] == ["urn:r:a"]


def test_ways_to_do_a_batch() -> None:
    def by(operation: str, options: str = "") -> list[str]:
        return ways(Write(operation, params={"options": options}))[1:]

    assert by("upsertBatch") == ["createEntity", "replaceEntity"]
    assert by("upsertBatch", "update") == ["createEntity", "updateEntity"]
    assert by("updateBatch") == ["updateEntity", "appendAttrs"]
    assert by("updateBatch", "noOverwrite") == ["appendAttrs"]
    assert by("createEntity") == []


@pytest.mark.parametrize(
    ("information", "params", "sent"),
    [
        ([info()], {"type": "T"}, [{"type": "T"}]),
        ([info()], {"type": "U"}, []),
        ([info(id=ID)], {"type": "T"}, [{"type": "T", "id": ID}]),
        ([info(idPattern="^urn:x")], {"type": "T"}, [{"type": "T", "idPattern": "^urn:x"}]),
        ([info(idPattern="^urn:x")], {"type": "T", "id": "urn:x:1,urn:y:1"}, [{"type": "T", "id": "urn:x:1"}]),
        ([info("a", "b")], {"type": "T"}, [{"type": "T", "drop": "a,b"}]),
        ([info("a", "b")], {"type": "T", "drop": "b,c"}, [{"type": "T", "drop": "b"}]),
        ([info("a", "b")], {"type": "T", "keep": "b"}, [{"type": "T", "drop": "a"}]),
        ([info("a", "b")], {"type": "T", "drop": "c"}, []),
        ([info()], {"q": "a>1"}, [{"q": "a>1", "type": "T"}]),
        (
            [info("a", id=ID), info("b", id="urn:x:2")],
            {"type": "T"},
            [{"type": "T", "id": ID, "drop": "a"}, {"type": "T", "id": "urn:x:2", "drop": "b"}],
        ),
    ],
)
def test_a_purge(information: list[dict[str, Any]], params: dict[str, str], sent: list[dict[str, str]]) -> None:
    asked = {k: v for k, v in params.items() if k not in ("keep", "drop")}
    query, _ = parse_query(asked, CORE)
    assert [dict(p.write.params) for p in purge_parts(query, params, [source("r", R, *information)])] == sent
