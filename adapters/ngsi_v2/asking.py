"""From an `EntityQuery` to the questions put to an NGSIv2 platform, and what is left for us. Pure.

A filter is sent when the probe saw the platform apply it (type and id always: a platform that ignores them is merely
slower), and what was not seen to be applied, or only roughly, is residual.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from adapters.ngsi_v2.names import Names, id_of, is_v2_field, urn_of
from adapters.ngsi_v2.places import geo_params
from adapters.ngsi_v2.simple_query import simple_query
from adapters.ngsi_v2.translate import OBSERVED_METADATA
from schemas.capability import Pushdown, Residual
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.query import EntityQuery

_MAX_IDS_TEXT = 3000
"""Characters of `id=` in one question; more ids are asked in several."""
_SAFE = ",:;.!*$-_~@"
_PREFIX_PATTERN = re.compile(r"\^([A-Za-z0-9:_/@\-]+)(?:\.\*)?\$?")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: a path below the API's prefix, its parameters (percent-encoded, without paging) and service path.

    `single`: the answer is one entity, 404 means none, and `otherwise` is the list to ask for if 409 says that several
    entities have the id.
    """

    path: str
    params: str
    service_path: str | None
    single: bool = False
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """All questions for one query. `need`: rows after which to stop, None for all; `skip`: rows to begin after."""

    asks: tuple[Ask, ...]
    working: Context
    system: bool
    skip: int = 0
    need: int | None = None
    count: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Where on the platform to look: a service path and, if the operator told, the one type that is there."""

    path: str | None
    type: str | None = None


def read_scopes(service_path: str | None, listed: Sequence[str]) -> tuple[Scope, ...]:
    """`options.service_paths` (`/Aed`, or `Aed:/Aed` for "the type Aed is there") before the platform's one path."""
    if not listed:
        return (Scope(service_path or None),)
    scopes = []
    for item in listed:
        type_, slash, rest = item.partition("/")
        scopes.append(Scope(slash + rest, type_.removesuffix(":") or None))
    return tuple(scopes)


@dataclass(frozen=True, slots=True)
class Platformed:
    """What `plan` knows of the platform."""

    names: Names
    scopes: tuple[Scope, ...]
    verified: frozenset[str]
    whole: bool
    datetimes: frozenset[str]
    observed: tuple[str, ...]


def plan(query: EntityQuery, platform: Platformed) -> Pushdown | None:
    """None if the platform can't hold any of it: no name or id of it can stand for what is asked."""
    types = _types(query, platform.names)
    ids = _ids(query, platform.names)
    if types == [] or ids == []:
        return None
    scopes = [s for s in platform.scopes if s.type is None or types is None or s.type in types]
    if ids is not None:
        scopes = [s for s in scopes if s.type is None or any(t is None or t == s.type for _, t in ids)]
    if not scopes:
        return None
    system = query.sys_attrs or (query.q is not None and query.q.sys_attrs)
    shown = _shown(query, platform, system)
    if query.retrieve and ids is not None:
        return _retrieve(query, ids[0], scopes, shown, system)
    params, residual = _filters(query, platform, types, ids)
    batches = [""] if ids is None else [_param("id", ",".join(batch)) for batch in _batches([i for i, _ in ids])]
    asks = tuple(
        Ask("/entities", _joined([*params, batch, *shown]), scope.path) for scope in scopes for batch in batches
    )
    exact = (
        not residual.filters
        and not residual.projection
        and len(asks) == 1
        and types is not None
        and len(types) == 1
        and "limit" in platform.verified
    )
    request = Request(
        asks,
        query.context,
        system,
        skip=query.offset if exact else 0,
        need=query.limit if exact else None,
        count="count" in platform.verified and (query.count or not exact),
    )
    text = f"GET /entities?{asks[0].params}" + (f" and {len(asks) - 1} more" if len(asks) > 1 else "")
    return Pushdown(request, residual, limit_guaranteed=exact, text=text, key=request)


def _types(query: EntityQuery, names: Names) -> list[str] | None:
    """The platform's names of the wanted types; None for any type."""
    if query.types is None:
        return None
    expand = query.context.expand
    return sorted({own for name in query.types.names for own in names.v2_of(expand(name)) if "," not in own})


def _ids(query: EntityQuery, names: Names) -> list[tuple[str, str | None]] | None:
    """The platform's ids (with the type, if the URI tells it); None for any id."""
    if not query.ids:
        return None
    found = []
    for urn in query.ids:
        id_, type_ = id_of(urn)
        # a URI that only looks like one of ours stands for nothing: ours are always written the same way
        if is_v2_field(id_) and "," not in id_ and urn_of(id_, type_ or "") == urn:
            found.append((id_, type_))
    return found


def _retrieve(
    query: EntityQuery, wanted: tuple[str, str | None], scopes: list[Scope], shown: list[str], system: bool
) -> Pushdown:
    id_, type_ = wanted
    typed = [_param("type", type_)] if type_ is not None else []
    path = "/entities/" + quote(id_, safe=_SAFE)
    params = _joined([*typed, *shown])
    several = _joined([_param("id", id_), *typed, *shown])
    asks = tuple(Ask(path, params, scope.path, single=True, otherwise=several) for scope in scopes)
    projection = bool(query.attrs or query.pick or query.omit)
    residual = Residual(q=query.q is not None, geo=query.geo is not None, projection=projection)
    if query.types is not None:
        residual |= Residual(types=True)
    request = Request(asks, query.context, system)
    return Pushdown(request, residual, text=f"GET {path}?{params}", key=request)


def _filters(
    query: EntityQuery,
    platform: Platformed,
    types: list[str] | None,
    ids: list[tuple[str, str | None]] | None,
) -> tuple[list[str], Residual]:
    verified = platform.verified
    params: list[str] = []
    if types is not None:
        params.append(_param("type", ",".join(types)))
    elif ids is not None and all(type_ is not None for _, type_ in ids):
        params.append(_param("type", ",".join(sorted({type_ for _, type_ in ids if type_ is not None}))))
    if query.id_pattern is not None and ids is None and "idPattern" in verified:
        pattern = native_pattern(query.id_pattern)
        if pattern is not None:
            params.append(_param("idPattern", pattern))
    # a filter on what another source may hold a part of would lose entities
    filters = platform.whole and not query.split_entities
    if query.q is not None and filters and "q" in verified:
        pushed = simple_query(query.q.root, _name_of(query.context, platform.names), platform.datetimes)
        params += [_param(name, text) for name, text in (("q", pushed.q), ("mq", pushed.mq)) if text]
    if query.geo is not None and filters and "geo" in verified:
        place = _name_of(query.context, platform.names)(query.geo.geoproperty)
        geo = geo_params(query.geo) if place == "location" else None
        if geo is not None:
            params += [_param(name, text) for name, text in geo.items()]
    residual = Residual(
        ids=ids is not None and ("id" not in verified or any(type_ is not None for _, type_ in ids)),
        types=query.types is not None and (query.types.simple is None or "type" not in verified),
        id_pattern=query.id_pattern is not None,
        q=query.q is not None,
        geo=query.geo is not None,
        projection=bool(query.attrs or query.pick or query.omit),
    )
    return params, residual


def native_pattern(pattern: str) -> str | None:
    """`idPattern` for the platform, if it finds the same ids there: a literal beginning that no mapped URI has."""
    found = _PREFIX_PATTERN.fullmatch(pattern)
    if found is None:
        return None
    literal = found[1]
    head = "urn:ngsi-ld:"
    if not literal.startswith(head):
        # another beginning: a mapped URI has it only if one is a beginning of the other
        return None if head.startswith(literal) else pattern
    type_, colon, rest = literal[len(head) :].partition(":")
    if not colon or not type_ or "v2:".startswith(rest) or rest.startswith("v2:"):
        return None
    return pattern


def _shown(query: EntityQuery, platform: Platformed, system: bool) -> list[str]:
    """`attrs` and `metadata`: what has to come so that the residual filters and `observedAt` can be told."""
    name_of = _names_of(query.context, platform.names)
    attrs = ["dateCreated", "dateModified"] if system else []
    wanted = _wanted(query)
    own: list[str] | None = None
    if wanted is not None and "attrs" in platform.verified:
        own = [name for term in wanted for name in name_of(term)]
        if any("," in name for name in own):
            own = None
    if own is None:
        attrs += ["*"] if system else []
    else:
        attrs += dict.fromkeys([*own, *platform.observed])
    params = [_param("attrs", ",".join(attrs))] if attrs else []
    return [*params, _param("metadata", "dateCreated,dateModified,*")] if system else params


def _wanted(query: EntityQuery) -> list[str] | None:
    """Terms of the attributes that the answer or a filter needs; None for all."""
    chosen = query.pick or query.attrs
    # old servers leave out entities that have none of `attrs`; a pick of id or type keeps them
    if not chosen or ENTITY_MEMBERS.intersection(chosen):
        return None
    terms = {re.split(r"[.\[{]", term, maxsplit=1)[0] for term in (*chosen, *query.attrs)}
    if query.q is not None:
        terms |= query.q.attributes
    if query.geo is not None:
        terms.add(query.geo.geoproperty)
    return sorted(terms)


def _names_of(context: Context, names: Names) -> Callable[[str], tuple[str, ...]]:
    return lambda term: names.v2_of(context.expand(term))


def _name_of(context: Context, names: Names) -> Callable[[str], str | None]:
    def name_of(term: str) -> str | None:
        found = names.v2_of(context.expand(term))
        # metadata that became a member of its own is not found under its name any more
        return found[0] if len(found) == 1 and found[0] not in OBSERVED_METADATA else None

    return name_of


def _batches(ids: Sequence[str]) -> list[list[str]]:
    batches: list[list[str]] = [[]]
    size = 0
    for id_ in ids:
        size += len(id_) + 1
        if size > _MAX_IDS_TEXT and batches[-1]:
            batches.append([])
            size = len(id_) + 1
        batches[-1].append(id_)
    return batches


def _param(name: str, value: str) -> str:
    return f"{name}={quote(value, safe=_SAFE)}"


def _joined(params: Sequence[str]) -> str:
    return "&".join(param for param in params if param)
