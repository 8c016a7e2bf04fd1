"""What q means (clause 4.9): the clause's own examples, then the evaluator against a naive reading of the clause."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import OperationNotSupported
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.q import And, Comparison, Exists, Literal, Node, Or, Path, Q, Range, Regex, Values, parse_q
from schemas.ngsi_ld.q.ast import conjunction, disjunction

ENTITY: dict[str, Any] = {
    "id": "urn:ngsi-ld:Vehicle:1",
    "type": ["Vehicle", "Bus"],
    "scope": "/Tokyo/Minato",
    "createdAt": "2024-05-01T00:00:00Z",
    "speed": [
        {"type": "Property", "value": 55, "observedAt": "2017-12-24T12:00:00.000Z", "unitCode": "KMH"},
        {"type": "Property", "value": 11, "datasetId": "urn:d:gps", "accuracy": {"type": "Property", "value": 0.5}},
    ],
    "brandName": {"type": "Property", "value": "Mercedes"},
    "tags": {"type": "Property", "value": ["blue", "red", "green"]},
    "mixed": {"type": "Property", "value": [1, True, "1"]},
    "open": {"type": "Property", "value": True},
    "one": {"type": "Property", "value": 1},
    "address": {"type": "Property", "value": {"city": "Berlin", "geo": {"deep": 40}, "list": [{"x": 1}], "none": None}},
    "colour": {"type": "LanguageProperty", "languageMap": {"en": ["red", "crimson"], "fr": "rouge", "zh-Hant": "紅"}},
    "gender": {"type": "VocabProperty", "vocab": "Male"},
    "kinds": {"type": "VocabProperty", "vocab": ["Male", "http://example.org/Tall"]},
    "isParked": {"type": "Relationship", "object": "urn:p:1", "by": {"type": "Relationship", "object": "urn:bob:1"}},
    "passengers": {"type": "Relationship", "object": ["urn:a:1", "urn:b:2"]},
    "route": {"type": "ListRelationship", "objectList": [{"object": "urn:s:1"}, {"object": "urn:s:2"}]},
    "depths": {"type": "ListProperty", "valueList": [300, 120]},
    "ticket": {"type": "JsonProperty", "json": {"id": "85a6", "value": "Overstay"}},
    "day": {"type": "Property", "value": "2024-02-29"},
    "clock": {"type": "Property", "value": {"@type": "Time", "@value": "08:30:00Z"}},
    "departure": {"type": "Property", "value": "2026-02-20T09:00:00+09:00"},
    "odd": {"type": "Property"},
    "inline": {
        "type": "Relationship",
        "object": "urn:dev:1",
        "entity": {"id": "urn:dev:1", "type": "Device", "humidity": {"type": "Property", "value": 40}},
    },
}


@pytest.mark.parametrize(
    "q",
    [
        "speed",
        "!nothing",
        "speed==55",
        "speed==11",
        "speed>50",
        "speed!=55",
        "speed==10..20",
        "speed!=10..20",
        "speed.observedAt>=2017-12-24T12:00:00Z",
        'speed.observedAt=="2017-12-24T12:00:00Z"',
        'speed.unitCode=="KMH"',
        "speed.accuracy<1",
        'speed.datasetId=="urn:d:gps"',
        'brandName=="Mercedes"',
        "brandName==Mercedes",
        'brandName!="Audi","BMW"',
        'brandName>"Audi"',
        'brandName=="Audi".."Opel"',
        'brandName~="^Merc"',
        'brandName!~="^Audi"',
        'tags=="red"',
        'tags=="black","red"',
        'tags!="black","white"',
        'mixed=="1"',
        "mixed==1",
        "mixed==true",
        "open==true",
        "open!=1",
        "one!=true",
        'address[city]=="Berlin"',
        "address[geo.deep]==40",
        "address[none]",
        'colour=="rouge"',
        'colour[en]=="crimson"',
        'colour[EN]=="red"',
        'colour[*]=="rouge"',
        'colour[en]!="rouge"',
        'colour!="black"',
        'colour~="^rou"',
        "gender==Male",
        'gender!="Female"',
        'kinds=="http://example.org/Tall"',
        "isParked==urn:p:1",
        'isParked=="urn:p:1"',
        'isParked!="urn:p:2"',
        'isParked.by=="urn:bob:1"',
        'passengers=="urn:b:2"',
        'route=="urn:s:2","urn:s:9"',
        "depths==300",
        'ticket[value]=="Overstay"',
        "day>2024-02-28",
        "clock<08:30:01Z",
        "clock==08:30:00.000Z",
        "departure==2026-02-20T00:00:00Z",
        'departure>"2026-02-15T00:00:00Z"',
        "createdAt>2024-01-01T00:00:00Z",
        'scope=="/Tokyo/Minato"',
        'type=="Bus"',
        "id==urn:ngsi-ld:Vehicle:1",
        "(speed>90|one==1);open==true",
        "nothing|one;open",
        "inline{humidity}==40",
        "inline{Device,Sensor:humidity}==40",
    ],
)
def test_matches(q: str) -> None:
    assert parse_q(q).matches(ENTITY)


@pytest.mark.parametrize(
    "q",
    [
        "nothing",
        "!speed",
        "nothing!=1",
        "odd",
        "odd!=1",
        "speed==56",
        "speed>55",
        'speed=="55"',
        'speed~="5"',
        'speed!~="9"',
        "speed.value",
        "speed.type",
        "speed.accuracy.deeper",
        "speed.unitCode.x",
        'tags!="red"',
        'tags!="red","black"',
        'tags>"a"',
        'tags~="red"',
        "open==1",
        "one==true",
        'one>"0"',
        "address[postcode]",
        'address[postcode]!="x"',
        "address[list.x]==1",
        'colour[de]=="rot"',
        "colour[de]",
        'colour[en]=="rouge"',
        'colour[*]!="red"',
        'colour!="red"',
        "gender==Female",
        'isParked>"urn:a"',
        'isParked~="urn"',
        "isParked[x]",
        "isParked==1",
        'passengers!="urn:a:1"',
        "day>2024-02-29",
        "day>2024-02-28T00:00:00Z",
        "brandName>2024-01-01",
        "createdAt[x]",
        "createdAt.x",
        "speed>90|one==2;open",
        "inline{humidity}==41",
        "inline{Vehicle:humidity}==40",
        "nothing{humidity}",
    ],
)
def test_does_not_match(q: str) -> None:
    assert not parse_q(q).matches(ENTITY)


def test_linked_entity_that_is_not_inline() -> None:
    with pytest.raises(OperationNotSupported) as caught:
        parse_q('isParked{name}=="x"').matches(ENTITY)
    assert caught.value.field == "q"
    # Where the answer is known without it, nobody has to follow.
    assert not parse_q('one==2;isParked{name}=="x"').matches(ENTITY)


def test_vocab_terms_in_a_context() -> None:
    male = CORE.expand("Male")
    assert parse_q(f'gender=="{male}"', context=CORE).matches(ENTITY)
    assert parse_q("gender==Male", context=CORE, expand_values=("gender",)).matches(ENTITY)
    assert not parse_q("gender==Male", context=CORE).matches(ENTITY)


def test_expanded_query_on_expanded_entity() -> None:
    entity = {
        "id": "urn:x:1",
        CORE.expand("speed"): ENTITY["speed"],
        CORE.expand("gender"): {"vocab": CORE.expand("Male")},
    }
    q = parse_q("speed>50;speed.observedAt;gender==Male", context=CORE, expand_values=("gender",)).rename(CORE.expand)
    assert q.matches(entity)


def test_shapes_that_no_source_should_send() -> None:
    weird: list[Any] = [
        None,
        1,
        "x",
        [],
        [1, [2]],
        [None],
        {"type": ["Property"], "value": 1},
        {"type": "X"},
        {"value": 1},
    ]
    for member in weird:
        for q in ("a", "a==1", "a!=1", "a[b.c]==1", "a.b.c", 'a~="x"', "a>1", "a.observedAt>2024-01-01T00:00:00Z"):
            assert parse_q(q).matches({"a": member}) in (True, False)
    assert not parse_q('a~="x"').matches({"a": {"value": "\ud800"}})


# --- a naive reading of the clause -----------------------------------------------------------------------------------


STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def unwrapped(value: Any) -> Any:
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def compare(op: str, target: Any, literal: Literal, vocab: bool) -> bool:
    """One comparison of one value, straight from the text: no equality between data types, no match."""
    target = unwrapped(target)
    wanted: Any = literal.value
    if literal.kind == "boolean":
        return op == "==" and isinstance(target, bool) and target == wanted
    if literal.kind == "number":
        if isinstance(target, bool) or not isinstance(target, int | float):
            return False
    elif not isinstance(target, str):
        return False
    elif vocab and op == "==" and literal.kind == "string":
        return bool(target == literal.value)
    elif STAMP.fullmatch(wanted) and STAMP.fullmatch(target):
        target, wanted = datetime.fromisoformat(target), datetime.fromisoformat(wanted)
    elif literal.kind == "datetime":
        return False
    if op in ("==", ">=", "<=") and target == wanted:
        return True
    return target > wanted if op in (">", ">=") else target < wanted if op in ("<", "<=") else False


def equal(target: Any, operand: Any, vocab: bool) -> bool:
    if isinstance(operand, Values):
        return any(equal(target, item, vocab) for item in operand.items)
    if isinstance(operand, Range):
        return compare(">=", target, operand.low, vocab) and compare("<=", target, operand.high, vocab)
    return compare("==", target, operand, vocab)


def targets(entity: dict[str, Any], path: Path) -> list[tuple[list[Any], str]]:
    """(values, kind) of each instance that has the target element."""
    found = entity.get(path.names[0], [])
    layer = found if isinstance(found, list) else [found]
    for name in path.names[1:]:
        if name == "observedAt":
            return [([inner[name]], "scalar") for inner in layer if name in inner and not path.members]
        inners = [inner[name] for inner in layer if name in inner]
        layer = [one for inner in inners for one in (inner if isinstance(inner, list) else [inner])]
    result: list[tuple[list[Any], str]] = []
    for inner in layer:
        kind = inner["type"]
        if kind == "LanguageProperty":
            tags = [tag for tag in inner["languageMap"] if path.members in ((), ("*",), (tag,))]
            if tags or path.members in ((), ("*",)):
                result.append(([inner["languageMap"][tag] for tag in tags], kind))
            continue
        value = inner[{"Property": "value", "Relationship": "object", "VocabProperty": "vocab"}[kind]]
        reached = kind == "Property" or not path.members
        for member in path.members:
            reached = reached and isinstance(value, dict) and member in value
            value = value[member] if reached else None
        if reached:
            result.append(([value], kind))
    return result


def oracle(node: Node, entity: dict[str, Any]) -> bool:
    if isinstance(node, And):
        return all(oracle(term, entity) for term in node.terms)
    if isinstance(node, Or):
        return any(oracle(term, entity) for term in node.terms)
    reached = targets(entity, node.path)
    if isinstance(node, Exists):
        return bool(reached) != node.negated
    verdicts = []
    for values, kind in reached:
        vocab = kind == "VocabProperty"
        flat = [member for value in values for member in (value if isinstance(value, list) else [value])]
        if node.op == "==":
            verdicts.append(any(equal(value, node.value, vocab) for value in flat))
        elif node.op == "!=":
            verdicts.append(not any(equal(value, node.value, vocab) for value in flat))
        elif kind == "Relationship":
            verdicts.append(False)
        elif isinstance(node.value, Regex):
            texts = [value for value in map(unwrapped, values) if isinstance(value, str)]
            wanted = node.op == "~="
            verdicts.append(any(bool(re.search(node.value.text, value)) == wanted for value in texts))
        else:
            assert isinstance(node.value, Literal)
            verdicts.append(any(compare(node.op, value, node.value, vocab) for value in values))
    return any(verdicts)


words = st.sampled_from(["a", "b", "urn:a:b", "2024-01-01T00:00:00Z", ""])
scalars = st.one_of(st.integers(0, 3), st.booleans(), words, st.sampled_from([1.5, {"@type": "T", "@value": "a"}]))
json_values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("xy"), scalars, max_size=2)
stamps = st.sampled_from(["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00Z"])


def instance(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    extra: dict[str, Any] = {"observedAt": stamps}
    if depth:
        extra["s"] = st.deferred(lambda: attribute(depth - 1))
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("Property"), "value": json_values}, optional=extra),
        st.fixed_dictionaries(
            {"type": st.just("Relationship"), "object": words | st.lists(words, max_size=2)}, optional=extra
        ),
        st.fixed_dictionaries(
            {"type": st.just("VocabProperty"), "vocab": words | st.lists(words, max_size=2)}, optional=extra
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("LanguageProperty"),
                "languageMap": st.dictionaries(st.sampled_from(["en", "fr"]), words | st.lists(words, max_size=2)),
            },
            optional=extra,
        ),
    )


def attribute(depth: int) -> st.SearchStrategy[Any]:
    return instance(depth) | st.lists(instance(depth), min_size=1, max_size=2)


entities = st.dictionaries(st.sampled_from("pq"), attribute(1), max_size=2)
paths = st.builds(
    Path,
    st.sampled_from([("p",), ("q",), ("p", "s"), ("q", "observedAt"), ("p", "s", "observedAt")]),
    st.sampled_from([(), (), ("x",), ("en",), ("*",), ("x", "y")]),
)
texts = words.map(lambda value: Literal("string", value, value))
numbers = st.sampled_from([0, 1, 1.0, 2, 1.5]).map(lambda value: Literal("number", value))
times = stamps.map(lambda value: Literal("datetime", value))
literals = texts | numbers | times | st.booleans().map(lambda value: Literal("boolean", value))
operands = st.one_of(
    literals,
    st.lists(literals, min_size=2, max_size=3).map(lambda items: Values(tuple(items))),
    *(st.builds(Range, one, one) for one in (numbers, texts, times)),
)
leaves = st.one_of(
    st.builds(Exists, paths, st.booleans()),
    st.builds(Comparison, paths, st.sampled_from(["==", "!="]), operands),
    st.builds(Comparison, paths, st.sampled_from([">", ">=", "<", "<="]), texts | numbers | times),
    st.builds(Comparison, paths, st.sampled_from(["~=", "!~="]), st.sampled_from(["a", "^b$", "."]).map(Regex)),
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(conjunction)
        | st.lists(inner, min_size=2, max_size=3).map(disjunction)
    ),
    max_leaves=4,
)


@settings(max_examples=500)
@given(trees, st.lists(entities, min_size=1, max_size=4))
def test_as_the_naive_reading_has_it(tree: Node, several: list[dict[str, Any]]) -> None:
    q = Q(tree)
    assert [q.matches(entity) for entity in several] == [oracle(tree, entity) for entity in several]
