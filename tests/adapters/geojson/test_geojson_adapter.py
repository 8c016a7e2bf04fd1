from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.contract import Adapter, SourceContext
from adapters.testing.serving import Reply, Request, Server, static
from adapters.testing.session import Session
from schemas.errors import BadRequestData, Refused, SourceTooLarge
from schemas.ngsi_ld.context import CORE, build
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import parse_type_selection
from schemas.platform import Coverage, EntityPattern

Open = Callable[..., Awaitable[Adapter]]
CSV = "名称,収容人数,緯度,経度\n{name},10,35.6,139.7\n"


def soon(seconds: float = 5.0) -> SourceContext:
    return SourceContext(deadline=asyncio.get_running_loop().time() + seconds)


async def entities(adapter: Adapter, query: EntityQuery | None = None) -> list[dict[str, Any]]:
    return (await Session(adapter, soon).ask(query or EntityQuery(limit=100))).kept


async def test_an_unchanged_file_is_asked_for_by_its_etag(open_file: Open) -> None:
    files = {"/a.csv": ("text/csv", CSV.format(name="旧").encode("cp932"))}
    async with Server(static(files)) as server:
        adapter = await open_file(server.url + "/a.csv", {"type": "Shelter"})
        first = await adapter.probe(soon())
        second = await adapter.probe(soon())
        assert first.ok
        assert second.findings == first.findings
        assert "if-none-match" not in server.requests[0].headers
        assert server.requests[1].headers["if-none-match"]
        files["/a.csv"] = ("text/csv", CSV.format(name="新").encode("cp932"))
        assert (await adapter.probe(soon())).ok
        assert (await entities(adapter))[0]["名称"]["value"] == "新"
        assert len(server.requests) == 3


async def test_last_modified_serves_where_there_is_no_etag(open_file: Open) -> None:
    date = "Fri, 20 Nov 2026 03:00:00 GMT"

    def answer(request: Request) -> Reply:
        if request.headers.get("if-modified-since") == date:
            return Reply(status=304)
        return Reply(CSV.format(name="a").encode(), headers={"last-modified": date, "date": date})

    async with Server(answer) as server:
        adapter = await open_file(server.url + "/a.csv", {"type": "Shelter"})
        assert (await adapter.probe(soon())).clock_offset is not None
        assert (await adapter.probe(soon())).ok
        assert "if-modified-since" in server.requests[1].headers
        assert len(await entities(adapter)) == 1


async def test_not_modified_without_having_anything_is_bad(open_file: Open) -> None:
    async with Server(lambda request: Reply(status=304)) as server:
        adapter = await open_file(server.url, {"type": "Shelter"})
        result = await adapter.probe(soon())
    assert not result.ok


async def test_redirects_are_followed(open_file: Open) -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/latest":
            return Reply(status=302, headers={"location": "/2026.csv"})
        return Reply(CSV.format(name="a").encode())

    async with Server(answer) as server:
        adapter = await open_file(server.url + "/latest", {"type": "Shelter"})
        assert len(await entities(adapter)) == 1


async def test_the_copy_answers_while_the_server_is_gone(open_file: Open) -> None:
    async with Server(static({"/a.csv": ("text/csv", CSV.format(name="a").encode())})) as server:
        adapter = await open_file(server.url + "/a.csv", {"type": "Shelter"})
        assert len(await entities(adapter)) == 1
    assert len(await entities(adapter)) == 1
    result = await adapter.probe(soon())
    assert (result.ok, result.field) == (False, "endpoint")


async def test_bytes_delivered_are_counted(open_file: Open, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.format(name="a"))
    adapter = await open_file("file:a.csv", {"type": "Shelter"})
    first = await Session(adapter, soon).ask(EntityQuery())
    second = await Session(adapter, soon).ask(EntityQuery())
    assert first.received == second.received == len(first.pages[0].raw or b"")


async def test_probe_tells_what_it_found(open_file: Open, tmp_path: Path) -> None:
    text = "豊洲の施設,,,,\nNO,名称,収容人数,緯度,経度\n1,A,5,35.6,139.7\n2,B,6,139.7,35.6\n1,C,7,35.7,139.8\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp932"))
    result = await (await open_file("file:a.csv", {"type": "Shelter"})).probe(soon())
    said = " ".join(result.findings)
    assert result.ok
    assert result.types == (CORE.expand("Shelter"),)
    assert result.sample == 1
    assert result.dialect == "CSV, Shift_JIS (CP932)"
    for words in ("row 2", "comma", "1 of type Shelter", "名称", "35.70000", "look swapped", "same id", '"C"'):
        assert words in said, words


async def test_probe_names_the_missing_column_and_those_there_are(open_file: Open, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.format(name="a"))
    mapping = {"type": "Shelter", "attributes": {"name": "名称", "address": {"from": "住所"}}}
    result = await (await open_file("file:a.csv", {"mapping": mapping})).probe(soon())
    assert (result.ok, result.field) == (False, "options.mapping.attributes.address.from")
    assert "住所" in result.problem
    assert "収容人数" in result.problem


async def test_a_file_outside_is_a_problem_of_the_endpoint(open_file: Open) -> None:
    adapter = await open_file("file:///etc/hostname", {"type": "Shelter"})
    result = await adapter.probe(soon())
    assert (result.ok, result.field) == (False, "endpoint")
    with pytest.raises(Refused):
        await entities(adapter)


@pytest.mark.parametrize(
    ("endpoint", "options", "field"),
    [
        ("ftp://example.jp/a.csv", {"type": "A"}, "endpoint"),
        ("a.csv", {"type": "A"}, "endpoint"),
        ("file:a.csv", {}, "options.type"),
        ("file:a.csv", {"type": "A", "formt": "csv"}, "options.formt"),
        ("file:a.csv", {"type": "A", "encoding": "latin-1"}, "options.encoding"),
        (
            "file:a.csv",
            {"type": "A", "mapping": {"attributes": {"n": {"form": "c"}}}},
            "options.mapping.attributes.n.form",
        ),
    ],
)
async def test_a_wrong_registration_names_its_field(
    open_file: Open, endpoint: str, options: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadRequestData) as raised:
        await open_file(endpoint, options)
    assert raised.value.field == field


async def test_the_type_may_come_from_the_coverage(open_file: Open, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.format(name="a"))
    coverage = Coverage((EntityPattern(type=CORE.expand("Shelter")),))
    adapter = await open_file("file:a.csv", coverage=coverage)
    assert await adapter.types(soon()) == (CORE.expand("Shelter"),)


async def test_names_belong_to_the_platforms_context(open_file: Open, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.format(name="a"))
    adapter = await open_file("file:a.csv", {"type": "Shelter"}, context="https://example.jp/context.jsonld")
    assert await adapter.types(soon()) == ("https://example.jp/terms#Shelter",)
    in_core = (await entities(adapter))[0]
    assert in_core["type"] == "https://example.jp/terms#Shelter"
    assert in_core["https://example.jp/terms#capacity"]["value"] == "10"
    working = build({"避難所": "https://example.jp/terms#Shelter", "定員": "https://example.jp/terms#capacity"}, {})
    query = EntityQuery(
        context=working,
        types=parse_type_selection("避難所", context=working),
        q=parse_q('定員=="10"', context=working),
        attrs=("定員",),
    )
    found = await entities(adapter, query)
    assert [(e["type"], set(e)) for e in found] == [("避難所", {"id", "type", "定員"})]


async def test_many_rows_in_another_context_and_a_long_search(open_file: Open, tmp_path: Path) -> None:
    rows = "".join(f"R{n:05},{n},35.{n:05},139.7\n" for n in range(6000))
    (tmp_path / "big.csv").write_text("管理番号,収容人数,緯度,経度\n" + rows)
    mapping = {"type": "Shelter", "attributes": {"capacity": {"from": "収容人数", "type": "integer"}}}
    adapter = await open_file("file:big.csv", {"mapping": mapping})
    working = build({"定員": CORE.expand("capacity")}, {})
    query = EntityQuery(context=working, q=parse_q("定員>=5990", context=working), count=True, limit=3, offset=2)
    taken = await Session(adapter, soon).ask(query)
    assert taken.total == 10
    assert [e["定員"]["value"] for e in taken.kept] == [5992, 5993, 5994]


async def test_rows_are_bounded_by_the_option(open_file: Open, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(orjson.dumps([{"a": n} for n in range(11)]))
    result = await (await open_file("file:a.json", {"type": "A", "max_rows": 10})).probe(soon())
    assert (result.ok, result.field) == (False, "options.max_rows")


async def test_a_page_beyond_the_budget_is_refused(open_file: Open, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.format(name="a"))
    adapter = await open_file("file:a.csv", {"type": "A"})
    ctx = soon()
    ctx.budget = 10
    pages = adapter.fetch(EntityQuery(), ctx)
    with pytest.raises(SourceTooLarge):
        await anext(aiter(pages))
