"""Which filters an NGSIv2 platform really applies. It is asked what contradicts itself: who ignores a filter gives
entities where there can be none, and who misreads one does not give back what was just seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from adapters.ngsi_v2.names import is_v2_field
from adapters.ngsi_v2.values import GEO_TYPES, geometry
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.errors import BadUpstream, SourceError

Rows = list[dict[str, Any]]

_NONSENSE = "KakehashiProbeNothingHasThisName"
_PAGE_LIMITS = (1000, 500, 200, 100, 50, 20)


@dataclass(slots=True)
class Verified:
    """`filters` as `ProbeResult.verified` names them."""

    filters: set[str] = field(default_factory=set)
    page_limit: int | None = None
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Talk:
    """`get` asks for entities with the given parameters, in the tenant and one service path."""

    get: Callable[[str], Awaitable[Answer]]
    page_limit: int

    async def rows(self, params: str) -> tuple[Rows | None, int | None]:
        """Entities and total; no rows if the platform does not take the question."""
        answer = await self.get(params)
        if answer.status in (400, 404, 405, 413, 422, 500, 501):
            return None, None
        raise_for_status(answer)
        try:
            rows = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise BadUpstream("its answer is not JSON") from None
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows
        ):
            return None, None
        total = answer.headers.get("fiware-total-count", "")
        return rows, int(total) if total.isascii() and total.isdigit() else None

    async def nothing(self, params: str) -> bool:
        rows, total = await self.rows(f"{params}&limit=2&options=count")
        return rows == [] and total in (0, None)

    async def something(self, params: str) -> bool:
        rows, _ = await self.rows(f"{params}&limit=2")
        return bool(rows)

    async def total(self, params: str) -> int | None:
        _, total = await self.rows(f"{params}&limit=1&options=count")
        return total


async def verify(talk: Talk) -> Verified:
    """About twenty small questions and one page as large as it gives."""
    seen = Verified()
    rows, total = await _measure(talk, seen)
    if not rows:
        return seen
    sample, _ = await talk.rows("limit=20")
    checks = (_type, _id, _id_pattern, _q, _geo, _attrs, _paging, _order)
    for check in checks:
        try:
            name = await check(talk, sample or [], rows, total)
        except SourceError as e:
            # what was seen so far holds; the rest is filtered here
            seen.findings.append(f"Verification ended early: {e.detail}.")
            break
        if name is not None:
            seen.filters.add(name)
    wanted = {"type", "id", "q", "geo", "attrs", "limit"}
    missing = sorted(wanted - seen.filters)
    if missing:
        seen.findings.append(f"Not seen to be applied by it, so filtered by the gateway: {', '.join(missing)}.")
    return seen


async def _measure(talk: Talk, seen: Verified) -> tuple[Rows, int | None]:
    """The largest page that is given, by its ids only; page limit and count are told from it."""
    for limit in _PAGE_LIMITS:
        rows, total = await talk.rows(f"limit={limit}&attrs=dateModified&options=count")
        if rows == [] and total:
            # builtin attributes alone are not known to every server
            rows, total = await talk.rows(f"limit={limit}&options=count")
        if rows is None:
            continue
        if total is not None and total >= len(rows) and await talk.nothing(f"type={_NONSENSE}"):
            seen.filters.add("count")
        cut = total is not None and len(rows) < min(total, limit)
        if cut and rows:
            seen.page_limit = len(rows)
            seen.findings.append(f"It gives at most {len(rows)} entities a page, whatever is asked.")
        elif limit < _PAGE_LIMITS[0]:
            seen.page_limit = limit
            seen.findings.append(f"It takes at most {limit} entities a page.")
        else:
            seen.page_limit = limit
        return rows, total
    return [], None


async def _type(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    name = sample[0].get("type") if sample else None
    if not isinstance(name, str) or not await talk.nothing(f"type={_NONSENSE}"):
        return None
    found, _ = await talk.rows(f"type={_NONSENSE},{quote(name, safe='')}&limit=20")
    return "type" if found and all(row.get("type") == name for row in found) else None


async def _id(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    if not sample or not await talk.nothing(f"id={_NONSENSE}"):
        return None
    wanted = sample[-1]["id"]
    found, _ = await talk.rows(f"id={_NONSENSE},{quote(wanted, safe='')}&limit=5")
    return "id" if found and all(row["id"] == wanted for row in found) else None


async def _id_pattern(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    if not sample or not await talk.nothing(f"idPattern=%5E{_NONSENSE}"):
        return None
    start = sample[0]["id"][:1]
    if not start.isalnum():
        return None
    found, _ = await talk.rows(f"idPattern=%5E{quote(start)}&limit=20")
    return "idPattern" if found and all(row["id"].startswith(start) for row in found) else None


async def _q(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    """Nothing has a nonsense attribute; a condition and its contrary have nothing in common and make up the whole."""
    if not await talk.nothing(f"q={_NONSENSE}"):
        return None
    for row in sample:
        for name, attribute in row.items():
            if _is_numeric(name, attribute):
                value = attribute["value"]
                low, high = f"{name}%3C={value}", f"{name}%3E{value}"
                if not await talk.nothing(f"q={low};{high}") or not await talk.something(f"q={low}"):
                    return None
                below, above = await talk.total(f"q={low}"), await talk.total(f"q={high}")
                between = await talk.total(f"q={name}==-1e14..1e14")
                parts = None in (below, above, between)
                return "q" if parts or (below or 0) + (above or 0) == between else None
    for row in sample:
        for name, attribute in row.items():
            if _is_plain_name(name) and isinstance(attribute, dict):
                exists = await talk.something(f"q={name}") and await talk.nothing(f"q={name};!{name}")
                return "q" if exists else None
    return None


def _is_plain_name(name: str) -> bool:
    return name not in ("id", "type") and name.isascii() and name.replace("_", "").isalnum()


def _is_numeric(name: str, attribute: Any) -> bool:
    if not _is_plain_name(name) or not isinstance(attribute, dict):
        return False
    value = attribute.get("value")
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


async def _geo(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    """A place finds its entity and its antipode nothing; near and far of it make up all that have a `location`, so
    that no location is kept in a form which the platform does not look at."""
    for row in sample:
        attribute = row.get("location")
        if not isinstance(attribute, dict) or attribute.get("type") not in GEO_TYPES:
            continue
        shape = geometry(attribute["type"], attribute.get("value"))
        if shape is None or shape["type"] != "Point":
            continue
        lon, lat = shape["coordinates"][:2]
        here = f"geometry=point&coords={lat},{lon}"
        there = f"geometry=point&coords={-lat},{lon - 180 if lon > 0 else lon + 180}"
        if not await talk.nothing(f"georel=near;maxDistance:1000&{there}"):
            return None
        found, _ = await talk.rows(f"georel=near;maxDistance:5&{here}&limit=20")
        if not found or row["id"] not in {r["id"] for r in found}:
            return None
        box = f"{lat - 0.01},{lon - 0.01};{lat + 0.01},{lon + 0.01}"
        if not await talk.something(f"georel=coveredBy&geometry=box&coords={box}"):
            return None
        near = await talk.total(f"georel=near;maxDistance:20040000&{here}")
        located = await talk.total("q=location")
        return "geo" if near is None or located is None or near == located else None
    return None


async def _attrs(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    for row in sample:
        for name in row:
            if _is_plain_name(name):
                found, _ = await talk.rows(f"attrs={name}&limit=20&options=count")
                kept = found is not None and any(name in r for r in found)
                only = found is not None and all(r.keys() <= {"id", "type", name} for r in found)
                return "attrs" if kept and only else None
    return None


async def _paging(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    """limit and offset walk through the same order."""
    if len(rows) < 2:
        return "limit" if total == 1 else None
    one, _ = await talk.rows("limit=1")
    two, _ = await talk.rows("limit=1&offset=1")
    past = await talk.rows(f"limit=2&offset={total}") if total is not None else ([], 0)
    same = one is not None and two is not None and [*map(_key, one), *map(_key, two)] == [*map(_key, rows[:2])]
    return "limit" if same and past[0] == [] else None


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["id"], str(row.get("type"))


async def _order(talk: Talk, sample: Rows, rows: Rows, total: int | None) -> str | None:
    """Both ways, and by code point, over as many as a page has."""
    if len({row["id"] for row in rows}) < 2 or not all(is_v2_field(row["id"]) for row in rows):
        return None
    limit = min(len(rows), 100)
    up, _ = await talk.rows(f"orderBy=id&limit={limit}&attrs=dateModified")
    down, _ = await talk.rows(f"orderBy=!id&limit={limit}&attrs=dateModified")
    if up is None or down is None:
        return None
    rising, falling = [r["id"] for r in up], [r["id"] for r in down]
    ordered = rising == sorted(rising) and falling == sorted(falling, reverse=True)
    return "order" if ordered and rising[0] < falling[0] else None
