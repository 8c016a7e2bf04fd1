"""Flows as JSON, as newline-delimited JSON and as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson

from schemas.errors import InvalidRequest, NotAcceptable
from schemas.flow import Flow


class FlowFormat(StrEnum):
    """The value is what `?format=` takes."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


MEDIA = {
    FlowFormat.JSON: "application/json",
    FlowFormat.NDJSON: "application/x-ndjson",
    FlowFormat.CSV: "text/csv",
}
_CSV_COLUMNS = (
    "id", "request", "time", "operation", "consumer_service", "consumer_organisation", "consumer_project",
    "consumer_area", "platform", "provider_organisation", "provider_area", "types", "entities", "bytes", "outcome",
    "latency_ms", "cross_area", "batch", "cache_hit", "agreement", "agreement_version", "replay_of", "idempotency_key",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def choose_format(asked: str | None, accept: str) -> FlowFormat:
    """`asked` (the parameter) before `accept` (the header). Raises InvalidRequest and NotAcceptable."""
    if asked is not None:
        try:
            return FlowFormat(asked)
        except ValueError:
            raise InvalidRequest(f"format is one of {', '.join(FlowFormat)}.", field="format", value=asked) from None
    if not accept.strip():
        return FlowFormat.JSON
    ranges = [_range(part) for part in accept.split(",")[:50]]
    wanted = {format_: _quality(media, ranges) for format_, media in MEDIA.items()}
    best = max(wanted, key=lambda format_: wanted[format_])
    if wanted[best] <= 0:
        raise NotAcceptable(accept, tuple(MEDIA.values()))
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (text.strip().lower() for text in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The most specific range decides; application/ndjson and jsonl are other names that are in use."""
    names = {media, "application/ndjson", "application/jsonl"} if media == MEDIA[FlowFormat.NDJSON] else {media}
    for patterns in (names, {media.partition("/")[0] + "/*"}, {"*/*"}):
        for name, quality in ranges:
            if name in patterns:
                return quality
    return 0.0


def to_object(flow: Flow) -> dict[str, Any]:
    """What one flow looks like in JSON. `time` is RFC 3339 in UTC; ids are strings."""
    consumer, provider = flow.consumer, flow.provider
    return {
        "id": str(flow.id),
        "request": str(flow.request),
        "time": flow.time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "operation": flow.operation,
        "consumer": {
            "service": consumer.service,
            "organisation": consumer.organisation,
            "project": consumer.project,
            "area": consumer.area,
        },
        "provider": {
            "platform": provider.platform,
            "organisation": provider.organisation,
            "area": provider.area,
        },
        "platform": provider.platform,
        "types": list(flow.types),
        "entities": flow.entities,
        "bytes": flow.bytes,
        "outcome": str(flow.outcome),
        "latency_ms": round(flow.latency_ms, 3),
        "cross_area": flow.cross_area,
        "batch": consumer.batch,
        "cache_hit": flow.cache_hit,
        "agreement": flow.agreement,
        "agreement_version": flow.agreement_version,
        "replay_of": None if flow.replay_of is None else str(flow.replay_of),
        "idempotency_key": flow.idempotency_key,
    }


def dump(flows: Sequence[Flow], format_: FlowFormat) -> bytes:
    """The body in UTF-8."""
    if format_ is FlowFormat.JSON:
        return orjson.dumps([to_object(flow) for flow in flows])
    if format_ is FlowFormat.NDJSON:
        return b"".join(orjson.dumps(to_object(flow)) + b"\n" for flow in flows)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_CSV_COLUMNS)
    for flow in flows:
        writer.writerow(_csv_row(to_object(flow)))
    return text.getvalue().encode()


def _csv_row(shown: dict[str, Any]) -> list[Any]:
    """Nested objects become `consumer_…` and `provider_…`; types are joined by spaces, which no IRI has."""
    flat = dict(shown)
    for party in ("consumer", "provider"):
        flat |= {f"{party}_{name}": value for name, value in shown[party].items()}
    flat["types"] = " ".join(shown["types"])
    return [_cell(flat[name]) for name in _CSV_COLUMNS]


def _cell(value: Any) -> Any:
    """Spreadsheets run what looks like a formula; a quote in front makes it text. Nothing is an empty cell."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return "'" + value
    return value
