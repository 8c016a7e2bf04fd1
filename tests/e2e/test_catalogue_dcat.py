"""The catalogue as DCAT: every page in every syntax, held against the official shapes of DCAT-AP 3.0.1."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from gateway import ENTITIES, Gateway, fresh_database, settings
from rdflib import DCAT, PROV, RDF, SH, Graph, Namespace, URIRef
from rdflib.compare import isomorphic
from sources import Host

from adapters.testing.portal import Portal, packages
from adapters.testing.serving import static

ADMS = Namespace("http://www.w3.org/ns/adms#")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
SERIES = URIRef(f"{DCAT}DatasetSeries")
SYNTAXES = {"application/ld+json": "json-ld", "text/turtle": "turtle", "application/rdf+xml": "xml"}
RICH = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix gsp: <http://www.opengis.net/ont/geosparql#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<https://data.example.jp/series> a dcat:DatasetSeries ; dct:title "豊洲の避難所(各年)"@ja .
<https://data.example.jp/circle> a dcat:DatasetSeries ; dct:title "輪"@ja ;
  dcat:inSeries <https://data.example.jp/circle> .
<https://data.example.jp/d/1> a dcat:Dataset ; dcat:inSeries <https://data.example.jp/series> ;
  dct:title "豊洲の避難所"@ja , "Shelters of Toyosu"@en ; dct:description "説明"@ja ; dct:identifier "shelters" ;
  dct:publisher <https://data.example.jp/council> ; dct:creator [ foaf:name "係" ] ;
  dcat:contactPoint [ vcard:fn "窓口" ; vcard:hasEmail <mailto:data@example.jp> ] ;
  dct:license <https://creativecommons.org/licenses/by/4.0/> ; dcat:keyword "避難所", "防災" ;
  dct:temporal [ dcat:startDate "2024-04-01"^^xsd:date ; dcat:endDate "2025-03-31"^^xsd:date ] ;
  dct:spatial [ dcat:bbox "POLYGON((139.78 35.64,139.81 35.64,139.81 35.67,139.78 35.64))"^^gsp:wktLiteral ] ;
  dct:accrualPeriodicity <http://publications.europa.eu/resource/authority/frequency/ANNUAL> ;
  dct:issued "2024-04-01"^^xsd:date ; dct:modified "2025-05-01T09:00:00+09:00"^^xsd:dateTime ;
  dct:provenance [ dct:title "聞き取り" ] ; dcat:version "3" ;
  # one address as a page, a licence and where the data is
  dcat:landingPage <https://creativecommons.org/licenses/by/4.0/> ;
  dcat:distribution [ dcat:accessURL <https://creativecommons.org/licenses/by/4.0/> ;
    dcat:downloadURL <https://data.example.jp/a b.csv> ; dcat:byteSize 12 ; dct:title "CSV" ;
    dct:conformsTo <https://data.example.jp/standard> ; dcat:mediaType
    <https://www.iana.org/assignments/media-types/text/csv> ] , [ dcat:accessURL <https://data.example.jp/other> ] .
<https://data.example.jp/council> a foaf:Agent ; foaf:name "豊洲協議会" ; foaf:homepage <https://data.example.jp/> .
"""


def contracted() -> list[dict[str, Any]]:
    """What a provider of CADDE has in its detailed catalogue."""
    record = packages(61)[60]
    record["extras"] = [{"key": "caddec_provider_id", "value": "toyosu-provider"}]
    record["resources"][0] |= {"caddec_resource_type": "api/ngsi", "caddec_contract_required": "required"}
    record["resources"][0] |= {"ngsi_entity_type": "EvacuationShelter", "ngsi_tenant": "toyosu"}
    return [record]


@pytest.fixture(scope="module")
def mixed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Gateway]:
    """The portal, another catalogue that has ten of its datasets too, a provider of CADDE, a DCAT file, live data."""
    records = packages(40)
    records[2]["title"] += ' "引用"\\と\n改行'
    turtle = RICH.replace("a b.csv", "a%20b.csv").encode()
    sources = {
        "tokyo": ("ckan", host.serve(Portal(records)).url),
        "national": ("ckan", host.serve(Portal(packages(10))).url),
        "provider": ("cadde", host.serve(Portal(contracted())).url),
        "council": ("dcat", host.serve(static({"/catalog.ttl": ("text/turtle", turtle)})).url + "/catalog.ttl"),
    }
    home: Path = tmp_path_factory.mktemp("dcat")
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(home, url, area="toyosu", organisation="豊洲", catalog_sample_s=5))
        client = running.client
        for name, (kind, endpoint) in sources.items():
            made = client.post("/catalog/sources", json={"id": name, "kind": kind, "endpoint": endpoint})
            assert made.status_code == 201, made.text
            client.post(f"/catalog/sources/{name}/harvest")
        shelter = {"id": "urn:ngsi-ld:EvacuationShelter:1", "type": "EvacuationShelter"}
        assert client.post(ENTITIES, json=shelter).status_code == 201
        deadline = time.monotonic() + 180
        while client.get("/catalog").json()["total"] < 40 + 1 + 3 + 1 or not harvested(running):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield running
        running.close()


def harvested(gateway: Gateway) -> bool:
    return all(source["harvest"]["state"] == "done" for source in gateway.client.get("/catalog/sources").json())


def pages(gateway: Gateway, media: str) -> Iterator[Graph]:
    url = "/catalog?limit=15"
    while url:
        answer = gateway.client.get(url, headers={"accept": media})
        assert answer.headers["content-type"].partition(";")[0] == media
        graph = Graph().parse(data=answer.text, format=SYNTAXES[media])
        yield graph
        url = next((str(o) for o in graph.objects(None, HYDRA.next)), "")


def shapes() -> Graph:
    """The official ones, without their two references to shapes that are nowhere."""
    found = Graph().parse(Path(__file__).parent / "dcat_ap_3_0_1" / "dcat-ap-SHACL.ttl")
    lost = [shape for shape in found.objects(None, SH.property) if found.value(shape, SH.path) is None]
    assert len(lost) == 2
    for shape in lost:
        found.remove((None, SH.property, shape))
    return found


def test_every_page_conforms_to_the_official_shapes(mixed: Gateway) -> None:
    official = shapes()
    whole = Graph()
    for page in pages(mixed, "text/turtle"):
        conforms, _, words = pyshacl.validate(page, shacl_graph=official)
        assert conforms, words
        whole += page
    assert len(set(whole.subjects(RDF.type, DCAT.Dataset))) == 43
    assert len(set(whole.subjects(RDF.type, SERIES))) == 2
    # the shapes do find what is wrong
    for fault in list(whole.triples((None, DCAT.accessURL, None)))[:1]:
        whole.remove(fault)
    assert not pyshacl.validate(whole, shacl_graph=official)[0]


def test_all_syntaxes_say_the_same(mixed: Gateway) -> None:
    found = [sum(pages(mixed, media), Graph()) for media in SYNTAXES]
    assert isomorphic(found[0], found[1])
    assert isomorphic(found[1], found[2])


def test_what_several_catalogues_have_stands_once_with_all_its_origins(mixed: Gateway) -> None:
    shown: dict[str, Any] = mixed.client.get("/catalog", params={"limit": "100"}).json()
    assert shown["total"] == len(shown["datasets"]) == 45
    assert shown["next"] is None
    doubled = [d for d in shown["datasets"] if len(d["origins"]) == 2]
    assert len(doubled) == 10
    assert {o["source"] for d in doubled for o in d["origins"]} == {"tokyo", "national"}
    whole = sum(pages(mixed, "text/turtle"), Graph())
    for one in doubled:
        node = URIRef(one["url"])
        other = one["origins"][1]
        assert list(whole.objects(node, PROV.wasDerivedFrom)) == [URIRef(one["url"].replace(one["id"], other["id"]))]
        [known] = whole.objects(node, ADMS.identifier)
        assert str(whole.value(known, ADMS.schemaAgency)) == other["source"]
        # the other one is no further dataset, but its page is there
        assert mixed.client.get(f"/catalog/datasets/{other['id']}").json()["origins"][0]["id"] == other["id"]
    everything = mixed.client.get("/ckan/api/3/action/package_list").json()["result"]
    assert sorted(everything) == sorted(d["id"] for d in shown["datasets"])


def test_a_page_for_another_catalogue_is_understood_by_it(mixed: Gateway) -> None:
    """Harvested by its own DCAT adapter the catalogue gives the same datasets."""
    client = mixed.client
    made = client.post(
        "/catalog/sources",
        json={"id": "mirror", "kind": "dcat", "endpoint": f"{mixed.url}/catalog?limit=100"},
    )
    assert made.status_code == 201, made.text
    client.post("/catalog/sources/mirror/harvest")
    deadline = time.monotonic() + 180
    while client.get("/catalog/sources/mirror").json()["harvest"]["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    try:
        told = client.get("/catalog/sources/mirror").json()["harvest"]
        assert (told["skipped"], told["problem"]) == (0, "")
        hits = client.get("/catalog/datasets", params={"source": "mirror", "q": "豊洲の避難所"}).json()["datasets"]
        copy = next(h for h in hits if h["title"] == "豊洲の避難所")
        assert copy["publisher"]["name"] == "豊洲協議会"
        assert copy["bbox"] == [139.78, 35.64, 139.81, 35.67]
        assert (copy["start"], copy["end"], copy["frequency"]) == ("2024-04-01", "2025-03-31", "annual")
        assert copy["distributions"][0]["format"] in ("CSV", "")
        assert copy["licence"]["id"] == "CC-BY-4.0"
    finally:
        client.delete("/catalog/sources/mirror")
