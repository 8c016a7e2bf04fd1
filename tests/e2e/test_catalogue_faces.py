"""The catalogue as other programs know it: CKAN's own client, CADDE's connectors, DCAT-AP; and files."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ckanapi
import openpyxl
import pytest
from gateway import PROBLEM, Gateway, fresh_database, run, settings
from gateway import fetch as fetch_rows
from sources import Host

from adapters.testing.portal import Portal, packages
from adapters.testing.serving import Reply, Request
from broker.store.database import Database
from broker.store.services import Service, Services

CSV = "名称,緯度,経度\n豊洲西小学校,35.656,139.793\n豊洲北小学校,35.657,139.796\n"
ADMIN = "administration-key-of-the-catalogue-tests"


def sheet() -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (
        ["開設状況"],
        [],
        ["名称", "収容人数", "開設"],
        ["豊洲西小学校", 700, True],
        ["豊洲北小学校", 650.5, None],
    ):
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


FILES: dict[str, tuple[str, bytes]] = {
    "/a.csv": ("text/csv", CSV.encode("cp932")),
    "/utf16.csv": ("text/csv", CSV.encode("utf-16")),
    "/a.xlsx": ("application/vnd.ms-excel", sheet()),
    "/a.geojson": (
        "application/geo+json",
        b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"name":"A"},'
        b'"geometry":{"type":"Point","coordinates":[139.7,35.6]}}]}',
    ),
    "/broken.xlsx": ("application/vnd.ms-excel", b"PK\x03\x04broken"),
    "/page.html": ("text/html", b"<!DOCTYPE html><script>alert(1)</script>"),
    "/a.pdf": ("application/pdf", b"%PDF-1.7"),
    "/big.csv": ("text/csv", b"a,b\n" + b"1,2\n" * 1_000_000),
}


def files(request: Request) -> Reply:
    if request.path == "/moved.csv":
        return Reply(b"", 302, {"location": "/a.csv"})
    if request.path == "/metadata":
        return Reply(b"", 302, {"location": "http://10.0.0.1/"})
    if request.path == "/short.csv":
        # says more than it gives, and closes: the server below adds the true length, so this breaks the framing
        return Reply(b"a,b\n", 200, {"content-type": "text/csv", "content-encoding": "gzip"})
    kind, data = FILES.get(request.path, ("text/plain", b""))
    return Reply(data, 200, {"content-type": kind}) if data else Reply(b"no such file", 404)


PLACES = [*FILES, "/late.csv", "/moved.csv", "/metadata", "/short.csv", "/gone.csv"]


@pytest.fixture(scope="module")
def catalogue(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Gateway]:
    """In closed mode, with 63 datasets, of which the first has the files above."""
    records = packages(63)
    server = host.serve(files)
    records[0]["resources"] = [{"id": p, "url": f"{server.url}{p}", "format": p[-3:], "name": p} for p in PLACES]
    records[1]["resources"][0] |= {"caddec_contract_required": "required", "url": f"{server.url}/a.csv"}
    records[2]["title"] += ' "引用"\\と\n改行'
    portal = host.serve(Portal(records))
    home: Path = tmp_path_factory.mktemp("faces")
    with fresh_database(postgres_url) as url:
        running = Gateway(
            settings(home, url, access="closed", admin_key=ADMIN, allow_networks="127.0.0.0/8", catalog_sample_s=60)
        )
        running.client.headers["authorization"] = f"Bearer {ADMIN}"
        document = {"id": "tokyo", "kind": "ckan", "endpoint": portal.url, "options": {"delay_ms": 0}}
        assert running.client.post("/catalog/sources", json=document).status_code == 201
        deadline = time.monotonic() + 180
        while running.client.get("/catalog/sources/tokyo").json()["harvest"]["state"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running
        running.close()


@pytest.fixture(scope="module")
def key(catalogue: Gateway) -> str:
    async def make() -> str:
        database = await Database.open(catalogue.settings.database_url, max_size=1)
        _, made = await Services(database).create(Service("shelters", organisation="ACME", area="otemachi"))
        await database.close()
        return made

    made: str = run(make())
    deadline = time.monotonic() + 180
    while catalogue.client.get("/catalog", headers={"authorization": f"Bearer {made}"}).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return made


@pytest.fixture
def ckan(catalogue: Gateway, key: str) -> Iterator[Any]:
    with ckanapi.RemoteCKAN(f"{catalogue.url}/ckan", apikey=key) as client:
        yield client


def test_ckanapi_searches_shows_and_lists(ckan: Any) -> None:
    assert ckan.action.status_show()["ckan_version"].startswith("2.")
    found = ckan.action.package_search(q="避難所", fq="res_format:CSV", rows=5, **{"facet.field": '["organization"]'})
    assert found["count"] >= 1
    assert "避難所" in found["results"][0]["title"]
    items = found["search_facets"]["organization"]["items"]
    assert {item["display_name"] for item in items} == {"千代田区", "中央区"}
    shown = ckan.action.package_show(id=found["results"][0]["name"])
    assert shown == found["results"][0]
    assert ckan.action.package_show(id=shown["id"]) == shown
    assert ckan.action.resource_show(id=shown["resources"][0]["id"]) == shown["resources"][0]
    names = ckan.action.package_list()
    assert len(names) == 63
    assert shown["name"] in names
    assert len(ckan.action.current_package_list_with_resources(limit=20, offset=50)) == 13
    organisations = ckan.action.organization_list(all_fields=True)
    assert {o["title"] for o in organisations} == {"千代田区", "中央区"}
    one = ckan.action.organization_show(id=organisations[0]["name"])
    assert one["package_count"] == organisations[0]["package_count"]
    mine = ckan.action.package_search(fq=f'organization:"{one["name"]}"', rows=0)
    assert mine["count"] == one["package_count"]
    assert mine["results"] == []
    assert ckan.action.tag_list(query="避難") == ["避難場所", "避難所"]
    assert len(ckan.action.group_list()) > 5
    assert ckan.action.license_list()[0]["id"] == "CC-BY-4.0"


def test_ckanapi_pages_without_losing_or_doubling(ckan: Any) -> None:
    seen = []
    while page := ckan.action.package_search(sort="id asc", rows=20, start=len(seen))["results"]:
        seen += [one["id"] for one in page]
    assert len(seen) == len(set(seen)) == 63
    since = ckan.action.package_search(fq="metadata_modified:[2100-01-01T00:00:00Z TO *]")
    assert since["count"] == 0


def test_a_ckan_harvester_asks_as_it_does(ckan: Any, catalogue: Gateway) -> None:
    """The calls of ckanext-harvest: pages of a hundred in order of id, by organisations and groups, since a time."""
    search = ckan.action.package_search
    [one, other] = [o["name"] for o in ckan.action.organization_list(all_fields=True)]
    counts = {name: search(fq=f"organization:{name}", rows=0)["count"] for name in (one, other)}
    assert sum(counts.values()) == 63
    assert search(fq=f"organization:({one} OR {other})", rows=100, start=0, sort="id asc")["count"] == 63
    assert search(fq=f"(organization:{one} OR organization:{other})", rows=0)["count"] == 63
    assert search(fq=f"-organization:{one}", rows=0)["count"] == counts[other]
    assert search(fq=f"NOT organization:({one} OR {other})", rows=0)["count"] == 0
    assert search(fq="+type:dataset +state:active -private:true", rows=0)["count"] == 63
    assert search(fq="res_format:CSV AND res_format:XLSX", rows=0)["count"] < search(fq="res_format:CSV")["count"]
    assert search(fq="metadata_modified:[2020-01-01T00:00:00Z TO *]", rows=0)["count"] == 63
    assert search(fq="metadata_modified:[* TO 2020-01-01T00:00:00Z]", rows=0)["count"] == 0
    assert search(fq="metadata_created:[NOW-1DAY TO NOW]", rows=0)["count"] == 63
    named = search(q="title:避難所 AND tags:災害", include_private=True, use_default_schema=True)
    assert {"災害"} <= {tag["name"] for tag in named["results"][0]["tags"]}
    ids = [p["id"] for p in search(sort="id desc", rows=63)["results"]]
    assert ids == sorted(ids, reverse=True)
    assert search(fq=f"id:({ids[3]} OR {ids[5]})")["count"] == 2
    limited = search(rows=0, **{"facet.field": '["tags", "res_format"]', "facet.limit": 2})
    assert len(limited["facets"]["tags"]) == 2
    inside = ckan.action.organization_show(id=one, include_datasets=True)
    assert len(inside["packages"]) == counts[one] == inside["package_count"]
    largest = ckan.action.organization_list(sort="package_count desc", limit=1)
    assert counts[largest[0]] == max(counts.values())
    assert ckan.action.tag_show(id="災害")["name"] == "災害"
    assert ckan.action.tag_autocomplete(q="災害") == ["災害"]
    assert ckan.action.organization_autocomplete(q="千代田")[0]["title"] == "千代田区"
    assert ckan.action.group_show(id=ckan.action.group_list()[0])["package_count"] > 0
    for path in ("/ckan/api/3/action", "/ckan/api/action"):
        by_get = catalogue.client.get(f"{path}/package_search", params={"q": "避難所", "rows": "2"}).json()
        by_post = catalogue.client.post(f"{path}/package_search", json={"q": "避難所", "rows": 2}).json()
        assert by_get == by_post


def test_ckanapi_sees_ckans_own_errors(ckan: Any, catalogue: Gateway) -> None:
    with pytest.raises(ckanapi.NotFound):
        ckan.action.package_show(id="nowhere")
    with pytest.raises(ckanapi.errors.SearchQueryError):
        ckan.action.package_search(fq="colour:red")
    with pytest.raises(ckanapi.ValidationError):
        ckan.action.package_search(rows="many")
    with pytest.raises(ckanapi.CKANAPIError):
        ckan.action.package_destroy(id="x")
    client = catalogue.client
    assert client.post("/ckan/api/3/action/package_search", content=b"[1").status_code == 400
    unknown = client.get("/ckan/api/3/action/package_destroy")
    assert (unknown.status_code, unknown.json()) == (400, "Bad request - Action name not known: package_destroy")
    assert client.get("/ckan/api/action/package_show", headers={"authorization": "wrong"}).status_code == 401
    with ckanapi.RemoteCKAN(f"{catalogue.url}/ckan", apikey="wrong") as stranger, pytest.raises(ckanapi.NotAuthorized):
        stranger.action.package_list()
    for wrong in (
        "(res_format:CSV OR tags:x)",
        "-(res_format:CSV tags:x)",
        "metadata_modified:yesterday",
        "just words",
    ):
        with pytest.raises(ckanapi.errors.SearchQueryError):
            ckan.action.package_search(fq=wrong)
    with pytest.raises(ckanapi.ValidationError):
        ckan.action.package_show()
    with pytest.raises(ckanapi.ValidationError):
        ckan.action.organization_list(sort="colour")


def test_ckanapi_downloads_what_it_found(ckan: Any, catalogue: Gateway, key: str) -> None:
    shown = ckan.action.package_search(q="千代田区 避難所一覧", rows=1)["results"][0]
    resource = next(r for r in shown["resources"] if r["name"] == "/a.csv")
    answer = catalogue.client.get(resource["url"], headers={"authorization": key})
    assert answer.content == CSV.encode("cp932")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''a.csv"
    flows = catalogue.client.get("/flows", params={"consumer": "shelters"}).json()
    opened, closed = [f for f in flows if f["operation"] == "download"][-2:]
    assert opened["id"] == answer.headers["kakehashi-flow"]
    assert (opened["outcome"], closed["outcome"]) == ("opened", "ok")
    assert closed["bytes"] == len(answer.content)
    assert opened["request"] == closed["request"]


def test_the_catalogue_harvests_itself_by_its_ckan_face(catalogue: Gateway, key: str) -> None:
    """Whatever it says of its datasets, a CKAN harvester (its own) understands."""
    document = {
        "id": "mirror",
        "kind": "ckan",
        "endpoint": f"{catalogue.url}/ckan",
        "options": {"page_size": 20, "delay_ms": 0, "filter": "organization:中央区"},
        "credential": {"kind": "header", "name": "X-CKAN-API-Key", "value": key},
    }
    made = catalogue.client.post("/catalog/sources", json=document)
    assert made.status_code == 201, made.text
    assert made.json()["found"] == "CKAN, 3 datasets"
    catalogue.client.delete("/catalog/sources/mirror")


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("/a.csv", ["豊洲西小学校", "35.656", "139.793"]),
        ("/utf16.csv", ["豊洲西小学校", "35.656", "139.793"]),
        ("/moved.csv", ["豊洲西小学校", "35.656", "139.793"]),
        ("/a.xlsx", ["豊洲西小学校", "700", "true"]),
        ("/a.geojson", ["A"]),
    ],
)
def test_previews(catalogue: Gateway, file: str, first: list[str]) -> None:
    shown = fetch(catalogue, file, "preview").json()
    assert shown["rows"][0] == first
    assert not shown["more"]


def test_a_preview_of_a_large_file_reads_its_beginning(catalogue: Gateway) -> None:
    shown = fetch(catalogue, "/big.csv", "preview").json()
    assert (shown["columns"], shown["rows"][0], shown["more"]) == (["a", "b"], ["1", "2"], True)
    assert fetch(catalogue, "/big.csv", "download").content == FILES["/big.csv"][1]


def test_a_client_that_goes_away_is_recorded_with_what_it_took(catalogue: Gateway) -> None:
    url = f"/catalog/datasets/{named(catalogue)['id']}/distributions/{PLACES.index('/big.csv')}/download"
    with catalogue.client.stream("GET", url) as answer:
        opened = answer.headers["kakehashi-flow"]
        next(answer.iter_raw())
    deadline = time.monotonic() + 180
    while True:
        flows = catalogue.client.get("/flows", params={"operation": "download", "limit": 1000}).json()
        [request] = [f["request"] for f in flows if f["id"] == opened]
        if ended := [f for f in flows if f["request"] == request and f["id"] != opened]:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # how much had left before it was noticed is the network's affair
    assert ended[0]["outcome"] in ("partial", "ok")
    assert 0 < ended[0]["bytes"] <= len(FILES["/big.csv"][1])


@pytest.mark.parametrize("file", ["/page.html", "/a.pdf", "/gone.csv", "/metadata", "/short.csv"])
def test_what_can_not_be_shown_or_had_says_why(catalogue: Gateway, file: str) -> None:
    answer = fetch(catalogue, file, "preview")
    assert answer.status_code in (403, 502)
    assert answer.headers["content-type"] == PROBLEM


def test_a_file_that_can_not_be_had_costs_quality_until_it_is_there_again(catalogue: Gateway) -> None:
    name, place = named(catalogue)["id"], PLACES.index("/late.csv")
    url = f"/catalog/datasets/{name}"
    for there in (False, True):
        if there:
            FILES["/late.csv"] = ("text/csv", CSV.encode())
        status = catalogue.client.get(f"{url}/distributions/{place}/preview").status_code
        reasons = {r["code"] for r in catalogue.client.get(url).json()["quality"]["reasons"]}
        # other files of it are missing for good
        assert status == (200 if there else 502)
        assert "broken_link" in reasons
    links = run(fetch_rows(catalogue.settings.database_url, "SELECT place FROM catalog_links WHERE NOT alive"))
    assert place not in {row["place"] for row in links}


def test_a_file_that_can_not_be_read_costs_quality(catalogue: Gateway) -> None:
    assert fetch(catalogue, "/broken.xlsx", "preview").status_code == 502
    shown = catalogue.client.get(f"/catalog/datasets/{named(catalogue)['id']}").json()
    assert "unreadable" in {reason["code"] for reason in shown["quality"]["reasons"]}
    told = shown["distributions"][PLACES.index("/broken.xlsx")]["link"]
    assert told["alive"]
    assert "archive" in told["unreadable"]


def test_what_is_by_agreement_is_not_given_without_one(catalogue: Gateway, key: str) -> None:
    hit = catalogue.client.get("/catalog/datasets", params={"q": "指定緊急避難場所 千代田区"}).json()["datasets"][0]
    url = hit["distributions"][0]["gateway_url"]
    refused = catalogue.client.get(url, headers={"authorization": f"Bearer {key}"})
    assert refused.status_code == 403
    assert catalogue.client.get(url).content == CSV.encode("cp932")
    shown = catalogue.client.get(hit["url"], headers={"authorization": f"Bearer {key}"}).json()
    assert shown["agreement"] == "needed"


def test_cadde(catalogue: Gateway) -> None:
    client = catalogue.client
    meta = client.get("/cadde/api/v4/catalog", params={"q": "避難所"}, headers={"x-cadde-search": "meta"}).json()
    package = meta["result"]["results"][0]
    extras = {e["key"]: e["value"] for e in package["extras"]}
    assert extras["caddec_dataset_id_for_detail"] == package["name"]
    assert package["resources"][0]["caddec_resource_type"] == "file/http"
    headers = {"x-cadde-search": "detail", "x-cadde-provider": extras["caddec_provider_id"]}
    detail = client.get("/cadde/api/v4/catalog", headers=headers).json()
    assert detail["result"]["count"] in (3, 60)
    assert client.get("/cadde/api/v4/catalog", headers={"x-cadde-search": "detail"}).status_code == 400


def fetch(gateway: Gateway, file: str, how: str) -> Any:
    return gateway.client.get(f"/catalog/datasets/{named(gateway)['id']}/distributions/{PLACES.index(file)}/{how}")


def named(gateway: Gateway) -> Any:
    hits = gateway.client.get("/catalog/datasets", params={"q": "避難所一覧 千代田区"}).json()["datasets"]
    return next(h for h in hits if h["title"] == "千代田区 避難所一覧")
