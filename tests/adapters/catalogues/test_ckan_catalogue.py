from __future__ import annotations

from typing import Any

import orjson
import pytest
from catalogue_walk import Open, soon, walk

from adapters.catalogued import catalogue_options, kinds, module
from adapters.testing.portal import Portal, names, packages
from adapters.testing.serving import Reply, Server
from schemas.dataset import Access
from schemas.errors import BadRequestData, BadUpstream, RateLimited, SourceAuth, SourceError, SourceTooLarge

HTML = Reply(b"<!DOCTYPE html><html><title>Maintenance</title></html>", 200, {"content-type": "text/html"})


async def test_every_dataset_comes_once_over_pages(opened: Open) -> None:
    records = packages(130)
    async with Server(portal := Portal(records)) as server:
        batches = await walk(await opened("ckan", server.url, page_size=50))
    assert [e.identifier for b in batches for e in b.entries] == names(records)
    assert portal.starts == [0, 50, 100]
    assert batches[0].total == 130


async def test_a_portal_with_smaller_pages_than_asked_for_is_followed_to_its_end(opened: Open) -> None:
    async with Server(Portal(packages(25), most=10)) as server:
        batches = await walk(await opened("ckan", server.url))
    assert sum(len(b.entries) for b in batches) == 25


async def test_it_begins_where_it_was_left(opened: Open) -> None:
    async with Server(portal := Portal(packages(30))) as server:
        catalogue = await opened("ckan", server.url, page_size=10)
        batch = await catalogue.batch("20", "", soon())
    assert portal.starts == [20]
    assert len(batch.entries) == 10
    assert batch.cursor == ""


async def test_a_dataset_has_what_the_portal_says(opened: Open) -> None:
    async with Server(Portal(packages(1))) as server:
        [batch] = await walk(await opened("ckan", server.url))
    made = batch.entries[0].make()
    assert made.title == "千代田区 避難所一覧"
    assert made.publisher.name == "千代田区"
    assert made.spatial == "千代田区"
    assert made.formats == ("CSV", "GEOJSON")
    assert made.access is Access.UNKNOWN, "notspecified is no open licence"
    assert made.themes == ("防災",)
    assert made.frequency == "年次"
    assert made.extras["対象地域"] == "千代田区"
    assert made.distributions[0].service == "ckan-datastore"
    assert made.distributions[0].media_type == "text/csv"


async def test_the_digest_sees_content_and_not_bookkeeping(opened: Open) -> None:
    record = packages(1)[0]
    moved = {k: record[k] for k in reversed(record)} | {"tracking_summary": {"total": 5}}
    other = record | {"notes": "別の説明"}
    digests = []
    for one in (record, moved, other):
        async with Server(Portal([one])) as server:
            [batch] = await walk(await opened("ckan", server.url))
            digests.append(batch.entries[0].digest)
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


async def test_records_that_make_no_sense_are_faults_and_the_rest_comes(opened: Open) -> None:
    bad: list[Any] = [7, None, "x", [], {}, {"id": {"a": 1}}]
    odd = packages(1)[0] | {
        "id": "odd",
        "title": 12,
        "notes": "長" * 5_000_000,
        "tags": "a,b",
        "groups": {"a": 1},
        "resources": [{"url": "javascript:alert(1)", "size": "viele"}, None, {"format": ["CSV"]}],
        "organization": "nobody",
        "extras": {"spatial": '{"type":"Polygon","coordinates":[[[139.7,35.6],[139.8,35.7],[999]]]}'},
        "metadata_modified": "yesterday",
    }
    async with Server(Portal([*bad, odd, *packages(2)])) as server:
        [batch] = await walk(await opened("ckan", server.url))
    assert len(batch.faults) == len(bad)
    made = {e.identifier: e.make() for e in batch.entries}
    assert len(made) == 3
    assert made["odd"].title == "12"
    assert len(made["odd"].description) == 20_000
    assert made["odd"].distributions[0].url == ""
    assert made["odd"].modified == ""


@pytest.mark.parametrize("change", [{"private": True}, {"state": "deleted"}, {"title": "", "name": ""}])
async def test_what_must_not_be_shown_says_so(opened: Open, change: dict[str, Any]) -> None:
    async with Server(Portal([packages(1)[0] | change])) as server:
        [batch] = await walk(await opened("ckan", server.url))
    with pytest.raises(BadUpstream):
        batch.entries[0].make()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (HTML, BadUpstream),
        (Reply(b"[1,2", 200), BadUpstream),
        (Reply(b'{"success": false, "error": {"message": "Search error"}}', 200), BadUpstream),
        (Reply(b'{"success": true, "result": {"count": 3, "results": {}}}', 200), BadUpstream),
        (Reply(b"[]", 200), BadUpstream),
        (Reply(b"no", 403), SourceAuth),
        (Reply(b"slow", 429, {"retry-after": "7"}), RateLimited),
        (Reply(b'{"x": "' + b"a" * 20_000 + b'"}', 200), SourceTooLarge),
    ],
)
async def test_what_is_no_answer_is_an_error_in_words(opened: Open, reply: Reply, error: type[SourceError]) -> None:
    async with Server(Portal(packages(1), spoil=lambda start: reply)) as server:
        catalogue = await opened("ckan", server.url, max_bytes=10_000)
        with pytest.raises(error):
            await catalogue.batch("", "", soon())


async def test_endless_pages_end(opened: Open) -> None:
    page = Reply(orjson.dumps({"success": True, "result": {"count": 10**9, "results": packages(5)}}), 200)
    async with Server(Portal(spoil=lambda start: page)) as server:
        with pytest.raises(BadUpstream, match="same page"):
            await walk(await opened("ckan", server.url))


async def test_its_own_search_is_asked_with_words(opened: Open) -> None:
    async with Server(Portal(packages(60))) as server:
        found = await (await opened("ckan", server.url)).search("避難所", 5, soon())
    assert found
    assert all("避難所" in e.make().title for e in found)


async def test_cadde_is_asked_with_its_headers_and_its_fields_are_kept(opened: Open) -> None:
    record = packages(1)[0]
    record["extras"] = [{"key": "caddec_provider_id", "value": "toyosu-provider"}]
    record["resources"][0] |= {
        "caddec_resource_type": "api/ngsi",
        "caddec_contract_required": "required",
        "ngsi_entity_type": "EvacuationShelter",
        "ngsi_tenant": "toyosu",
    }
    async with Server(Portal([record])) as server:
        catalogue = await opened("cadde", server.url, search="detail", provider="toyosu-provider")
        [batch] = await walk(catalogue)
        headers = server.requests[0].headers
        assert server.requests[0].path == "/cadde/api/v4/catalog"
    assert headers["x-cadde-search"] == "detail"
    assert headers["x-cadde-provider"] == "toyosu-provider"
    made = batch.entries[0].make()
    assert made.extras["caddec_provider_id"] == "toyosu-provider"
    assert made.types == ("EvacuationShelter",)
    assert made.access is Access.AGREEMENT
    assert made.distributions[0].service == "ngsi-v2"


async def test_fields_are_taken_from_where_the_operator_says(opened: Open) -> None:
    """TDPF has no public specification: it is a configuration of this."""
    record = packages(1)[0] | {"tdpf": {"terms": "CC BY 4.0", "names": [{"ja": "都の名前"}]}}
    async with Server(Portal([record])) as server:
        mapping = {"title": "tdpf.names.0.ja", "licence": "tdpf.terms", "series": "nowhere.to.be.found"}
        [batch] = await walk(await opened("ckan", server.url, mapping=mapping))
    made = batch.entries[0].make()
    assert made.title == "都の名前"
    assert made.access is Access.OPEN
    assert made.series == ""


def test_kinds_are_installed_and_wrong_options_are_named() -> None:
    assert set(kinds()) >= {"ckan", "dcat", "cadde", "data_json", "csv_list"}
    for kind in kinds():
        catalogue_options(module(kind).catalogue, {})
    with pytest.raises(BadRequestData) as raised:
        catalogue_options(module("ckan").catalogue, {"mapping": {"titel": "x"}})
    assert raised.value.field == "options.mapping.titel"
    with pytest.raises(BadRequestData):
        module("gopher")
