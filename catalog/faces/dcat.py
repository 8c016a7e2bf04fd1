"""The catalogue and its datasets as DCAT 3, within what DCAT-AP demands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from catalog.faces import vocabularies
from catalog.faces.plain import absolute, address, file_address
from catalog.hit import Hit
from schemas.dataset import Agent, Dataset, Distribution
from schemas.dcat.nodes import Iri, Node, Text, ja, moment
from schemas.dcat.writers import json_ld, rdf_xml, turtle

WRITERS = {"application/ld+json": json_ld, "text/turtle": turtle, "application/rdf+xml": rdf_xml}
_TITLE = "架け橋 データカタログ"
_PUBLISHER = "架け橋 Kakehashi"
_NGSI_LD = "https://www.etsi.org/deliver/etsi_gs/CIM/001_099/009/"


def catalogue_page(
    hits: Sequence[Hit], base: str, *, total: int, this: str, first: str, following: str, previous: str = ""
) -> list[Node]:
    """The catalogue with a page of its datasets, paged as hydra has it. Addresses are absolute."""
    catalogue = Node(f"{base}/catalog", ("dcat:Catalog", "hydra:Collection"))
    catalogue.add("dct:title", ja(_TITLE), Text("Kakehashi data catalogue", language="en"))
    catalogue.add("dct:description", ja("東京の各エリアのライブデータとオープンデータの横断カタログ"))
    catalogue.add("dct:publisher", _agent(Agent(_PUBLISHER), f"{base}/catalog#publisher"))
    catalogue.add("dct:language", vocabularies.language("ja"), vocabularies.language("en"))
    catalogue.add("dct:spatial", vocabularies.japan())
    catalogue.add("dcat:themeTaxonomy", vocabularies.theme_taxonomy())
    catalogue.add("dct:modified", moment(max((hit.changed for hit in hits), default="")))
    catalogue.add("hydra:totalItems", Text(str(total), "xsd:integer"))
    view = Node(this, ("hydra:PartialCollectionView",)).add("hydra:first", Iri(first))
    view.add("hydra:next", Iri(following)).add("hydra:previous", Iri(previous))
    catalogue.add("hydra:view", view)
    nodes = [catalogue]
    for hit in hits:
        # DCAT-AP: what `dcat:dataset` names is a dcat:Dataset, which a series is not
        catalogue.add("dcat:resource" if hit.dataset.is_series else "dcat:dataset", Iri(address(hit.dataset, base)))
        catalogue.add("dcat:service", *(Iri(n.iri) for n in _services(hit.dataset, base)))
        nodes += dataset_nodes(hit, base)
    return nodes


def dataset_nodes(hit: Hit, base: str) -> list[Node]:
    """The dataset, its data services, and the record of it in each catalogue that has it."""
    dataset = hit.dataset
    where = address(dataset, base)
    node = _named(dataset, base)
    node.add("dct:identifier", Text(dataset.identifier))
    node.add("dct:publisher", _agent(dataset.publisher, f"{where}#publisher"))
    node.add("dct:creator", _agent(dataset.creator, f"{where}#creator"))
    node.add("dcat:contactPoint", _contact(dataset.contact, f"{where}#contact"))
    node.add("dcat:keyword", *(ja(word) for word in dataset.keywords))
    node.add("dcat:theme", *(_theme(theme, base) for theme in dataset.themes))
    node.add("dcat:theme", *_known_themes(dataset))
    node.add("dct:language", *(vocabularies.language(tag) for tag in dataset.language))
    node.add("dct:spatial", _place(dataset, where))
    node.add("dct:temporal", _period(dataset, where))
    node.add("dct:issued", moment(dataset.issued)).add("dct:modified", moment(dataset.modified))
    node.add("dct:accrualPeriodicity", vocabularies.frequency(dataset.frequency))
    if dataset.landing_page:
        node.add("dcat:landingPage", Node(dataset.landing_page, ("foaf:Document",)))
    node.add("dct:accessRights", vocabularies.access_right(dataset.access))
    node.add("dct:license", _licence(dataset.licence.url, dataset.licence.title, f"{where}#licence"))
    if dataset.provenance:
        statement = Node(f"{where}#provenance", ("dct:ProvenanceStatement",))
        node.add("dct:provenance", statement.add("rdfs:label", ja(dataset.provenance)))
    node.add("dcat:version", Text(dataset.version) if dataset.version else None)
    if hit.series is not None and hit.series.is_series:
        # it may stand on another page, and a reference without a class and a title is not within DCAT-AP
        node.add("dcat:inSeries", _named(hit.series, base))
    if not dataset.is_series:
        node.add(
            "dcat:distribution",
            *(_distribution(dataset, d, n, base) for n, d in enumerate(dataset.distributions) if d.url),
        )
    for other in hit.origins[1:]:
        node.add("prov:wasDerivedFrom", Iri(f"{base}/catalog/datasets/{other.id}"))
        known = Node(f"{where}#identifier-{other.id}", ("adms:Identifier",))
        known.add("skos:notation", Text(other.identifier)).add("adms:schemaAgency", Text(other.source))
        node.add("adms:identifier", known)
    return [node, *_services(dataset, base)]


def _named(dataset: Dataset, base: str) -> Node:
    node = Node(address(dataset, base), ("dcat:DatasetSeries",) if dataset.is_series else ("dcat:Dataset",))
    node.add("dct:title", ja(dataset.title), *(Text(t, language=tag) for tag, t in dataset.translations.items()))
    return node.add("dct:description", ja(dataset.description or dataset.title))


def _distribution(dataset: Dataset, one: Distribution, place: int, base: str) -> Node:
    where = f"{address(dataset, base)}#distribution-{place}"
    node = Node(where, ("dcat:Distribution",))
    node.add("dct:title", ja(one.title) if one.title else None)
    node.add("dct:description", ja(one.description) if one.description else None)
    node.add("dcat:accessURL", Node(absolute(one.url, base), ("rdfs:Resource",)))
    if one.download_url:
        node.add("dcat:downloadURL", Node(file_address(dataset, place, base), ("rdfs:Resource",)))
    if one.media_type:
        media = f"https://www.iana.org/assignments/media-types/{quote(one.media_type, safe='/+.-')}"
        node.add("dcat:mediaType", Node(media, ("dct:MediaType",)))
    if one.format:
        other = Node(f"{base}/catalog#format-{quote(one.format, safe='')}", ("dct:MediaTypeOrExtent",))
        kind = vocabularies.file_type(one.format) or other
        node.add("dct:format", kind.add("rdfs:label", Text(one.format)))
    if one.bytes is not None:
        node.add("dcat:byteSize", Text(str(one.bytes), "xsd:nonNegativeInteger"))
    node.add("dct:modified", moment(one.modified))
    licence = one.licence if one.licence.known else dataset.licence
    node.add("dct:license", _licence(licence.url, licence.title, f"{where}-licence"))
    if one.service == "ngsi-ld" and one.access_url.startswith("/"):
        node.add("dcat:accessService", Iri(f"{base}/ngsi-ld/v1/"))
    if one.conforms_to.startswith("http"):
        node.add("dct:conformsTo", Node(one.conforms_to, ("dct:Standard",)))
    return node


def _services(dataset: Dataset, base: str) -> list[Node]:
    """The gateway's own NGSI-LD API, where a distribution is a query of it."""
    if not any(d.service == "ngsi-ld" and d.access_url.startswith("/") for d in dataset.distributions):
        return []
    service = Node(f"{base}/ngsi-ld/v1/", ("dcat:DataService",))
    service.add("dct:title", ja("架け橋 NGSI-LD API")).add("dcat:keyword", Text("NGSI-LD"))
    service.add("dct:description", ja("各エリアのプラットフォームを横断して問い合わせるNGSI-LD API"))
    service.add("dct:publisher", _agent(Agent(_PUBLISHER), f"{base}/catalog#publisher"))
    service.add("dct:conformsTo", Node(_NGSI_LD, ("dct:Standard",)))
    service.add("dcat:endpointURL", Node(f"{base}/ngsi-ld/v1", ("rdfs:Resource",)))
    service.add("dcat:endpointDescription", Node(f"{base}/openapi.json", ("rdfs:Resource",)))
    service.add("dcat:servesDataset", Iri(address(dataset, base)))
    return [service]


def _agent(agent: Agent, where: str) -> Node | None:
    if not agent.name:
        return None
    node = Node(agent.id if agent.id.startswith("http") else where, ("foaf:Agent",)).add("foaf:name", ja(agent.name))
    if agent.url:
        node.add("foaf:homepage", Node(agent.url, ("foaf:Document",)))
    return node


def _contact(agent: Agent, where: str) -> Node | None:
    if not agent.name and not agent.email:
        return None
    node = Node(where, ("vcard:Kind", "vcard:Organization")).add("vcard:fn", ja(agent.name or agent.email))
    if agent.email and " " not in agent.email:
        node.add("vcard:hasEmail", Iri(f"mailto:{agent.email}"))
    return node


def _theme(theme: str, base: str) -> Node:
    concept = Node(f"{base}/catalog#theme-{quote(theme, safe='')}", ("skos:Concept",))
    return concept.add("skos:prefLabel", ja(theme))


def _known_themes(dataset: Dataset) -> Iterable[Node]:
    """Of what its catalogue has as themes, else as keywords, the concepts that other catalogues know."""
    found = [concept for word in dataset.themes or dataset.keywords if (concept := vocabularies.theme(word))]
    return {concept.iri: concept for concept in found}.values()


def _place(dataset: Dataset, where: str) -> Node | None:
    if not dataset.spatial and dataset.bbox is None:
        return None
    node = Node(f"{where}#place", ("dct:Location",))
    node.add("skos:prefLabel", ja(dataset.spatial) if dataset.spatial else None)
    if dataset.bbox is not None:
        w, s, e, n = dataset.bbox
        ring = ", ".join(f"{x} {y}" for x, y in ((w, s), (e, s), (e, n), (w, n), (w, s)))
        node.add("dcat:bbox", Text(f"POLYGON(({ring}))", "geo:wktLiteral"))
        node.add("dcat:centroid", Text(f"POINT({(w + e) / 2:.6f} {(s + n) / 2:.6f})", "geo:wktLiteral"))
    return node


def _period(dataset: Dataset, where: str) -> Node | None:
    if not dataset.start and not dataset.end:
        return None
    node = Node(f"{where}#period", ("dct:PeriodOfTime",))
    return node.add("dcat:startDate", moment(dataset.start)).add("dcat:endDate", moment(dataset.end))


def _licence(url: str, title: str, where: str) -> Node | None:
    if not url and not title:
        return None
    node = Node(url or where, ("dct:LicenseDocument",))
    return node.add("dct:title", ja(title) if title else None)


def written(nodes: Iterable[Node], media: str) -> bytes:
    """In one of the media types of `WRITERS`."""
    return WRITERS[media](nodes)
