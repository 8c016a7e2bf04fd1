from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from catalog.search.solr import Clause, SolrError, between, parse_solr

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "clauses", "words"),
    [
        ("", [], ""),
        ("*:*", [], ""),
        ("避難所 豊洲", [], "避難所 豊洲"),
        ("人口(年齢別)", [], "人口(年齢別)"),
        ("tags:AED 避難所", [("tags", ("AED",), False)], "避難所"),
        ('organization:"千代田区 役所"', [("organization", ("千代田区 役所",), False)], ""),
        ("+type:dataset +state:active", [("type", ("dataset",), False), ("state", ("active",), False)], ""),
        ("-organization:x", [("organization", ("x",), True)], ""),
        ("NOT organization:(x OR y)", [("organization", ("x", "y"), True)], ""),
        ("!license_id:x AND a:b", [("license_id", ("x",), True), ("a", ("b",), False)], ""),
        ("tags:(a AND b)", [("tags", ("a",), False), ("tags", ("b",), False)], ""),
        ('tags:(a OR "b c")', [("tags", ("a", "b c"), False)], ""),
        ("(f:a OR f:b) g:c", [("f", ("a", "b"), False), ("g", ("c",), False)], ""),
        ("(f:a AND g:b)", [("f", ("a",), False), ("g", ("b",), False)], ""),
        ("m:[2020-01-01T00:00:00Z TO *]", [("m", ("[2020-01-01T00:00:00Z TO *]",), False)], ""),
    ],
)
def test_what_clients_write(text: str, clauses: list[tuple[str, tuple[str, ...], bool]], words: str) -> None:
    found = parse_solr(text)
    assert sorted(found.clauses, key=str) == sorted((Clause(*one) for one in clauses), key=str)
    assert found.words == words


@pytest.mark.parametrize("text", ["(f:a OR g:b)", "-(f:a g:b)", "(f:a OR b)", "x" * 10_001])
def test_what_can_not_be_read(text: str) -> None:
    with pytest.raises(SolrError):
        parse_solr(text)


def test_ranges_of_times() -> None:
    assert between("[2020-01-01T00:00:00Z TO *]", NOW) == ("2020-01-01T00:00:00Z", None)
    assert between("[* TO 2021-01-01]", NOW) == (None, "2021-01-01")
    assert between("[NOW-7DAYS TO NOW]", NOW) == ("2026-11-19T00:00:00+00:00", "2026-11-26T00:00:00+00:00")
    assert between("[NOW-99999YEARS TO *]", NOW) == (None, None)
    for wrong in ("2020", "[a TO b]", "[2020]"):
        with pytest.raises(SolrError):
            between(wrong, NOW)


@pytest.mark.parametrize("text", ["a" * 10_000, "(a" * 5000, '"' * 10_000, "a:" * 5000, "(" * 10_000, "-" * 10_000])
def test_hostile_queries_take_no_time(text: str) -> None:
    began = time.process_time()
    try:
        parse_solr(text)
    except SolrError:
        pass
    assert time.process_time() - began < 2.0
