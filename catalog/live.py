"""What a platform holds live, as a dataset: its description from the registration and from a sample. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from catalog.search.synonyms import label, labels
from schemas import loose
from schemas.dataset import LIVE, Access, Agent, BBox, Column, Dataset, Distribution, Licence, Live
from schemas.licence import access_of, recognise
from schemas.ngsi_ld.context import CORE
from schemas.platform import Platform
from schemas.tokyo import BY_AREA

_NGSI_LD = "https://www.etsi.org/deliver/etsi_gs/CIM/001_099/009/"
_MEMBERS = frozenset({"id", "type", "scope", "@context", "createdAt", "modifiedAt", "expiresAt"})
_MOST_COLUMNS = 200
_MOST_EXAMPLE = 60
_SPLIT = re.compile(r"(?<=[a-z])(?=[A-Z])")


def short(type_iri: str) -> str:
    """The name of a type in the core context, as a query has it."""
    return CORE.compact(type_iri)


def live_dataset(platform: Platform, type_iri: str, live: Live | None, *, healthy: bool, problem: str = "") -> Dataset:
    """The dataset of one type of one platform. `live`: what a sample found, if there was one."""
    name = short(type_iri)
    place = BY_AREA.get(platform.area or "")
    where = place.names[0] if place else platform.area or ""
    shown_as = platform.name or ("ローカルストア" if platform.adapter == "local" else platform.id)
    owner = platform.organisation or shown_as
    called = label(name.rpartition("/")[2].rpartition("#")[2]) or name
    seen = live or Live(platform.id, types=(type_iri,))
    facts = Live(
        platform=platform.id,
        types=(type_iri,),
        count=seen.count,
        attributes=seen.attributes,
        observed=seen.observed,
        healthy=healthy and not seen.problem,
        problem=problem or seen.problem,
        seen=seen.seen,
        origin=_origin(platform),
    )
    licence = _licence(platform)
    shown = ", ".join(column.name for column in seen.attributes[:30])
    area = f" ({where})" if where else ""
    count = "" if seen.count is None else f"現在{seen.count}件。"
    return Dataset(
        source=f"{LIVE}:{platform.id}",
        identifier=type_iri,
        title=loose.line(f"{called}{area}" if where else f"{called} ({owner})"),
        name="",
        description=loose.text(
            "".join(
                (
                    f"{owner}のプラットフォーム「{shown_as}」が保持する{called}({name})の最新データ。",
                    count,
                    f"属性: {shown}。" if shown else "",
                    f" Live {_spaced(name)} data, answered by NGSI-LD queries.",
                )
            )
        ),
        translations={"en": loose.line(f"{_spaced(name)}{f' ({place.romaji[0]})' if place else area}")},
        publisher=Agent(loose.line(owner)),
        contact=Agent(loose.line(platform.organisation or "")),
        licence=licence,
        access=_access(platform, type_iri, licence),
        themes=(),
        keywords=tuple(dict.fromkeys(loose.line(w, 200) for w in (name, *labels(name)[:8], where) if w)),
        areas=(platform.area,) if platform.area else (),
        types=(name,),
        spatial=loose.line(" ".join(place.names) + f" {place.within}" if place else where),
        bbox=_extent(platform, seen) or (place.bbox if place else None),
        modified=seen.observed or seen.seen or loose.instant(platform.modified_at),
        issued=loose.instant(platform.created_at),
        frequency="continuous",
        provenance=loose.line(f"{platform.adapter} {platform.id}"),
        distributions=tuple(_distributions(platform, name, licence)),
        live=facts,
    )


def _distributions(platform: Platform, name: str, licence: Licence) -> Iterable[Distribution]:
    query = f"/ngsi-ld/v1/entities?type={quote(name, safe=':/')}"
    if platform.area:
        fits = f'area=="{platform.area}"'
        query += f"&csf={quote(fits, safe='')}"
    for id_, title, address, media in (
        ("ngsi-ld", "NGSI-LD", query, "application/ld+json"),
        ("key-values", "NGSI-LD (keyValues)", f"{query}&options=keyValues", "application/json"),
    ):
        yield Distribution(
            id=id_,
            title=title,
            access_url=address,
            format="NGSI-LD" if id_ == "ngsi-ld" else "JSON",
            media_type=media,
            licence=licence,
            service="ngsi-ld",
            conforms_to=_NGSI_LD,
        )


def sampled(platform_id: str, type_iri: str, entities: list[dict[str, Any]], total: int | None, now: str) -> Live:
    """What normalized entities in core names tell. `total`: how many there are, by the platform's own word."""
    columns: dict[str, Column] = {}
    observed = ""
    for entity in entities:
        for name, value in entity.items():
            if name in _MEMBERS or (len(columns) >= _MOST_COLUMNS and name not in columns):
                continue
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, Mapping):
                    continue
                for member in ("observedAt", "modifiedAt"):
                    observed = max(observed, loose.instant(one.get(member)))
                known = columns.get(name)
                if known is None or not known.example:
                    columns[name] = _column(name, one)
        observed = max(observed, loose.instant(entity.get("modifiedAt")))
    return Live(
        platform=platform_id,
        types=(type_iri,),
        count=total,
        attributes=tuple(columns[name] for name in sorted(columns)),
        observed=min(observed, now),
        seen=now,
    )


def extent_of(entities: Iterable[Mapping[str, Any]]) -> BBox | None:
    """The box around the locations of normalized entities."""
    boxes = []
    for entity in entities:
        for value in entity.values():
            if isinstance(value, Mapping) and value.get("type") == "GeoProperty":
                box = loose.box_of(value.get("value"))
                if box is not None:
                    boxes.append(box)
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return (min(west), min(south), max(east), max(north))


def _column(name: str, attribute: Mapping[str, Any]) -> Column:
    value = attribute.get("value", attribute.get("object"))
    example = loose.line(value, _MOST_EXAMPLE) if isinstance(value, str | int | float) else ""
    if isinstance(value, bool):
        example = str(value).lower()
    kind, unit = loose.line(attribute.get("type"), 40), loose.line(attribute.get("unitCode"), 20)
    return Column(loose.line(name, 200), kind, unit, example)


def _origin(platform: Platform) -> str:
    """Endpoint and tenant tell a platform, and the area what of it is registered; the local store is only one."""
    if not platform.endpoint:
        return ""
    told = (platform.endpoint.rstrip("/"), platform.tenant or "", platform.area or "", sorted(platform.options.items()))
    return hashlib.blake2b(repr(told).encode(), digest_size=12).hexdigest()


def _extent(platform: Platform, live: Live) -> BBox | None:
    return loose.box_of(platform.coverage.geometry)


def _access(platform: Platform, type_iri: str, licence: Licence) -> Access:
    """Open data, as the registration says or its licence does; all else is by agreement."""
    said = platform.open_data
    if said is True or (not isinstance(said, bool) and type_iri in said):
        return Access.OPEN
    return Access.OPEN if access_of(licence) is Access.OPEN else Access.AGREEMENT


def _licence(platform: Platform) -> Licence:
    """As the registration tells it: a property `license` or `licence` of an NGSI-LD registration, or of its terms."""
    said = platform.coverage.registration or {}
    for name in ("license", "licence", "termsOfUse"):
        for key, value in said.items():
            if key.rpartition("/")[2].rpartition("#")[2] != name:
                continue
            found = value.get("value") if isinstance(value, Mapping) else value
            words = loose.line(found)
            return recognise(Licence(title="" if loose.url(words) else words, url=loose.url(words)))
    return Licence()


def _spaced(name: str) -> str:
    """`EvacuationShelter` → `Evacuation Shelter`."""
    return _SPLIT.sub(" ", name.rpartition("/")[2].rpartition("#")[2])
