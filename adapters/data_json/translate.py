"""A record of data.json as a dataset. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.cataloguing.formats import format_of
from adapters.cataloguing.options import agent, mapped
from schemas import loose
from schemas.catalogue import CatalogueSource
from schemas.dataset import Access, Dataset, Distribution, Licence
from schemas.errors import BadUpstream
from schemas.licence import access_of, recognise
from schemas.tokyo import areas_named, place_named


def identifier_of(record: Mapping[str, Any]) -> str:
    """Its identifier, else its title."""
    return loose.line(record.get("identifier"), 300) or loose.line(record.get("title"), 300)


def translate(record: Mapping[str, Any], source: CatalogueSource, paths: Mapping[str, str]) -> Dataset:
    """BadUpstream for a record without a title."""
    title = loose.line(record.get("title"))
    if not title:
        raise BadUpstream("it has no title")
    said = record.get("license")
    licence = recognise(Licence(title="" if loose.url(said) else loose.line(said), url=loose.url(said)))
    start, _, end = loose.line(record.get("temporal"), 100).partition("/")
    closed = record.get("accessLevel") in ("restricted public", "non-public")
    publisher = agent(record.get("publisher"))
    dataset = Dataset(
        source.id,
        identifier_of(record),
        title,
        description=loose.text(record.get("description")),
        language=loose.texts(record.get("language"), 10, each=20) or ("ja",),
        publisher=publisher,
        contact=agent(record.get("contactPoint")),
        licence=licence,
        access=Access.AGREEMENT if closed else access_of(licence),
        themes=loose.texts(record.get("theme")),
        keywords=loose.texts(record.get("keyword")),
        areas=(source.area,) if source.area else areas_named(f"{title} {publisher.name}"),
        spatial=loose.line(record.get("spatial"), 200) or place_named(f"{publisher.name} {title}"),
        bbox=loose.box_of(record.get("spatial")),
        start=loose.instant(start),
        end=loose.instant(end),
        issued=loose.instant(record.get("issued")),
        modified=loose.instant(record.get("modified")),
        frequency=loose.line(record.get("accrualPeriodicity"), 60),
        landing_page=loose.url(record.get("landingPage")),
        series=loose.line(record.get("isPartOf"), 300),
        conforms_to=loose.line(record.get("conformsTo"), 300),
        distributions=tuple(
            _distribution(one, n, licence) for n, one in enumerate(loose.objects(record.get("distribution")))
        ),
    )
    return mapped(dataset, record, paths)


def _distribution(one: Mapping[str, Any], place: int, licence: Licence) -> Distribution:
    download, access = loose.url(one.get("downloadURL")), loose.url(one.get("accessURL"))
    kind, media = format_of(loose.line(one.get("format"), 60), loose.line(one.get("mediaType"), 100), download)
    return Distribution(
        id=loose.line(one.get("identifier"), 200) or str(place),
        title=loose.line(one.get("title")),
        description=loose.text(one.get("description"), 2000),
        access_url=access or download,
        download_url=download,
        format=kind,
        media_type=media,
        licence=licence,
        conforms_to=loose.line(one.get("conformsTo"), 300),
    )
