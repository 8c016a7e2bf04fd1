from __future__ import annotations

import orjson
import pytest
from catalogue_walk import Open, soon, walk

from adapters.testing.serving import Reply, Request, Server, static
from schemas.dataset import Access, Dataset
from schemas.errors import BadUpstream, SourceTooLarge, SourceUnsupported

TURTLE = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix locn: <http://www.w3.org/ns/locn#> .
@prefix gsp: <http://www.opengis.net/ont/geosparql#> .

<https://data.example.jp/catalog> a dcat:Catalog ; dcat:dataset <https://data.example.jp/d/1> .
<https://data.example.jp/d/1> a dcat:Dataset ;
  dct:title "豊洲の避難所"@ja , "Shelters of Toyosu"@en ;
  dct:description "説明"@ja ; dct:identifier "shelters" ;
  dct:publisher [ a foaf:Agent ; foaf:name "豊洲エリアマネジメント"@ja ] ;
  dcat:contactPoint [ vcard:fn "窓口" ; vcard:hasEmail <mailto:data@example.jp> ] ;
  dct:license <https://creativecommons.org/licenses/by/4.0/> ;
  dcat:keyword "避難所", "防災" ;
  dct:temporal [ dcat:startDate "2024-04-01"^^xsd:date ; dcat:endDate "2025-03-31"^^xsd:date ] ;
  dct:spatial [ dcat:bbox "POLYGON((139.78 35.64,139.81 35.64,139.81 35.67,139.78 35.64))"^^gsp:wktLiteral ] ;
  dct:accrualPeriodicity <http://publications.europa.eu/resource/authority/frequency/ANNUAL> ;
  dct:modified "2025-05-01T09:00:00+09:00"^^xsd:dateTime ;
  dcat:distribution <https://data.example.jp/d/1/csv> .
<https://data.example.jp/d/1/csv> a dcat:Distribution ; dcat:accessURL <https://data.example.jp/shelters.csv> ;
  dcat:downloadURL <https://data.example.jp/shelters.csv> ; dcat:byteSize 1234 ;
  dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> .
<https://data.example.jp/d/2> a dcat:Dataset ; dct:description "no title" .
<https://data.example.jp/d/3> a dcat:Dataset ; dct:title "要契約" ;
  dct:accessRights <http://publications.europa.eu/resource/authority/access-right/RESTRICTED> .
"""


def one(batches: list, identifier: str) -> Dataset:  # type: ignore[type-arg]
    return next(e for b in batches for e in b.entries if e.identifier == identifier).make()


async def test_turtle(opened: Open) -> None:
    async with Server(static({"/c": ("text/turtle", TURTLE.encode())})) as server:
        batches = await walk(await opened("dcat", f"{server.url}/c"))
    made = one(batches, "https://data.example.jp/d/1")
    assert made.title == "豊洲の避難所"
    assert made.translations == {"en": "Shelters of Toyosu"}
    assert made.publisher.name == "豊洲エリアマネジメント"
    assert made.contact.email == "data@example.jp"
    assert made.licence.id == "CC-BY-4.0"
    assert made.access is Access.OPEN
    assert (made.start, made.end) == ("2024-04-01", "2025-03-31")
    assert made.bbox == (139.78, 35.64, 139.81, 35.67)
    assert made.frequency == "annual"
    assert made.modified == "2025-05-01T00:00:00Z"
    assert made.areas == ("toyosu",)
    assert made.distributions[0].format == "CSV"
    assert made.distributions[0].bytes == 1234
    assert one(batches, "https://data.example.jp/d/3").access is Access.AGREEMENT
    assert [f.identifier for f in batches[0].faults] == ["https://data.example.jp/d/2"]


async def test_the_same_graph_in_every_syntax_gives_the_same_digest(opened: Open) -> None:
    from rdflib import Graph

    graph = Graph().parse(data=TURTLE, format="turtle")
    found = []
    for syntax, media in (
        ("turtle", "text/turtle"),
        ("xml", "application/rdf+xml"),
        ("json-ld", "application/ld+json"),
    ):
        body = graph.serialize(format=syntax).encode()
        async with Server(static({"/c": (media, body)})) as server:
            batches = await walk(await opened("dcat", f"{server.url}/c"))
        found.append({e.identifier: e.digest for b in batches for e in b.entries})
    assert found[0] == found[1] == found[2]


async def test_hydra_pages_are_followed_and_circles_end(opened: Open) -> None:
    def page(n: int, following: int) -> bytes:
        return (
            f"@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix hydra: <http://www.w3.org/ns/hydra/core#> ."
            f"<http://x/d{n}> a dcat:Dataset ; <http://purl.org/dc/terms/title> 'Nr {n}' ."
            f"<http://x/p{n}> hydra:next </p{following}> ."
        ).encode()

    files = {f"/p{n}": ("text/turtle", page(n, n + 1)) for n in range(3)}
    files["/p3"] = ("text/turtle", page(3, 0).replace(b"hydra:next", b"hydra:first"))
    async with Server(static(files)) as server:
        batches = await walk(await opened("dcat", f"{server.url}/p0"))
        assert [e.identifier for b in batches for e in b.entries] == [f"http://x/d{n}" for n in range(4)]
        files["/p3"] = ("text/turtle", page(3, 0))
        with pytest.raises(BadUpstream, match="circle"):
            await walk(await opened("dcat", f"{server.url}/p0"))


async def test_what_has_not_changed_is_not_sent_again(opened: Open) -> None:
    async with Server(static({"/c": ("text/turtle", TURTLE.encode())})) as server:
        [first] = await walk(await opened("dcat", f"{server.url}/c"))
        assert first.validator
        [again] = await walk(await opened("dcat", f"{server.url}/c"), first.validator)
    assert again.unchanged


async def test_a_remote_context_goes_through_our_port_and_nothing_else_is_fetched(opened: Open) -> None:
    document = {
        "@context": "/context.jsonld",
        "@graph": [{"@id": "http://x/1", "@type": "Dataset", "title": "遠い文脈"}],
    }
    context = {"@context": {"Dataset": "http://www.w3.org/ns/dcat#Dataset", "title": "http://purl.org/dc/terms/title"}}
    files = {"/c": ("application/ld+json", orjson.dumps(document))}
    async with Server(static(files)) as server:
        catalogue = await opened("dcat", f"{server.url}/c")
        with pytest.raises(Exception, match=r"404|nothing"):
            await catalogue.batch("", "", soon())
        files["/context.jsonld"] = ("application/ld+json", orjson.dumps(context))
        [batch] = await walk(await opened("dcat", f"{server.url}/c"))
    assert batch.entries[0].make().title == "遠い文脈"


BOMB = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rdf:RDF>&b;</rdf:RDF>'


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("text/html", b"<!DOCTYPE html><html></html>"),
        ("application/rdf+xml", BOMB),
        ("text/turtle", b"@prefix broken"),
        ("application/ld+json", b'{"@context": {"a": {"@id": 3}}, "a": 1'),
        ("application/ld+json", b'{"@context":' * 200 + b"1" + b"}" * 200),
        ("application/ld+json", b'{"@context": {"@import": "http://169.254.169.254/"}, "@graph": []}'),
    ],
)
async def test_what_is_no_rdf_is_an_error_in_words(opened: Open, media: str, body: bytes) -> None:
    async with Server(static({"/c": (media, body)})) as server:
        with pytest.raises(BadUpstream):
            await walk(await opened("dcat", f"{server.url}/c"))


async def test_too_many_triples_are_not_read(opened: Open) -> None:
    many = "\n".join(f"<http://x/{n}> <http://x/p> {n} ." for n in range(2000))
    async with Server(static({"/c": ("text/turtle", many.encode())})) as server:
        with pytest.raises(SourceTooLarge):
            await walk(await opened("dcat", f"{server.url}/c", max_triples=1000))


async def test_data_json(opened: Open) -> None:
    document = {
        "dataset": [
            {
                "identifier": "x-1",
                "title": "竹芝の人流",
                "publisher": {"name": "竹芝"},
                "contactPoint": {"fn": "窓口", "hasEmail": "mailto:a@example.jp"},
                "license": "https://creativecommons.org/publicdomain/zero/1.0/",
                "temporal": "2024-01-01/2024-12-31",
                "spatial": "139.75,35.65,139.77,35.66",
                "keyword": ["人流"],
                "distribution": [{"downloadURL": "https://x.example/a.csv", "mediaType": "text/csv"}],
            },
            {"description": "nothing to be known by"},
            "text",
        ]
    }
    async with Server(static({"/data.json": ("application/json", orjson.dumps(document))})) as server:
        catalogue = await opened("data_json", f"{server.url}/data.json")
        [batch] = await walk(catalogue)
        with pytest.raises(SourceUnsupported):
            await catalogue.search("人流", 5, soon())
    assert len(batch.faults) == 2
    made = batch.entries[0].make()
    assert made.licence.id == "CC0-1.0"
    assert made.contact.email == "a@example.jp"
    assert made.bbox == (139.75, 35.65, 139.77, 35.66)
    assert made.areas == ("takeshiba",)
    assert made.distributions[0].format == "CSV"


CSV = """オープンデータ一覧,,,,,,,
全国地方公共団体コード,ID,地方公共団体名,データ名称,データ概要,データ形式,URL,ライセンス,最終更新日,独自項目
131083,1,江東区,避難所一覧,区の避難所,CSV,https://example.jp/a.csv,CC BY 4.0,令和5年4月1日,あり
131083,1,江東区,避難所一覧,区の避難所,GeoJSON,https://example.jp/a.geojson,CC BY 4.0,2024/05/02,あり
131083,2,江東区,,題名なし,CSV,https://example.jp/b.csv,,,
131083,3,江東区,公園一覧,,XLSX,,CC BY 4.0,,
"""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932", "utf-16"])
async def test_csv_list(opened: Open, encoding: str) -> None:
    async with Server(static({"/list.csv": ("text/csv", CSV.encode(encoding))})) as server:
        [batch] = await walk(await opened("csv_list", f"{server.url}/list.csv"))
    assert [e.identifier for e in batch.entries] == ["131083-1", "131083-3"]
    assert len(batch.faults) == 1
    made = batch.entries[0].make()
    assert made.formats == ("CSV", "GEOJSON")
    assert made.modified == "2024-05-02"
    assert made.distributions[0].modified == "2023-04-01"
    assert made.spatial == "江東区"
    assert made.licence.id == "CC-BY-4.0"
    assert made.extras == {"独自項目": "あり"}


async def test_an_html_page_instead_of_a_csv(opened: Open) -> None:
    def answer(request: Request) -> Reply:
        return Reply(b"<html><title>x</title>a,b\n1,2</html>", 200, {"content-type": "text/csv"})

    async with Server(answer) as server:
        with pytest.raises(BadUpstream, match="HTML"):
            await walk(await opened("csv_list", server.url))
