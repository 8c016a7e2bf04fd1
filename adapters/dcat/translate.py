"""A dcat:Dataset in a graph as a dataset. DCAT 3 and its application profiles; also schema.org/Dataset. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rdflib import DCAT, DCTERMS, FOAF, OWL, RDF, RDFS, SKOS, BNode, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from adapters.cataloguing.formats import format_of
from adapters.cataloguing.options import mapped
from schemas import loose
from schemas.catalogue import CatalogueSource
from schemas.dataset import Access, Agent, BBox, Dataset, Distribution, Licence, encode
from schemas.errors import BadUpstream
from schemas.licence import access_of, recognise
from schemas.tokyo import areas_named, place_named

VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
SCHEMA = Namespace("http://schema.org/")
LOCN = Namespace("http://www.w3.org/ns/locn#")
ADMS = Namespace("http://www.w3.org/ns/adms#")
_SERIES = URIRef(str(DCAT) + "DatasetSeries")
_VERSION = URIRef(str(DCAT) + "version")
_IN_SERIES = URIRef(str(DCAT) + "inSeries")
_RIGHTS = "http://publications.europa.eu/resource/authority/access-right/"
_NUMBER = r"(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)"
_POSITION = re.compile(rf"{_NUMBER}\s+{_NUMBER}")
_LONGEST_WKT = 100_000


def datasets_of(graph: Graph) -> Iterator[tuple[str, Node]]:
    """Identifier and node of every dataset and series, in order of identifier."""
    nodes = {n for kind in (DCAT.Dataset, _SERIES) for n in graph.subjects(RDF.type, kind)}
    named: dict[str, Node] = {}
    for node in sorted(nodes, key=str):
        said = _first(graph, node, DCTERMS.identifier)
        name = str(node) if isinstance(node, URIRef) else said or _first(graph, node, DCTERMS.title)
        if name:
            named.setdefault(loose.line(name, 300), node)
    yield from sorted(named.items())


def next_page(graph: Graph) -> str:
    """The address after this page; "" if there is none."""
    for predicate in (HYDRA.next, HYDRA.nextPage):
        for found in graph.objects(None, predicate):
            return str(found)
    return ""


def total_of(graph: Graph) -> int | None:
    """hydra:totalItems."""
    return next((loose.whole(str(n)) for n in graph.objects(None, HYDRA.totalItems)), None)


def digest_of(dataset: Dataset) -> bytes:
    """Of what was understood: blank nodes have other names each time that a document is read."""
    return hashlib.blake2b(encode(dataset), digest_size=16).digest()


def translate(graph: Graph, node: Node, identifier: str, source: CatalogueSource, paths: Mapping[str, str]) -> Dataset:
    """BadUpstream for one without a title."""
    title, others = _titles(graph, node)
    if not title:
        raise BadUpstream("it has no title")
    publisher = _agent(graph, node, DCTERMS.publisher)
    distributions = tuple(
        _distribution(graph, d, n) for n, d in enumerate(sorted(graph.objects(node, DCAT.distribution), key=str))
    )[:1000]
    own = _licence(graph, node)
    licence = own if own.known else next((d.licence for d in distributions if d.licence.known), Licence())
    start, end = _period(graph, node)
    spatial, box = _place(graph, node)
    rights = [str(o) for o in graph.objects(node, DCTERMS.accessRights)]
    closed = any((r.startswith(_RIGHTS) and not r.endswith("PUBLIC")) or r.endswith("NON_PUBLIC") for r in rights)
    dataset = Dataset(
        source.id,
        identifier,
        title,
        name=loose.line(_first(graph, node, DCTERMS.identifier), 200),
        description=loose.text(_preferred(graph.objects(node, DCTERMS.description))),
        translations=others,
        language=tuple(_language(str(o)) for o in graph.objects(node, DCTERMS.language))[:10] or ("ja",),
        publisher=publisher,
        creator=_agent(graph, node, DCTERMS.creator),
        contact=_agent(graph, node, DCAT.contactPoint),
        licence=licence,
        access=Access.AGREEMENT if closed else access_of(licence),
        themes=_words(graph, node, DCAT.theme),
        keywords=tuple(sorted({loose.line(str(o), 200) for o in graph.objects(node, DCAT.keyword)} - {""}))[:200],
        areas=(source.area,) if source.area else areas_named(f"{title} {publisher.name}"),
        spatial=spatial or place_named(f"{publisher.name} {title}"),
        bbox=box,
        start=start,
        end=end,
        issued=loose.instant(_first(graph, node, DCTERMS.issued)),
        modified=loose.instant(_first(graph, node, DCTERMS.modified)),
        frequency=loose.line(_first(graph, node, DCTERMS.accrualPeriodicity), 200).rpartition("/")[2].lower(),
        landing_page=loose.url(_first(graph, node, DCAT.landingPage)),
        provenance=next(iter(_words(graph, node, DCTERMS.provenance)), ""),
        version=loose.line(_first(graph, node, _VERSION) or _first(graph, node, OWL.versionInfo), 60),
        series=loose.line(_first(graph, node, _IN_SERIES), 300),
        is_series=(node, RDF.type, _SERIES) in graph,
        conforms_to=loose.line(_first(graph, node, DCTERMS.conformsTo), 300),
        distributions=distributions,
    )
    record = {str(p): str(o) for p, o in graph.predicate_objects(node)} if paths else {}
    return mapped(dataset, record, paths)


def _first(graph: Graph, node: Node, predicate: Node) -> str:
    found = sorted(str(o) for o in graph.objects(node, predicate) if not isinstance(o, BNode))
    return found[0] if found else ""


def _preferred(objects: Iterable[Node]) -> str:
    """The Japanese one, else one without a language, else any."""
    ranked = sorted(objects, key=lambda o: ({"ja": 0, None: 1}.get(getattr(o, "language", None), 2), str(o)))
    return str(ranked[0]) if ranked else ""


def _titles(graph: Graph, node: Node) -> tuple[str, dict[str, str]]:
    objects = list(graph.objects(node, DCTERMS.title))
    title = loose.line(_preferred(objects))
    tagged = {o.language: loose.line(str(o)) for o in objects if isinstance(o, Literal) and o.language}
    return title, {tag: words for tag, words in sorted(tagged.items()) if words != title and len(tag) < 36}


def _words(graph: Graph, node: Node, predicate: Node) -> tuple[str, ...]:
    """Labels of what a property leads to; the last part of an address that has none."""
    found: dict[str, None] = {}
    for o in sorted(graph.objects(node, predicate), key=str):
        label = str(o) if isinstance(o, Literal) else ""
        for p in (SKOS.prefLabel, RDFS.label, DCTERMS.title) if not label else ():
            label = label or _preferred(graph.objects(o, p))
        if not label and isinstance(o, URIRef):
            label = re.split(r"[/#]", str(o).rstrip("/#"))[-1]
        if word := loose.line(label, 200):
            found[word] = None
    return tuple(found)[:100]


def _agent(graph: Graph, node: Node, predicate: Node) -> Agent:
    for o in sorted(graph.objects(node, predicate), key=str):
        if isinstance(o, Literal):
            return Agent(loose.line(str(o)))
        names = (FOAF.name, VCARD.fn, VCARD["organization-name"], SKOS.prefLabel, RDFS.label)
        name = next((n for p in names if (n := _preferred(graph.objects(o, p)))), "")
        mail = _first(graph, o, VCARD.hasEmail) or _first(graph, o, FOAF.mbox)
        email = loose.line(mail, 200).removeprefix("mailto:")
        page = _first(graph, o, FOAF.homepage) or _first(graph, o, VCARD.hasURL)
        return Agent(loose.line(name), loose.line(str(o), 300) if isinstance(o, URIRef) else "", loose.url(page), email)
    return Agent()


def _licence(graph: Graph, node: Node) -> Licence:
    for predicate in (DCTERMS.license, DCTERMS.rights):
        for o in sorted(graph.objects(node, predicate), key=str):
            label = str(o) if isinstance(o, Literal) else _preferred(graph.objects(o, DCTERMS.title))
            label = label or _preferred(graph.objects(o, RDFS.label))
            url = loose.url(str(o)) if isinstance(o, URIRef) else ""
            found = recognise(Licence(title="" if loose.url(label) else loose.line(label), url=url or loose.url(label)))
            if found.known:
                return found
    return Licence()


def _period(graph: Graph, node: Node) -> tuple[str, str]:
    for o in sorted(graph.objects(node, DCTERMS.temporal), key=str):
        start = _first(graph, o, DCAT.startDate) or _first(graph, o, SCHEMA.startDate)
        end = _first(graph, o, DCAT.endDate) or _first(graph, o, SCHEMA.endDate)
        return loose.instant(start), loose.instant(end)
    return "", ""


def _place(graph: Graph, node: Node) -> tuple[str, BBox | None]:
    words, box = "", None
    for o in sorted(graph.objects(node, DCTERMS.spatial), key=str):
        if isinstance(o, Literal):
            words = words or loose.line(str(o), 200)
            continue
        for p in (SKOS.prefLabel, RDFS.label, DCTERMS.title):
            words = words or loose.line(_preferred(graph.objects(o, p)), 200)
        for p in (DCAT.bbox, LOCN.geometry, DCAT.centroid):
            for shape in graph.objects(o, p):
                box = box or _shape(str(shape))
    return words, box


def _shape(text: str) -> BBox | None:
    """Of WKT (longitude first, as in CRS 84) or GeoJSON."""
    if text.lstrip().startswith("{"):
        return loose.box_of(text)
    pairs = [(float(x), float(y)) for x, y in _POSITION.findall(text[:_LONGEST_WKT])]
    if not pairs:
        return None
    xs, ys = [p[0] for p in pairs], [p[1] for p in pairs]
    return loose.box_of([min(xs), min(ys), max(xs), max(ys)])


def _distribution(graph: Graph, node: Node, place: int) -> Distribution:
    access = loose.url(_first(graph, node, DCAT.accessURL))
    download = loose.url(_first(graph, node, DCAT.downloadURL))
    word = next(iter(_words(graph, node, DCTERMS.format)), "")
    media = _first(graph, node, DCAT.mediaType).rpartition("media-types/")[2]
    kind, media = format_of(word, media, download or access)
    conforms = _first(graph, node, DCTERMS.conformsTo)
    for service in graph.objects(node, DCAT.accessService):
        access = access or loose.url(_first(graph, service, DCAT.endpointURL))
        conforms = conforms or _first(graph, service, DCTERMS.conformsTo)
    return Distribution(
        id=loose.line(str(node), 300) if isinstance(node, URIRef) else str(place),
        title=loose.line(_preferred(graph.objects(node, DCTERMS.title))),
        description=loose.text(_preferred(graph.objects(node, DCTERMS.description)), 2000),
        access_url=access or download,
        download_url=download,
        format=kind,
        media_type=media if "/" in media else "",
        bytes=loose.whole(_first(graph, node, DCAT.byteSize).partition(".")[0]),
        licence=_licence(graph, node),
        modified=loose.instant(_first(graph, node, DCTERMS.modified)),
        service="ngsi-ld" if "ngsi-ld" in conforms.lower() else "",
        conforms_to=loose.line(conforms, 300),
    )


def _language(said: Any) -> str:
    word = str(said).rpartition("/")[2].lower()[:12]
    return {"jpn": "ja", "eng": "en"}.get(word, word)
