"""A query in NGSI-LD's own HTTP terms (clauses 6.4.3.2, 6.5.3.1), and what an answer's Link header means. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

import msgspec
import orjson

from schemas.capability import Capabilities, Pushdown, Residual
from schemas.errors import BadUpstream, InvalidRequest
from schemas.ngsi_ld.context import CORE, Context, core_of, differing_terms
from schemas.ngsi_ld.link import parse_link_context
from schemas.ngsi_ld.query import EntityQuery

_SELECTING = ("type=", "attrs=", "q=", "georel=")
"""One of them must be there (clause 5.7.2.4); ids and patterns of ids alone are not enough everywhere."""
_ALWAYS = frozenset({"id", "type"})
_NEVER_FILTERED = _ALWAYS | {"scope"}


class Ask(msgspec.Struct, frozen=True):
    """One question to the platform. `path` holds everything but paging; `asked_in` is the context it is put in."""

    path: str
    working: Context
    asked_in: Context
    retrieve: bool
    offset: int
    limit: int
    counted: bool
    query: EntityQuery
    pushed: frozenset[str]
    by_us: bool
    """The types are those that the platform is known to have, since the query itself names none."""


def pushable(query: EntityQuery, claims: Capabilities, verified: frozenset[str], *, iris: bool) -> frozenset[str]:
    """Which of "q", "geo", "idPattern", "attrs" and "scope" may be left to the platform: what it claims and was seen to
    do.

    `iris`: its names may have to be put as IRIs, for which the grammar of q (clause 4.9) has no form that all brokers
    read ("q-iri" was verified where ours is). A filter that is not believed is not sent, either: a platform that can't
    read it would refuse the whole question.
    """
    found = verified & {"idPattern", "attrs", "scope"}
    q, geo = query.q, query.geo
    if q is not None and "q" in verified and q.operators <= claims.q_operators and (not iris or "q-iri" in verified):
        found |= {"q"}
    if geo is not None and "geo" in verified and geo.georel in claims.geo_relations:
        found |= {"geo"}
    return found


def to_ask(
    query: EntityQuery,
    *,
    asked_in: Context,
    prefix: str,
    pushed: frozenset[str],
    any_of: str,
    partial: bool = False,
    local: bool = False,
) -> Ask:
    """`asked_in`: the context in which names are put; in the core context they are IRIs. `pushed`: see `pushable`.
    `partial`: it is registered for some attributes only, which are named whether it heeds that or not. `local`: it is
    to go no further.

    `any_of`: a parameter that takes everything, for when there is none that selects (clause 5.7.2.4 wants one).
    """
    name = _naming(query.context, asked_in)
    params: list[str] = []
    if query.retrieve:
        path = f"{prefix}/entities/{quoted(query.ids[0], ':')}"
    else:
        path = f"{prefix}/entities"
        if query.types is not None:
            params.append("type=" + quoted(",".join(_type_names(query, name)), ",:"))
        if query.ids:
            params.append("id=" + quote(",".join(query.ids), safe=",:"))
        if query.id_pattern is not None and "idPattern" in pushed:
            params.append("idPattern=" + quote(query.id_pattern, safe=""))
        if query.q is not None and "q" in pushed:
            params.append("q=" + quote(query.q.text if name is _same else query.q.rename(name).text, safe=""))
        if query.geo is not None and "geo" in pushed:
            geo = query.geo if name is _same else query.geo.rename(name)
            params.append(
                f"georel={quote(geo.georel_text, safe='')}&geometry={geo.geometry}"
                f"&coordinates={quote(geo.coordinates_text, safe=',')}"
            )
            if geo.geoproperty != "location":
                params.append("geoproperty=" + quote(geo.geoproperty, safe=""))
        if query.scope is not None and "scope" in pushed:
            params.append("scopeQ=" + quote(query.scope.text, safe="/"))
    projection = projected(query) if partial or "attrs" in pushed else ()
    if projection:
        params.append("attrs=" + quote(",".join(map(name, projection)), safe=",:"))
    by_us = not query.retrieve and not any(p.startswith(_SELECTING) for p in params)
    # ids or a pattern of the query's own take the place of a pattern for everything
    if by_us and not (params and any_of.startswith("idPattern=")):
        params.append(any_of)
    if query.sys_attrs:
        params.append("options=sysAttrs")
    if local:
        params.append("local=true")
    return Ask(
        path=path + ("?" + "&".join(params) if params else ""),
        working=query.context,
        asked_in=asked_in,
        retrieve=query.retrieve,
        offset=query.offset,
        limit=query.limit,
        counted=query.count,
        query=query,
        pushed=pushed,
        by_us=by_us,
    )


@lru_cache(maxsize=512)
def quoted(text: str, safe: str) -> str:
    """`quote` of what is the same for every source that is asked, and for most questions."""
    return quote(text, safe=safe)


def _same(name: str) -> str:
    return name


def _naming(working: Context, asked_in: Context) -> Callable[[str], str]:
    """How names of one context are put in the other."""
    if asked_in is working:
        return _same
    if asked_in is CORE:
        # there a full IRI always stands for itself, whatever else a platform knows
        return working.expand
    return lambda name: asked_in.compact(working.expand(name))


def _type_names(query: EntityQuery, name: Callable[[str], str]) -> list[str]:
    """A list of names that takes at least what the selection takes (clause 4.17 is not everywhere)."""
    types = query.types
    if types is None:
        return []
    if types.simple is not None:
        return sorted(map(name, types.simple))
    return sorted({name(min(alternative)) for alternative in types.alternatives})


def projected(query: EntityQuery) -> tuple[str, ...]:
    """The attributes to ask for; none if the projection keeps entities that have none of them."""
    if query.attrs and not query.pick:
        return query.attrs
    if not query.pick or _NEVER_FILTERED.intersection(query.pick):
        return ()
    return query.pick


def pushdown(query: EntityQuery, ask: Ask, claims: Capabilities, verified: frozenset[str]) -> Pushdown:
    """What is left for us: whatever the platform was not seen to do."""
    types = query.types
    selects = bool(query.attrs) or (bool(query.pick) and _ALWAYS.isdisjoint(query.pick))
    done = ask.pushed & verified
    selected = bool(projected(query)) and "attrs" in done
    residual = Residual(
        ids=bool(query.ids) and not query.retrieve and "id" not in verified,
        types=types is not None and (query.retrieve or types.simple is None or "type" not in verified),
        id_pattern=query.id_pattern is not None and not query.retrieve and "idPattern" not in done,
        q=query.q is not None and "q" not in done,
        geo=query.geo is not None and "geo" not in done,
        # what a platform gives for attrs has id and type, which a pick may leave out
        projection=bool(query.pick or query.omit) or (bool(query.attrs) and not selected),
    )
    ordered = claims.ordered_by_id and "order" in verified
    return Pushdown(
        request=ask,
        residual=residual,
        # a projection leaves out entities that have nothing of it, so pages are true only if the platform did that
        limit_guaranteed="limit" in verified and not residual.filters and (selected or not selects),
        ordered=ordered,
        text="GET " + ask.path,
        key=(ask.path, ask.asked_in, ask.working, ask.offset, ask.limit, ask.counted),
    )


def with_page(ask: Ask, offset: int, limit: int, count: bool) -> str:
    """The path and query of one page."""
    if ask.retrieve:
        return ask.path
    joint = "&" if "?" in ask.path else "?"
    text = f"{ask.path}{joint}limit={limit}"
    if offset:
        text += f"&offset={offset}"
    return text + "&count=true" if count else text


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read an answer: `url` is the context to fetch and translate from; `unless` are terms (as JSON keys) that
    may not occur in the bytes if they are to pass as they are."""

    url: str | None = None
    source: Context | None = None
    unless: tuple[bytes, ...] = ()


AS_ASKED = Reading()


def read_link(header: str | None, asked_in: Context) -> Reading:
    """Compare the answer's Link with the context that was asked in. No Link: as asked (static servers send none)."""
    if not header:
        return AS_ASKED
    try:
        url = parse_link_context(header)
    except InvalidRequest:
        return AS_ASKED
    if url is None or url == asked_in.url:
        return AS_ASKED
    theirs = core_of(url)
    if theirs is None:
        return Reading(url=url)
    ours = core_of(asked_in.url) if asked_in.url is not None else None
    if ours is None:
        return Reading(source=theirs)
    differing = differing_terms(theirs, ours)
    return Reading(source=theirs, unless=tuple(f'"{term}"'.encode() for term in sorted(differing)))


def next_page(link: str | None, current: str) -> str | None:
    """The address of the next page on the same origin, if the Link header names one (clause 6.3.10)."""
    if not link or ('rel="next"' not in link and "rel=next" not in link):
        return None
    for part in link.split("<")[1:]:
        target, _, attributes = part.partition(">")
        if "next" in attributes.partition(",")[0]:
            url = urljoin(current, target)
            return url if urlsplit(url)[:2] == urlsplit(current)[:2] else None
    return None


def types_in(body: bytes) -> tuple[str, ...]:
    """The types of an EntityTypeList (clause 5.2.24) or a list of EntityTypes, as IRIs. BadUpstream for else."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadUpstream("its list of types is not JSON") from None
    names = told.get("typeList", []) if isinstance(told, dict) else told
    if not isinstance(names, list):
        raise BadUpstream("its list of types has no typeList")
    texts = [n if isinstance(n, str) else n.get("typeName") or n.get("id") for n in names if isinstance(n, str | dict)]
    return tuple(sorted({CORE.expand(t) for t in texts if isinstance(t, str)}))
