"""Datasets as CKAN packages with CADDE's fields, as CKAN's harvesters and CADDE's connectors read them."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import Any

from catalog.faces.plain import absolute, address, file_address
from catalog.hit import AgreementState, Hit
from schemas.dataset import Access, Dataset, Distribution

_NAME = re.compile(r"[a-z0-9_-]{2,100}")
_TIMED = re.compile(r"\d{4}-\d{2}-\d{2}$")


def slug(text: str) -> str:
    """A name as CKAN takes it: small letters, digits, - and _; what has none becomes a digest."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:90]
    if _NAME.fullmatch(plain) and plain == text.lower():
        return plain
    return f"{plain + '-' if len(plain) > 2 else ''}{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def package(hit: Hit, base: str, state: AgreementState) -> dict[str, Any]:
    """As package_show gives it."""
    dataset = hit.dataset
    id_ = dataset.id
    organisation = _organisation(dataset)
    extras = dict(dataset.extras)
    extras |= {
        key: value
        for key, value in (
            (
                "caddec_provider_id",
                extras.get("caddec_provider_id") or (slug(dataset.publisher.name) if dataset.publisher.name else ""),
            ),
            ("caddec_dataset_id_for_detail", extras.get("caddec_dataset_id_for_detail") or dataset.id),
            ("catalog_source", dataset.source),
            ("origins", " ".join(dict.fromkeys(o.source for o in hit.origins))),
            ("agreement", state.value),
            ("spatial", _geometry(dataset)),
            ("spatial_text", dataset.spatial),
            ("temporal_start", dataset.start),
            ("temporal_end", dataset.end),
            ("frequency", dataset.frequency),
            ("areas", " ".join(dataset.areas)),
            ("title_en", dataset.translations.get("en", "")),
        )
        if value
    }
    tags = [_tag(word) for word in dict.fromkeys(tag_name(word) for word in dataset.keywords) if word]
    themes = [
        {"id": slug(t), "name": slug(t), "title": t, "display_name": t, "description": ""} for t in dataset.themes
    ]
    resources = [_resource(dataset, d, n, id_, base, state) for n, d in enumerate(dataset.distributions)]
    return {
        "id": id_,
        "name": dataset.id,
        "title": dataset.title,
        "notes": dataset.description,
        "url": dataset.landing_page or address(dataset, base),
        "type": "dataset",
        "state": "active",
        "private": False,
        "isopen": dataset.access is Access.OPEN,
        "license_id": dataset.licence.id or "notspecified",
        "license_title": dataset.licence.title or "License not specified",
        "license_url": dataset.licence.url,
        "author": dataset.creator.name or dataset.publisher.name,
        "author_email": dataset.creator.email or dataset.publisher.email,
        "maintainer": dataset.contact.name,
        "maintainer_email": dataset.contact.email,
        "metadata_created": _local(dataset.issued or hit.changed),
        "metadata_modified": _local(dataset.modified or hit.changed),
        "version": dataset.version,
        "owner_org": organisation["id"] if organisation else None,
        "organization": organisation,
        "groups": themes,
        "tags": tags,
        "num_tags": len(tags),
        "extras": [{"key": key, "value": value} for key, value in sorted(extras.items())],
        "resources": resources,
        "num_resources": len(resources),
        "relationships_as_object": [],
        "relationships_as_subject": [],
    }


def tag_name(word: str) -> str:
    """A tag as CKAN takes it: letters, digits, spaces, -_. and at least two of them."""
    plain = "".join(c if c.isalnum() or c in " -_." else " " for c in word).strip()[:100]
    return plain if len(plain) > 1 else ""


def _tag(word: str) -> dict[str, Any]:
    return {"id": slug(word), "name": word, "display_name": word, "state": "active", "vocabulary_id": None}


def _organisation(dataset: Dataset) -> dict[str, Any] | None:
    if not dataset.publisher.name:
        return None
    return organisation(dataset.publisher.name)


def organisation(name: str, count: int | None = None) -> dict[str, Any]:
    """A publisher as an organisation of CKAN."""
    made: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"kakehashi:organisation:{name}")),
        "name": slug(name),
        "title": name,
        "display_name": name,
        "type": "organization",
        "description": "",
        "state": "active",
        "is_organization": True,
        "approval_status": "approved",
    }
    return made if count is None else made | {"package_count": count}


def group(theme: str, count: int) -> dict[str, Any]:
    """A theme as a group of CKAN."""
    name = slug(theme)
    return {
        "id": name,
        "name": name,
        "title": theme,
        "display_name": theme,
        "type": "group",
        "description": "",
        "state": "active",
        "is_organization": False,
        "package_count": count,
    }


def _resource(
    dataset: Dataset, one: Distribution, place: int, package: str, base: str, state: AgreementState
) -> dict[str, Any]:
    live = dataset.live is not None
    extras = dict(one.extras)
    if one.service == "ngsi-ld" and live:
        extras = {"caddec_resource_type": "api/ngsi", "ngsi_entity_type": " ".join(dataset.types), **extras}
    else:
        extras = {"caddec_resource_type": "file/http", **extras}
    needed = state is AgreementState.NEEDED
    extras.setdefault("caddec_contract_required", "required" if needed else "notRequired")
    return {
        "id": f"{dataset.id}-{place}",
        "package_id": package,
        "name": one.title or one.format or dataset.title,
        "description": one.description,
        "format": one.format,
        "mimetype": one.media_type or None,
        "url": file_address(dataset, place, base) if one.download_url else absolute(one.access_url, base),
        "original_url": absolute(one.url, base),
        "url_type": None,
        "size": one.bytes,
        "last_modified": _local(one.modified) or None,
        "created": _local(dataset.issued) or None,
        "state": "active",
        "position": place,
        "datastore_active": False,
        **extras,
    }


def _geometry(dataset: Dataset) -> str:
    if dataset.bbox is None:
        return ""
    w, s, e, n = dataset.bbox
    return f'{{"type":"Polygon","coordinates":[[[{w},{s}],[{e},{s}],[{e},{n}],[{w},{n}],[{w},{s}]]]}}'


def _local(time: str) -> str:
    """CKAN's times have no zone, and are UTC."""
    return f"{time}T00:00:00" if _TIMED.match(time) else time.removesuffix("Z")
