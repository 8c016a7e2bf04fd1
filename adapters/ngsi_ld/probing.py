"""Finding out what an NGSI-LD platform is and which filters it really applies.

A filter is verified by a question whose only true answer is "nothing", asked where there is something to give: a
platform that ignores the filter gives itself away. What is not verified is filtered here.

A gateway of our own kind is asked for what it holds itself (`local=true`): where gateways register each other, each
question of a probe would go on to all of them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from adapters.contract import SourceContext
from adapters.ngsi_ld.translate import types_in
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.errors import BadUpstream, SourceError, SourceNotFound
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.platform import ProbeResult

if TYPE_CHECKING:
    from adapters.ngsi_ld.adapter import NgsiLdAdapter

_NONSENSE = "https://kakehashi.invalid/probe/DoesNotExist"
_NOTHING = "kakehashiProbeDoesNotExist"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OURS = "Kakehashi"
_OUR_FILTERS = frozenset(
    {"type", "id", "idPattern", "q", "q-iri", "geo", "attrs", "limit", "pages", "count", "order", "temporal"}
)
"""What our own kind applies, to what its sources give it as well: where it holds nothing, nothing could be seen."""
_NOWHERE = "georel=near%3BmaxDistance%3D%3D1&geometry=Point&coordinates=[-123.393333,-48.876667]"


class _Talk:
    """The questions of one probe."""

    def __init__(self, adapter: NgsiLdAdapter, ctx: SourceContext) -> None:
        self.adapter = adapter
        self.ctx = ctx
        self.base = adapter.root + adapter.prefix
        self.alone = False

    async def ask(self, path: str) -> Answer:
        if self.alone:
            path += ("&" if "?" in path else "?") + "local=true"
        return await self.adapter.get(self.base + path, CORE, self.ctx)

    async def entities(self, query: str) -> list[dict[str, Any]] | None:
        """The entities for a query; None if the platform does not take it."""
        answer = await self.ask("/entities?" + query)
        if answer.status in (400, 404, 405, 422, 501):
            return None
        raise_for_status(answer)
        return _rows(answer)

    async def filters(self, query: str) -> bool:
        """True if the platform answers a question that nothing can match with nothing."""
        rows = await self.entities(query)
        return rows is not None and not rows


def _rows(answer: Answer) -> list[dict[str, Any]]:
    try:
        rows = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise BadUpstream("what comes back is not JSON, so this is no NGSI-LD broker", field="adapter") from None
    if not isinstance(rows, list) or not all(isinstance(r, dict) and "id" in r for r in rows):
        raise BadUpstream("what comes back is not a list of entities", field="adapter")
    return rows


async def probe(adapter: NgsiLdAdapter, ctx: SourceContext) -> ProbeResult:
    """Reachable, dialect, types, page limit, clock; or the reason why not, with the field at fault."""
    now = datetime.now(UTC)
    try:
        return await _probe(_Talk(adapter, ctx), now)
    except SourceError as e:
        problem, field = e.detail, e.field or "endpoint"
        hint = await _other_dialect(adapter, ctx) if field in ("adapter", "endpoint") else ""
        return ProbeResult(
            ok=False,
            problem=f"{adapter.platform.endpoint}: {problem}{hint}",
            field="adapter" if hint else field,
            probed_at=_iso(now),
        )


async def _probe(talk: _Talk, now: datetime) -> ProbeResult:
    adapter = talk.adapter
    findings: list[str] = []
    alias, software = await _identity(talk)
    talk.alone = software == _OURS
    first = await talk.ask("/types")
    sent_at = first.headers.get("date")
    if first.status == 404:
        raise SourceNotFound(f"there is no NGSI-LD API at {adapter.prefix or 'this path'} (404)", field="endpoint")
    raise_for_status(first)
    listed = types_in(first.body)
    covered = [p.type for p in adapter.platform.coverage.entities if p.type is not None]
    types = listed or tuple(covered)
    offset = _clock_offset(sent_at, now)
    verified: set[str] = set()
    limit: int | None = None
    sample = 0
    order = [t for t in types if t in covered] + [t for t in types if t not in covered]
    for type_ in order[:5]:
        rows, counted = await _sample(talk, type_)
        if rows:
            sample = len(rows)
            verified, limit = await _verify(talk, type_, rows, counted)
            break
    if talk.alone:
        verified |= {"temporal", "order"} if sample else _OUR_FILTERS
    elif await _temporal(talk):
        verified.add("temporal")
    server = first.headers.get("server", "")
    if server.startswith("kakehashi") and sample:
        verified.add("order")
    findings.insert(0, f"It answers as an NGSI-LD broker and holds {len(types)} entity type(s).")
    if verified >= {"type", "id", "q"} or sample:
        missing = sorted({"type", "id", "q", "geo", "attrs", "limit"} - verified)
        findings.append(
            "It applies every filter that we rely on."
            if not missing
            else f"It was not seen to apply {', '.join(missing)}: these are applied by the gateway."
        )
    else:
        findings.append("It holds no entities now, so nothing could be verified; filters are applied by the gateway.")
    if "temporal" in verified:
        findings.append("It has temporal evolutions.")
    if limit is not None:
        findings.append(f"It gives at most {limit} entities a page.")
    if offset is not None and abs(offset) > 5:
        findings.append(f"Its clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} ours.")
    return ProbeResult(
        ok=True,
        dialect=f"NGSI-LD ({server})" if server else "NGSI-LD",
        types=types,
        page_limit=limit,
        clock_offset=offset,
        verified=frozenset(verified),
        sample=sample,
        findings=tuple(findings),
        probed_at=_iso(now),
        alias=alias,
    )


async def _identity(talk: _Talk) -> tuple[str, str]:
    """How it calls itself in Via, and what it is (clauses 5.15.1, 5.2.40); empty where it does not say."""
    try:
        answer = await talk.ask("/info/sourceIdentity")
        told = orjson.loads(answer.body) if answer.status == 200 else None
    except (SourceError, orjson.JSONDecodeError):
        return "", ""
    if not isinstance(told, dict):
        return "", ""
    alias, extras = told.get("contextSourceAlias"), told.get("contextSourceExtras")
    software = extras.get("software") if isinstance(extras, dict) else None
    named = isinstance(alias, str) and len(alias) <= 200 and alias.isprintable()
    return (str(alias), str(software)) if named else ("", "")


async def _sample(talk: _Talk, type_: str) -> tuple[list[dict[str, Any]], int | None]:
    answer = await talk.ask(f"/entities?type={quote(type_, safe=':')}&limit=2&count=true")
    if answer.status != 200:
        return [], None
    total = answer.headers.get("ngsild-results-count", "")
    return _rows(answer), int(total) if total.isdigit() else None


async def _verify(
    talk: _Talk, type_: str, rows: list[dict[str, Any]], counted: int | None
) -> tuple[set[str], int | None]:
    """The filters that it applies, and its page limit if that is below what we would ask for."""
    base = "type=" + quote(type_, safe=":")
    nonsense = quote(_NONSENSE, safe=":")
    verified: set[str] = set()
    if counted is not None and counted >= len(rows):
        verified.add("count")
    if await talk.filters(f"type={nonsense}&limit=2"):
        verified.add("type")
    if await talk.filters(f"{base}&id=urn:ngsi-ld:Probe:doesNotExist&limit=2"):
        known = await talk.entities(f"{base}&id={quote(rows[0]['id'], safe=':')}&limit=2")
        if known is not None and [r["id"] for r in known] == [rows[0]["id"]]:
            verified.add("id")
    if await talk.filters(f"{base}&idPattern={quote('^urn:doesNotExist$')}&limit=2"):
        found = await talk.entities(f"{base}&idPattern={quote(_pattern(rows[0]['id']), safe='')}&limit=2")
        if found is not None and [r["id"] for r in found] == [rows[0]["id"]]:
            verified.add("idPattern")
    # with local=true a question needs nothing that selects, which does not hold without
    if not talk.alone and await talk.entities("idPattern=.%2A&limit=1"):
        verified.add("untyped")
    verified |= await _verify_q(talk, base, rows[0])
    if await talk.filters(f"{base}&{_NOWHERE}&limit=2") and await _finds_by_geo(talk, base, rows):
        verified.add("geo")
    if await talk.filters(f"{base}&attrs={nonsense}&limit=2") and await _projects(talk, base, rows[0]):
        verified.add("attrs")
    if len(rows) <= 2 and (counted is None or counted > 2 or counted == len(rows)):
        second = await talk.entities(f"{base}&limit=1&offset=1")
        if second is not None and [r["id"] for r in second] == [r["id"] for r in rows[1:2]]:
            verified.add("limit")
    if await talk.entities(f"{base}&limit=1001") is None:
        # what is too large for it is refused, so a page that it gives is never cut without a word
        verified.add("pages")
    return verified, await _page_limit(talk, base, counted)


async def _verify_q(talk: _Talk, base: str, row: dict[str, Any]) -> set[str]:
    """ "q" if the name of an attribute finds something and another name nothing; "q-iri" if that holds for names as
    IRIs, percent-encoded within the query."""
    names = _attributes(row)
    plain = next((n for n in names if _PLAIN.fullmatch(n)), None)
    asked = [("q", plain, _NOTHING)] if plain else []
    if names:
        asked.append(("q-iri", quote(CORE.expand(names[0]), safe=""), quote(_NONSENSE, safe="")))
    verified = set()
    for what, known, unknown in asked:
        if await talk.filters(f"{base}&q={quote(unknown, safe='')}&limit=2"):
            found = await talk.entities(f"{base}&q={quote(known, safe='')}&limit=2")
            if found:
                verified.add(what)
    return verified


async def _projects(talk: _Talk, base: str, row: dict[str, Any]) -> bool:
    """attrs with one name gives nothing else of an entity."""
    names = _attributes(row)
    if not names:
        return False
    found = await talk.entities(f"{base}&attrs={quote(names[0], safe=':')}&limit=2")
    return bool(found) and all(_attributes(one) == [names[0]] for one in found or ())


async def _temporal(talk: _Talk) -> bool:
    """It takes a question about the past (clause 5.7.4); what has no temporal API has nothing at that path."""
    query = f"type={quote(_NONSENSE, safe=':')}&timerel=before&timeAt=2000-01-01T00:00:00Z&limit=1"
    answer = await talk.ask(f"/temporal/entities?{query}")
    try:
        return answer.status in (200, 206) and isinstance(orjson.loads(answer.body), list)
    except orjson.JSONDecodeError:
        return False


def _attributes(row: dict[str, Any]) -> list[str]:
    return [n for n in row if n not in ENTITY_MEMBERS]


def _pattern(entity_id: str) -> str:
    """A pattern that takes this id only, in any dialect of regular expressions."""
    return "^" + "".join(c if c.isalnum() or c in ":_-" else "." for c in entity_id) + "$"


async def _finds_by_geo(talk: _Talk, base: str, rows: list[dict[str, Any]]) -> bool:
    """The place of a sampled entity finds it."""
    for row in rows:
        value = row.get("location")
        shape = value.get("value") if isinstance(value, dict) else None
        if isinstance(shape, dict) and shape.get("type") == "Point":
            here = orjson.dumps(shape.get("coordinates")).decode()
            near = f"georel=near%3BmaxDistance%3D%3D50&geometry=Point&coordinates={quote(here, safe='[],')}"
            return bool(await talk.entities(f"{base}&{near}&limit=2"))
    return False


async def _page_limit(talk: _Talk, base: str, counted: int | None) -> int | None:
    """None if a page of 1000 is taken; else the largest that is, by its refusal or by what it gave."""
    for limit in (1000, 500, 200, 100, 50, 20, 10, 5, 1):
        rows = await talk.entities(f"{base}&limit={limit}")
        if rows is None:
            continue
        if counted is not None and len(rows) < min(counted, limit):
            return max(len(rows), 1)
        return None if limit == 1000 else limit
    return None


async def _other_dialect(adapter: NgsiLdAdapter, ctx: SourceContext) -> str:
    """A hint if the address speaks NGSIv2."""
    try:
        answer = await adapter.get(adapter.root + "/v2", CORE, ctx)
    except SourceError:
        return ""
    if answer.status == 200 and b"entities_url" in answer.body:
        return "; it speaks NGSIv2: register it with the adapter ngsi_v2"
    return ""


def _clock_offset(date: str | None, now: datetime) -> float | None:
    if date is None:
        return None
    try:
        return round((parsedate_to_datetime(date) - now).total_seconds(), 1)
    except (TypeError, ValueError):
        return None


def _iso(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
