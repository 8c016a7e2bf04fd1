"""What an operator may say of a platform (`POST` and `PATCH /platforms`, `kakehashi platform add`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import BadRequestData
from schemas.ngsi_ld.registration_members import distribution_of
from schemas.platform import Distribution, Mode

Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f\"<>\\^`{|},;]+$")]
Word = Annotated[str, Field(min_length=1, max_length=200)]


class CoverageInput(BaseModel):
    """What the platform can hold; empty means anything. Names are in the platform's `context`."""

    model_config = ConfigDict(extra="forbid")

    types: Annotated[list[Word], Field(max_length=1000, description="Entity types / エンティティ種別")] = []
    ids: Annotated[list[Word], Field(max_length=1000, description="Entity ids / エンティティID")] = []
    id_patterns: Annotated[list[Word], Field(max_length=100, description="Regular expressions (RE2) of ids")] = []
    attributes: Annotated[
        list[Word], Field(max_length=1000, description="If given, it holds only these attributes of its entities")
    ] = []
    geometry: Annotated[dict[str, Any] | None, Field(description="GeoJSON geometry of the area, WGS 84")] = None


class PlatformInput(BaseModel):
    """A platform to register."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[Id, Field(description="Short name or URI; unique / 識別子")]
    adapter: Annotated[Word, Field(description="Dialect: ngsi_ld, ngsi_v2, geojson, local / 方言")]
    endpoint: Annotated[str, Field(max_length=2000, description="Base address / エンドポイント")] = ""
    area: Annotated[Word | None, Field(description="Area it belongs to / エリア")] = None
    organisation: Annotated[Word | None, Field(description="Who answers for it / 組織")] = None
    name: Annotated[str, Field(max_length=200, description="For people / 表示名")] = ""
    registry_tenant: Annotated[str, Field(max_length=200, description="Tenant of this gateway")] = ""
    tenant: Annotated[Word | None, Field(description="NGSILD-Tenant or Fiware-Service at the platform")] = None
    service_path: Annotated[Word | None, Field(description="Fiware-ServicePath")] = None
    credential: Annotated[
        dict[str, Any] | None,
        Field(
            description=(
                'Kept encrypted, never shown: {"kind": "header", "name", "value"}, {"kind": "bearer", "token"}, '
                '{"kind": "basic", "username", "password"}, {"kind": "oauth2", "token_url", "client_id", '
                '"client_secret"}, {"kind": "keystone", "url", "username", "password", "domain"}, '
                '{"kind": "headers", "headers": {…}} or {"kind": "certificate", "certificate", "key"} '
                "/ 暗号化して保管し、表示しません"
            ),
            repr=False,
        ),
    ] = None
    context: Annotated[str | None, Field(max_length=2000, description="@context of a platform that knows none")] = None
    options: Annotated[dict[str, Any], Field(description="The adapter's own, see its manifest")] = {}
    coverage: CoverageInput = CoverageInput()
    open_data: Annotated[
        bool | Annotated[list[Word], Field(max_length=1000)],
        Field(
            description="Open data: all of it (true) or these types; what is not needs an agreement / オープンデータ",
        ),
    ] = False
    mode: Mode = Mode.INCLUSIVE
    timeout_ms: Annotated[int, Field(ge=1, le=60_000, description="Its share of a request's time")] = 3000
    max_concurrency: Annotated[int, Field(ge=1, le=1000, description="Questions to it at once, at most")] = 32
    operations: Annotated[
        list[Word],
        Field(max_length=100, description="Operations and groups (clause 4.20) that it offers; none: `federationOps`"),
    ] = []
    alias: Annotated[Word | None, Field(description="contextSourceAlias, by which loops are found")] = None
    local_only: Annotated[bool, Field(description="It is to answer from what it holds itself")] = False
    cooldown_ms: Annotated[
        int | None, Field(ge=1, le=86_400_000, description="How long it is left alone after failures")
    ] = None
    cache_ms: Annotated[
        int | None, Field(ge=0, le=86_400_000, description="How long its answers may be used again")
    ] = None
    expires_at: Annotated[str | None, Field(max_length=40, description="When the registration ends, UTC")] = None


def read_platform(document: object) -> PlatformInput:
    """The input, or BadRequestData that names the first member that is wrong."""
    if not isinstance(document, Mapping):
        raise BadRequestData("a platform is a JSON object", field="body")
    try:
        return PlatformInput.model_validate(dict(document))
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        given = first.get("input")
        # where a member is missing, pydantic's input is all of the object around it, with the credential in it
        shown = None if field.startswith("credential") or isinstance(given, Mapping | list) else given
        raise BadRequestData(str(first["msg"]), field=field or "body", value=shown) from None


def distribution(given: PlatformInput) -> Distribution:
    """How operations are distributed to the platform, by the rules of registrations. BadRequestData."""
    if given.mode is Mode.EXCLUSIVE and not (given.coverage.ids and given.coverage.attributes):
        raise BadRequestData(
            "an exclusive platform is registered for attributes of single entities: give coverage.ids and "
            "coverage.attributes",
            field="coverage",
            clause="4.3.6.3",
        )
    said = {
        "operations": given.operations or None,
        "contextSourceAlias": given.alias,
        "management": {"localOnly": given.local_only},
        "expiresAt": given.expires_at,
    }
    made = distribution_of({name: value for name, value in said.items() if value is not None}, given.mode, None)
    return replace(made, cooldown_ms=given.cooldown_ms, cache_ms=given.cache_ms)
