"""NGSIv2's simple query language as Orion answers it."""

from __future__ import annotations

from typing import Any

import pytest

from broker.demo.orion_query import QueryError, compile_query, parse_instant

ENTITY: dict[str, Any] = {
    "id": "urn:x:1",
    "type": "T",
    "n": {"type": "Number", "value": 20, "metadata": {"accuracy": {"type": "Number", "value": 0.5}}},
    "text": {"type": "Text", "value": "light,green"},
    "digits": {"type": "Text", "value": "20"},
    "when": {"type": "DateTime", "value": "2018-08-07T11:10:00.000Z"},
    "flag": {"type": "Boolean", "value": True},
    "none": {"type": "None", "value": None},
    "list": {"type": "StructuredValue", "value": ["a", 7]},
    "brand": {"type": "StructuredValue", "value": {"name": "x", "a.b": {"c": 1}}},
    "dotted.name": {"type": "Number", "value": 3},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("n", True),
        ("none", True),
        ("gone", False),
        ("!gone", True),
        ("!n", False),
        ("n==20", True),
        ("n:20", True),
        ("n==20.0", True),
        ("n=='20'", False),
        ("digits=='20'", True),
        ("digits==20", False),
        ("n==10..20", True),
        ("n==21..30", False),
        ("n!=21..30", True),
        ("n==1,20", True),
        ("n!=1,20", False),
        ("gone!=1", False),
        ("n>19;n<21", True),
        ("n>20", False),
        ("n>=20;n<=20", True),
        ("n>abc", False),
        ("text=='light,green'", True),
        ("text==light,green", False),
        ("text=='deep,blue','light,green'", True),
        ("text~=gr", True),
        ("text~=^green", False),
        ("n~=2", False),
        ("flag==true", True),
        ("flag==false", False),
        ("flag==1", False),
        ("none==null", True),
        ("list==a", True),
        ("list==7", True),
        ("list!=7", False),
        ("list>6", True),
        ("when==2018-08-07T20:10:00+09:00", True),
        ("when>2018-08-07", True),
        ("when=='2018-08-07T11:10:00.000Z'", False),
        ("when==2018-08-01..2018-08-31", True),
        ("brand.name==x", True),
        ("brand.'a.b'.c==1", True),
        ("brand.gone", False),
        ("'dotted.name'==3", True),
        ("dotted.name==3", False),
    ],
)
def test_q(text: str, found: bool) -> None:
    assert compile_query(text)(ENTITY) is found


@pytest.mark.parametrize(("text", "found"), [("n.accuracy<0.9", True), ("n.accuracy>0.9", False), ("n.gone", False)])
def test_mq(text: str, found: bool) -> None:
    assert compile_query(text, metadata=True)(ENTITY) is found


@pytest.mark.parametrize(
    "text", ["", ";", "n==", "n==a(b", "n=='a", "n>true", "n~=(", "n..m", "a b<c==1", "n==<", "n=='a'b'", "'n==1"]
)
def test_malformed(text: str) -> None:
    with pytest.raises(QueryError):
        compile_query(text)


def test_metadata_needs_two_tokens() -> None:
    with pytest.raises(QueryError):
        compile_query("n>1", metadata=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01", 0.0),
        ("1970-01-01T09:00:00.250+09", 0.25),
        ("1970-01-01T00", 0.0),
        ("1970-01-01T000001", 1.0),
        ("1970-13-01", None),
        ("1970", None),
    ],
)
def test_instants(text: str, seconds: float | None) -> None:
    assert parse_instant(text) == seconds
