"""Finding out what an NGSIv2 platform is: reachable, in this dialect, with what in it. Which filters it applies is
`verifying`'s question. Every fault becomes a sentence for the platform's owner and the field to look at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import orjson

from adapters.contract import SourceContext
from adapters.ngsi_v2.asking import Scope
from adapters.ngsi_v2.names import encode_name, urn_of
from adapters.ngsi_v2.values import DATE_TYPES
from adapters.ngsi_v2.verifying import Talk, Verified, verify
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.errors import BadUpstream, SourceAuth, SourceError, SourceUnsupported
from schemas.platform import ProbeResult

if TYPE_CHECKING:
    from adapters.ngsi_v2.adapter import NgsiV2Adapter

_CLOCK_TOLERANCE = 5.0
"""Seconds that are not worth a sentence: the Date header has whole seconds."""


@dataclass(slots=True)
class _Found:
    """What was learnt of the platform so far."""

    counts: dict[str | None, int | None] = field(default_factory=dict)
    """Entities per service path, where the platform says so."""
    types: dict[str, str | None] = field(default_factory=dict)
    """The platform's type names and the service path where each was met first."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    offset: float | None = None


class _Problem(Exception):
    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


async def probe(adapter: NgsiV2Adapter, ctx: SourceContext) -> ProbeResult:
    """A result in any case; `ok=False` has `problem` and `field`."""
    try:
        found = await _explore(adapter, ctx)
        first = await _richest(adapter, found, ctx)
        seen = Verified() if first is None else await verify(first)
        return await _result(adapter, found, seen, ctx)
    except _Problem as e:
        return _failed(e.field, e.words)
    except SourceAuth:
        words = "The platform refuses our credential (401 or 403): check the API key or token and its header's name."
        return _failed("credential", words)
    except SourceError as e:
        return _failed(e.field or "endpoint", f"The platform can't be read: {e.detail}.")


def _failed(field: str, words: str) -> ProbeResult:
    return ProbeResult(ok=False, problem=words, field=field, probed_at=_now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _explore(adapter: NgsiV2Adapter, ctx: SourceContext) -> _Found:
    found = _Found()
    for scope in adapter.scopes:
        answer = await adapter.get("/entities?limit=5&options=count", scope.path, ctx)
        rows = await _first_rows(adapter, answer, scope, ctx)
        found.samples += rows
        total = answer.headers.get("fiware-total-count", "")
        found.counts[scope.path] = int(total) if total.isascii() and total.isdigit() else None
        found.offset = _clock_offset(answer) if found.offset is None else found.offset
        for name in await adapter.type_names(scope, ctx):
            found.types.setdefault(name, scope.path)
    return found


async def _first_rows(adapter: NgsiV2Adapter, answer: Answer, scope: Scope, ctx: SourceContext) -> list[dict[str, Any]]:
    """The rows of the first answer, or why there are none."""
    if answer.status == 404 or (answer.status == 200 and not _is_list(answer)):
        raise await _wrong_address(adapter, answer, ctx)
    if answer.status == 400:
        words = _description(answer)
        at_fault = "service_path" if "path" in words.lower() else "tenant"
        raise _Problem(
            at_fault if scope.path or adapter.platform.tenant else "endpoint",
            f"The platform refuses the first question{': ' + words if words else ''}. "
            "Check Fiware-Service and Fiware-ServicePath.",
        )
    try:
        raise_for_status(answer)
    except SourceUnsupported as e:
        raise _Problem("endpoint", f"The platform refuses the first question: {e.detail}.") from None
    except BadUpstream as e:
        raise _Problem("endpoint", f"This is no NGSIv2 API: {e.detail}.") from None
    rows: list[dict[str, Any]] = [row for row in orjson.loads(answer.body) if isinstance(row, dict)]
    if any(_is_ngsi_ld(row) for row in rows):
        raise _Problem("adapter", "What comes is NGSI-LD: register this platform with the adapter ngsi_ld.")
    try:
        translator = adapter.translator()
        for row in rows:
            translator.entity(dict(row))
    except BadUpstream as e:
        raise _Problem("endpoint", f"What comes can't be read: {e.detail}.") from None
    return rows


def _is_list(answer: Answer) -> bool:
    try:
        return isinstance(orjson.loads(answer.body), list)
    except orjson.JSONDecodeError:
        return False


def _is_ngsi_ld(row: dict[str, Any]) -> bool:
    if "@context" in row:
        return True
    attributes = [a for name, a in row.items() if name not in ("id", "type") and isinstance(a, dict)]
    return bool(attributes) and all(
        a.get("type") in ("Property", "GeoProperty", "Relationship") and "metadata" not in a for a in attributes
    )


async def _wrong_address(adapter: NgsiV2Adapter, answer: Answer, ctx: SourceContext) -> _Problem:
    """Something answers, but it is not NGSIv2: what it may be instead."""
    try:
        other = await adapter.get(adapter.root + "/ngsi-ld/v1/types", None, ctx)
        if other.status == 200 and b"EntityTypeList" in other.body:
            return _Problem(
                "adapter", "There is an NGSI-LD broker at this address: register it with the adapter ngsi_ld."
            )
        plain = await adapter.get(adapter.root + "/v2", None, ctx)
        if plain.status == 200 and b"entities_url" in plain.body:
            return _Problem("options.prefix", "The API of this platform is at /v2: leave options.prefix out.")
    except SourceError:
        pass
    where = adapter.base + "/entities"
    if answer.status == 404:
        return _Problem(
            "options.prefix",
            f"There is nothing at {where} (404). Is the endpoint right, and is the path of the API /v2? "
            "If not, set options.prefix (/orion/v2.0 for instance).",
        )
    kind = answer.headers.get("content-type", "")
    what = "a web page" if "html" in kind else "something that is not a list of entities"
    return _Problem(
        "endpoint",
        f"At {where} is {what}, no NGSIv2 API. Give the address of the API, not of a portal or a login page.",
    )


def _description(answer: Answer) -> str:
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    words = document.get("description") if isinstance(document, dict) else None
    return words[:200] if isinstance(words, str) else ""


async def _richest(adapter: NgsiV2Adapter, found: _Found, ctx: SourceContext) -> Talk | None:
    """Where verification has most to go by: the service path with the most entities that was sampled."""
    if not found.samples:
        return None
    best = max(found.counts, key=lambda path: found.counts[path] or 0)

    async def get(query: str) -> Answer:
        return await adapter.get(f"/entities?{query}", best, ctx)

    return Talk(get, adapter.capabilities.page_limit)


async def _result(adapter: NgsiV2Adapter, found: _Found, seen: Verified, ctx: SourceContext) -> ProbeResult:
    dialect = await _dialect(adapter, ctx)
    total = sum(c for c in found.counts.values() if c is not None) if None not in found.counts.values() else None
    findings = [f"It is reachable and speaks {dialect}."]
    if found.types:
        shown = ", ".join(list(found.types)[:10]) + (" …" if len(found.types) > 10 else "")
        of = f" in {total} entities" if total is not None else ""
        findings.append(f"It has {len(found.types)} entity type{'s' * (len(found.types) != 1)}{of}: {shown}.")
    findings += _about_emptiness(adapter, found)
    findings += _about_names(adapter, found)
    findings += seen.findings
    if found.offset is not None and abs(found.offset) > _CLOCK_TOLERANCE:
        way = "ahead of" if found.offset > 0 else "behind"
        findings.append(f"Its clock is {abs(found.offset):.0f} s {way} ours.")
    return ProbeResult(
        ok=True,
        dialect=dialect,
        types=tuple(sorted(adapter.names.iri_of(name) for name in found.types)),
        page_limit=seen.page_limit,
        clock_offset=found.offset,
        verified=frozenset(seen.filters),
        sample=len(found.samples),
        findings=tuple(findings),
        probed_at=_now(),
    )


async def _dialect(adapter: NgsiV2Adapter, ctx: SourceContext) -> str:
    try:
        answer = await adapter.get(adapter.root + "/version", None, ctx)
        version = orjson.loads(answer.body)["orion"]["version"] if answer.status == 200 else None
    except (SourceError, ValueError, KeyError, TypeError):
        version = None
    return f"Orion {version[:40]} (NGSIv2)" if isinstance(version, str) else "NGSIv2"


def _about_emptiness(adapter: NgsiV2Adapter, found: _Found) -> list[str]:
    tenant = adapter.platform.tenant or "(none)"
    return [
        f"There is no entity under Fiware-Service {tenant}, Fiware-ServicePath {path or '(none)'}: check both; a name "
        "that does not exist looks like an empty platform."
        for path, count in found.counts.items()
        if count == 0 or (count is None and not found.samples)
    ]


def _about_names(adapter: NgsiV2Adapter, found: _Found) -> list[str]:
    said: list[str] = []
    odd = sorted(name for name in found.types if encode_name(name) != name and name not in adapter.renamed)
    if odd:
        said.append(
            f"The type {odd[0]} is no NGSI-LD name and appears as {encode_name(odd[0])}; "
            "options.names can give it another."
        )
    mapped = next((r for r in found.samples if urn_of(r["id"], r.get("type", "Thing")) != r["id"]), None)
    if mapped is not None:
        urn = urn_of(mapped["id"], mapped.get("type", "Thing"))
        said.append(f"Ids that are no URIs are mapped, reversibly: {mapped['id']} appears as {urn}.")
    if adapter.platform.context is None and found.types:
        said.append("No @context is given for it, so its names are those of the NGSI-LD default vocabulary.")
    dated = _always_dated(found.samples) - frozenset(adapter.platform.options.get("datetime_attributes", ()))
    if dated:
        said.append(
            f"In the sample {', '.join(sorted(dated)[:5])} always had type DateTime: if that holds for every entity, "
            "options.datetime_attributes lets time filters be left to the platform."
        )
    return said


def _always_dated(rows: list[dict[str, Any]]) -> set[str]:
    kinds: dict[str, set[object]] = {}
    for row in rows:
        for name, attribute in row.items():
            if name not in ("id", "type") and isinstance(attribute, dict):
                kinds.setdefault(name, set()).add(str(attribute.get("type")))
    return {name for name, seen in kinds.items() if seen <= DATE_TYPES}


def _clock_offset(answer: Answer) -> float | None:
    try:
        told = parsedate_to_datetime(answer.headers["date"])
        return round((told - datetime.now(UTC)).total_seconds(), 1)
    except (KeyError, TypeError, ValueError):
        return None
