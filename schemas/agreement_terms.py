"""Terms of an agreement as JSON: read from outside, and in the one canonical form that is hashed and signed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.agreement import Operation, Quota, Terms
from schemas.errors import BadRequestData
from schemas.ngsi_ld.geometry import GeometryError, check

_NAME = re.compile(r"[^\x00-\x20\x7f\"<>\\^`{|}]+")
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Bound = Annotated[int | None, Field(ge=1, le=10**12)]


class QuotaInput(BaseModel):
    """Days and months of Tokyo's calendar."""

    model_config = ConfigDict(extra="forbid")

    requests_per_day: Bound = None
    requests_per_month: Bound = None
    entities_per_day: Bound = None
    entities_per_month: Bound = None


class TermsInput(BaseModel):
    """What is to be agreed. Types and attributes are IRIs or names of the core @context; none: all of them."""

    model_config = ConfigDict(extra="forbid")

    provider_area: Annotated[Word, Field(description="Area whose data it is / 提供エリア")]
    platforms: Annotated[list[Word], Field(max_length=1000, description="Ids; none: all of the area's")] = []
    types: Annotated[list[Name], Field(max_length=1000, description="Entity types / エンティティ種別")] = []
    attributes: Annotated[list[Name], Field(max_length=1000, description="Attributes / 属性")] = []
    geometry: Annotated[
        dict[str, Any] | None,
        Field(description="GeoJSON Polygon or MultiPolygon: only entities whose location lies within"),
    ] = None
    consumer_organisation: Annotated[Word, Field(description="Who takes it / 利用組織")]
    consumer_project: Annotated[Word | None, Field(description="For this project only")] = None
    services: Annotated[list[Word], Field(max_length=1000, description="Ids; none: all of the organisation's")] = []
    purpose: Annotated[str, Field(min_length=1, max_length=2000, description="What for / 利用目的")]
    operations: Annotated[list[Operation], Field(min_length=1, max_length=4)] = [Operation.READ]
    valid_from: datetime
    valid_to: Annotated[datetime, Field(description="Exclusive")]
    quota: QuotaInput = QuotaInput()
    onward_transfer: Annotated[bool, Field(description="May be passed on / 再提供の可否")] = False
    document_url: Annotated[str | None, Field(max_length=2000, pattern=r"^https?://[^\s\x00-\x1f]+$")] = None
    document_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None


def read_terms(document: object, expand: Callable[[str], str]) -> Terms:
    """Terms, or BadRequestData that names the first member that is wrong. `expand`: a name's IRI."""
    if not isinstance(document, Mapping):
        raise BadRequestData("terms are a JSON object", field="body")
    try:
        given = TermsInput.model_validate(dict(document))
    except ValidationError as e:
        first = e.errors()[0]
        shown = first.get("input")
        raise BadRequestData(
            str(first["msg"]),
            field=".".join(str(p) for p in first["loc"]) or "body",
            value=None if isinstance(shown, Mapping | list) else shown,
        ) from None
    begin, end = _utc(given.valid_from, "valid_from"), _utc(given.valid_to, "valid_to")
    if end <= begin:
        raise BadRequestData("it ends before it begins", field="valid_to", value=str(document["valid_to"]))
    return Terms(
        provider_area=given.provider_area,
        consumer_organisation=given.consumer_organisation,
        purpose=given.purpose,
        valid_from=begin,
        valid_to=end,
        platforms=frozenset(given.platforms),
        types=frozenset(_iri(n, "types", expand) for n in given.types),
        attributes=frozenset(_iri(n, "attributes", expand) for n in given.attributes),
        geometry=None if given.geometry is None else _area(given.geometry),
        consumer_project=given.consumer_project,
        services=frozenset(given.services),
        operations=frozenset(given.operations),
        quota=Quota(**given.quota.model_dump()),
        onward_transfer=given.onward_transfer,
        document_url=given.document_url,
        document_sha256=given.document_sha256,
    )


def to_document(terms: Terms) -> dict[str, Any]:
    """JSON of the terms, lists sorted; `read_terms` makes the same terms of it."""
    quota = {name: bound for name in Quota.__slots__ if (bound := getattr(terms.quota, name)) is not None}
    document: dict[str, Any] = {
        "provider_area": terms.provider_area,
        "platforms": sorted(terms.platforms),
        "types": sorted(terms.types),
        "attributes": sorted(terms.attributes),
        "consumer_organisation": terms.consumer_organisation,
        "services": sorted(terms.services),
        "purpose": terms.purpose,
        "operations": sorted(o.value for o in terms.operations),
        "valid_from": instant(terms.valid_from),
        "valid_to": instant(terms.valid_to),
        "quota": quota,
        "onward_transfer": terms.onward_transfer,
    }
    for name in ("geometry", "consumer_project", "document_url", "document_sha256"):
        value = getattr(terms, name)
        if value is not None:
            document[name] = value
    return document


def canonical(terms: Terms) -> bytes:
    """The bytes that are hashed and signed: canonical JSON (RFC 8785)."""
    try:
        return rfc8785.dumps(to_document(terms))
    except rfc8785.CanonicalizationError as e:
        raise BadRequestData(f"the terms have no canonical form: {e}", field="body") from None


def digest(terms: bytes) -> str:
    """SHA-256, hexadecimal."""
    return sha256(terms).hexdigest()


def instant(time: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(time: datetime, field: str) -> datetime:
    if time.tzinfo is None:
        raise BadRequestData("a time needs its offset, such as +09:00 or Z", field=field, value=str(time))
    try:
        utc = time.astimezone(UTC)
    except OverflowError:
        raise BadRequestData("no such time", field=field) from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _iri(name: str, field: str, expand: Callable[[str], str]) -> str:
    if not _NAME.fullmatch(name):
        raise BadRequestData("that is no name", field=field, value=name)
    return expand(name)


def _area(geometry: Mapping[str, Any]) -> dict[str, Any]:
    kind = geometry.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise BadRequestData("a Polygon or a MultiPolygon is expected", field="geometry.type", value=kind)
    try:
        check(kind, geometry.get("coordinates"))
    except GeometryError as e:
        raise BadRequestData(str(e), field="geometry.coordinates") from None
    return {"type": kind, "coordinates": geometry["coordinates"]}
