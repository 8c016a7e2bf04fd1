"""Temporal evolutions of an NGSI-LD platform (clauses 5.7.3, 5.7.4): what to ask, and following its pages in time.

It is asked in the core context with names as IRIs, normalized and with sysAttrs. Its filters are not asked for: q and
the geoquery are decided when the evolutions of all sources are together; the scope query goes along.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import orjson

from adapters.contract import SourceContext
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.errors import BadUpstream, SourceTooLarge
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.temporal import TemporalQuery, Window
from schemas.ngsi_ld.temporal_aggregate import instant
from schemas.ngsi_ld.temporal_filter import looked_at, named
from schemas.ngsi_ld.temporal_merge import Chapter, History, read_history

if TYPE_CHECKING:
    from adapters.ngsi_ld.adapter import NgsiLdAdapter

_ENTITIES: Final = 50
"""Entities of one question."""
_PAGES: Final = 1000
"""Pages in time that are followed at most."""
_TICK: Final = timedelta(microseconds=1)
_ABSENT: Final = (404, 405, 501)
_RANGE: Final = re.compile(r"\s*(?:date-?time)\s+(\S+Z)-(\S+Z)/(?:\*|[0-9]{1,9})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """`entity`: it alone is asked for (5.7.3). `whole`: all instances of the window are needed, else the first page."""

    query: TemporalQuery
    entity: str | None
    whole: bool


async def chapters(adapter: NgsiLdAdapter, question: Question, ctx: SourceContext, most: int) -> AsyncIterator[Chapter]:
    """Everything that it has for a question, in as many pages of entities as it takes. Errors: SourceError."""
    offset = 0
    while True:
        found, until = await _span(adapter, question, ctx, offset)
        yield Chapter(found, until)
        offset += _ENTITIES
        if question.entity is not None or len({history.head.id for history in found}) < _ENTITIES:
            return
        if offset >= most:
            raise SourceTooLarge(f"it has more than the {most} evolutions that are read for one answer")


async def _span(
    adapter: NgsiLdAdapter, question: Question, ctx: SourceContext, offset: int
) -> tuple[list[History], datetime | None]:
    """One page of entities, through time: what came, and until when that is everything."""
    window = question.query.window
    if question.query.filtered:
        window = replace(window, last_n=None)
    found: list[History] = []
    count: dict[tuple[str, str], int] = {}
    ahead: list[Window] = [window]
    ids: tuple[str, ...] = ()
    for _ in range(_PAGES):
        asked = ahead.pop()
        answer = await adapter.get(_address(adapter, question, asked, offset, ids), CORE, ctx)
        if answer.status in _ABSENT and (question.entity is not None or "temporal" not in adapter.verified):
            break
        raise_for_status(answer)
        for row in await adapter.expanded(_rows(answer, question), answer.headers.get("link")):
            history = read_history(row, window)
            found.append(history)
            for name in row:
                count.setdefault((history.head.id, name), 0)
            for point in history.points:
                count[history.head.id, point.attribute] += 1
        until = _end(answer)
        if until is not None and not question.whole:
            return found, until
        # which entities there are depends on the window, so from here on these are asked for
        ids = ids or tuple(sorted({history.head.id for history in found}))
        ahead += _following(asked, until) if until is not None else ()
        if not ahead or _enough(count, asked):
            break
    else:
        raise SourceTooLarge(f"its evolutions have more than {_PAGES} pages in time; ask for a smaller range")
    return found, None


def _following(asked: Window, until: datetime) -> Iterator[Window]:
    """The windows of what comes after a page that ends at `until`."""
    if asked.backwards:
        if asked.since is None:
            yield Window("before", until, None, asked.timeproperty, asked.last_n)
        elif until > asked.since:
            yield Window("between", asked.since, until, asked.timeproperty, asked.last_n)
        return
    # what is of one instant may be on two pages: once more from the same one, but never twice
    since = until if asked.since is None or until > asked.since else until + _TICK
    if asked.until is not None and since >= asked.until:
        return
    timeproperties = (asked.timeproperty,) if asked.timerel or asked.timeproperty else ("observedAt", "createdAt")
    for timeproperty in timeproperties:
        yield Window("between" if asked.until else "after", since, asked.until, timeproperty)


def _enough(count: Mapping[tuple[str, str], int], asked: Window) -> bool:
    """Of each attribute that any page has told of there are as many of the last ones as are asked for."""
    told = [many for (_, name), many in count.items() if name not in ENTITY_MEMBERS]
    return asked.last_n is not None and bool(told) and min(told) >= asked.last_n


def _end(answer: Answer) -> datetime | None:
    """The end of the range of a page that is not everything (clause 6.3.10)."""
    if answer.status != 206:
        return None
    seen = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    end = read_datetime(seen[2]) if seen else None
    if end is None:
        raise BadUpstream("its evolutions are only a part, and it does not say which (Content-Range)")
    return end


def _rows(answer: Answer, question: Question) -> list[dict[str, Any]]:
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise BadUpstream("its evolutions are not JSON") from None
    rows = [document] if question.entity is not None else document
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("id"), str) and "type" in row for row in rows
    ):
        raise BadUpstream("its evolutions are not a list of entities")
    if question.entity is not None and rows[0]["id"] != question.entity:
        raise BadUpstream("asked for one evolution it gives another")
    return rows


def _address(adapter: NgsiLdAdapter, question: Question, window: Window, offset: int, ids: tuple[str, ...]) -> str:
    query, entity = question.query, question.entity
    base = f"{adapter.root}{adapter.prefix}/temporal/entities"
    params = ["options=sysAttrs", *_times(window)]
    names = sorted({name for name in _names(query) if name not in ("id", "type", "scope")})
    if names:
        params.append("attrs=" + quote(",".join(names), safe=":/,"))
    if adapter.platform.distribution.local_only:
        params.append("local=true")
    if entity is not None:
        return f"{base}/{quote(entity, safe=':')}?{'&'.join(params)}"
    params += _selecting(adapter, query, ids)
    if query.scope is not None:
        params.append("scopeQ=" + quote(query.scope.text, safe="/"))
    params.append(f"limit={_ENTITIES}")
    if offset and not ids:
        params.append(f"offset={offset}")
    return f"{base}?{'&'.join(params)}"


def _times(window: Window) -> Iterator[str]:
    if window.timerel is not None and window.time_at is not None:
        yield f"timerel={window.timerel}&timeAt={quote(instant(window.time_at), safe=':')}"
    if window.end_at is not None:
        yield "endTimeAt=" + quote(instant(window.end_at), safe=":")
    if window.timeproperty is not None:
        yield f"timeproperty={window.timeproperty}"
    if window.last_n is not None:
        yield f"lastN={window.last_n}"


def _names(query: TemporalQuery) -> Iterator[str]:
    """The IRIs of what is shown or looked at; none for everything."""
    if query.shown:
        for name in (*query.shown, *query.needed, *looked_at(query)):
            yield named(query, name)


def _selecting(adapter: NgsiLdAdapter, query: TemporalQuery, ids: tuple[str, ...]) -> Iterator[str]:
    selectors, expand = query.selectors, query.context.expand
    types = {expand(min(way)) for one in selectors if one.types is not None for way in one.types.alternatives}
    if not selectors or any(one.types is None for one in selectors):
        types = set(adapter.known_types)
    # clause 5.7.4.4 wants something that selects
    if types:
        yield "type=" + quote(",".join(sorted(types)), safe=":/,")
    elif not adapter.platform.distribution.local_only:
        yield "local=true"
    named_by_id = bool(selectors) and all(one.ids for one in selectors)
    ids = ids or (tuple(sorted({name for one in selectors for name in one.ids})) if named_by_id else ())
    if ids:
        yield "id=" + quote(",".join(ids), safe=":,")
    elif len(selectors) == 1 and selectors[0].pattern is not None:
        yield "idPattern=" + quote(selectors[0].pattern.text, safe="")
