"""A CKAN package as a dataset; CADDE's and 自治体標準's fields are kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.cataloguing.formats import format_of
from adapters.cataloguing.options import mapped
from schemas import loose
from schemas.catalogue import CatalogueSource
from schemas.dataset import Access, Agent, Dataset, Distribution, Licence
from schemas.errors import BadUpstream
from schemas.licence import access_of, recognise
from schemas.tokyo import areas_named, municipality, place_named

_KEPT_RESOURCE = ("caddec_", "ngsi_")
_PROVIDED = frozenset(
    {
        "id", "name", "title", "notes", "url", "author", "author_email", "maintainer", "maintainer_email", "license_id",
        "license_title", "license_url", "metadata_created", "metadata_modified", "organization", "groups", "tags",
        "resources", "extras", "version", "private", "state", "type", "isopen", "num_resources", "num_tags",
        "owner_org",
        "creator_user_id", "revision_id", "tracking_summary", "relationships_as_subject", "relationships_as_object",
    }
)  # fmt: skip
_MOST_EXTRAS = 200


def identifier_of(record: Mapping[str, Any]) -> str:
    """Its id, or the name that is an address."""
    return loose.line(record.get("id"), 300) or loose.line(record.get("name"), 300)


def translate(record: Mapping[str, Any], source: CatalogueSource, paths: Mapping[str, str]) -> Dataset:
    """BadUpstream for what is private, or has neither title nor name."""
    identifier = identifier_of(record)
    title = loose.line(record.get("title")) or loose.line(record.get("name"))
    if record.get("private") is True or record.get("state") in ("deleted", "draft"):
        raise BadUpstream("it is not public")
    if not title:
        raise BadUpstream("it has no title")
    extras = _extras(record)
    english = loose.line(extras.get("title_en"))
    name = loose.line(record.get("name"), 200)
    organisation = loose.mapping(record.get("organization"))
    licence = recognise(
        Licence(
            loose.line(record.get("license_id"), 100),
            loose.line(record.get("license_title")),
            loose.url(record.get("license_url")),
        )
    )
    distributions = tuple(
        _distribution(resource, n, licence) for n, resource in enumerate(loose.objects(record.get("resources")))
    )
    needs = any(d.extras.get("caddec_contract_required") in ("required", "true", "True") for d in distributions)
    publisher = Agent(
        loose.line(organisation.get("title")) or loose.line(record.get("author")),
        loose.line(organisation.get("name"), 200),
        email=loose.line(record.get("author_email"), 200),
    )
    where = municipality(name) or municipality(identifier) or place_named(f"{publisher.name} {title}")
    dataset = Dataset(
        source.id,
        identifier,
        title,
        name=name,
        description=loose.text(record.get("notes")),
        translations={"en": english} if english else {},
        publisher=publisher,
        contact=Agent(
            loose.line(record.get("maintainer")) or loose.line(extras.get("contact_name")),
            email=loose.line(record.get("maintainer_email"), 200) or loose.line(extras.get("contact_email"), 200),
        ),
        licence=licence,
        access=Access.AGREEMENT if needs else access_of(licence),
        themes=loose.texts(record.get("groups")),
        keywords=loose.texts(record.get("tags")),
        areas=(source.area,) if source.area else areas_named(f"{title} {publisher.name}"),
        types=tuple(dict.fromkeys(t for d in distributions if (t := d.extras.get("ngsi_entity_type")))),
        spatial=loose.line(extras.get("spatial_text") or extras.get("spatial-text")) or where,
        bbox=loose.box_of(extras.get("spatial") or extras.get("bbox")),
        start=loose.instant(extras.get("temporal_start") or extras.get("temporal_coverage_from")),
        end=loose.instant(extras.get("temporal_end") or extras.get("temporal_coverage_to")),
        issued=loose.instant(extras.get("issued") or record.get("metadata_created")),
        modified=loose.instant(extras.get("modified") or record.get("metadata_modified")),
        frequency=loose.line(
            extras.get("frequency") or extras.get("frequency_of_update") or extras.get("更新頻度"), 60
        ),
        landing_page=loose.url(record.get("url")) or (f"{source.endpoint.rstrip('/')}/dataset/{name}" if name else ""),
        provenance=loose.text(extras.get("provenance"), 2000),
        version=loose.line(record.get("version"), 60),
        series=loose.line(extras.get("in_series"), 300),
        conforms_to=loose.line(extras.get("conforms_to"), 300),
        distributions=distributions,
        extras={k: v for k, v in extras.items() if v},
    )
    return mapped(dataset, record, paths)


def _extras(record: Mapping[str, Any]) -> dict[str, str]:
    """`extras` in either of CKAN's two shapes, and members that a portal's schema puts beside the usual ones."""
    found: dict[str, str] = {}
    extras = record.get("extras")
    pairs: list[tuple[Any, Any]] = [(e.get("key"), e.get("value")) for e in loose.objects(extras)]
    pairs += list(extras.items()) if isinstance(extras, Mapping) else []
    pairs += [(k, v) for k, v in record.items() if k not in _PROVIDED and not isinstance(v, dict | list | bool)]
    for key, value in pairs[:_MOST_EXTRAS]:
        name = loose.line(key, 100)
        if name:
            found.setdefault(name, _plain(value))
    return found


def _plain(value: Any) -> str:
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()[:2000]
    return loose.text(value, 2000)


def _distribution(resource: Mapping[str, Any], place: int, licence: Licence) -> Distribution:
    url = loose.url(resource.get("url"))
    extras = {
        k: _plain(v)
        for k, v in resource.items()
        if isinstance(k, str) and k.startswith(_KEPT_RESOURCE) and v is not None
    }
    kind, media = format_of(loose.line(resource.get("format"), 60), loose.line(resource.get("mimetype"), 100), url)
    service = {"api/ngsi": "ngsi-v2"}.get(extras.get("caddec_resource_type", ""), "")
    if not service and resource.get("datastore_active") is True:
        service = "ckan-datastore"
    return Distribution(
        id=loose.line(resource.get("id"), 200) or str(place),
        title=loose.line(resource.get("name")),
        description=loose.text(resource.get("description"), 2000),
        access_url=url,
        download_url="" if service == "ngsi-v2" else url,
        format=kind,
        media_type=media,
        bytes=loose.whole(resource.get("size")),
        licence=licence,
        modified=loose.instant(resource.get("last_modified") or resource.get("metadata_modified")),
        service=service,
        extras=extras,
    )
