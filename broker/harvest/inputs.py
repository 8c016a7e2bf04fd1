"""What an operator may say of a catalogue source (`POST /catalog/sources`, `kakehashi catalog add`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.catalogue import CatalogueMode, CatalogueSource, HarvestStatus
from schemas.dataset import LIVE
from schemas.errors import BadRequestData

_Id = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Word = Annotated[str, Field(min_length=1, max_length=200)]
_SOONEST, _LATEST = 60, 31 * 86_400


class SourceInput(BaseModel):
    """A catalogue to harvest."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[_Id, Field(description="Short name; unique / 識別子")]
    kind: Annotated[_Word, Field(description="ckan, dcat, cadde, data_json, csv_list / 種類")]
    endpoint: Annotated[str, Field(min_length=1, max_length=2000, description="Base address / エンドポイント")]
    title: Annotated[str, Field(max_length=200, description="For people / 表示名")] = ""
    area: Annotated[_Word | None, Field(description="Area whose data all of it is / エリア")] = None
    organisation: Annotated[_Word | None, Field(description="Who answers for it / 組織")] = None
    mode: Annotated[
        CatalogueMode, Field(description="copy: harvested; ask: asked at the time of a search, never copied / 方式")
    ] = CatalogueMode.COPY
    options: Annotated[dict[str, Any], Field(description="The kind's own / 種類ごとの設定")] = {}
    interval_s: Annotated[
        int, Field(ge=_SOONEST, le=_LATEST, description="Seconds between harvests / 収集の間隔（秒）")
    ] = 86_400
    credential: Annotated[
        dict[str, Any] | None, Field(description="As of platforms; kept encrypted, never shown / 認証情報", repr=False)
    ] = None


def read_source(document: object) -> tuple[CatalogueSource, dict[str, Any] | None]:
    """The source and its credential; BadRequestData names the first member that is wrong."""
    if not isinstance(document, Mapping):
        raise BadRequestData("a catalogue source is a JSON object", field="body")
    try:
        given = SourceInput.model_validate(dict(document))
    except ValidationError as e:
        first = e.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        value = first.get("input")
        shown = None if field.startswith("credential") or isinstance(value, Mapping | list) else value
        raise BadRequestData(str(first["msg"]), field=field or "body", value=shown) from None
    if given.id.startswith(LIVE):
        raise BadRequestData("ids that begin with live are for platforms", field="id", value=given.id)
    if not given.endpoint.startswith(("http://", "https://")):
        raise BadRequestData("an address begins with http:// or https://", field="endpoint", value=given.endpoint)
    source = CatalogueSource(
        id=given.id,
        kind=given.kind,
        endpoint=given.endpoint,
        title=given.title,
        area=given.area,
        organisation=given.organisation,
        mode=given.mode,
        options=given.options,
        interval_s=given.interval_s,
    )
    return source, given.credential


def describe_source(source: CatalogueSource, status: HarvestStatus) -> dict[str, Any]:
    """A source as the API and the command line show it: without its credential."""
    told = asdict(status)
    told.pop("source")
    told["state"] = status.state.value
    return {
        "id": source.id,
        "kind": source.kind,
        "endpoint": source.endpoint,
        "title": source.title,
        "area": source.area,
        "organisation": source.organisation,
        "mode": source.mode.value,
        "options": source.options,
        "interval_s": source.interval_s,
        "has_credential": source.has_credential,
        "harvest": told,
    }
