"""Merge what the sources gave into one page, in ascending order of id.

Bytes pass through wherever nothing has to be looked at: only ids that stand in more than one answer are built, and
everything only if a filter is left for us or the answer is to look other than normalized.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, TypeVar

import msgspec
import orjson

from adapters.contract import Page
from broker.federation.execute import Collected
from broker.federation.provenance import marked, marker
from broker.federation.resolve import resolve
from schemas.ngsi_ld.head import Head, split_rows
from schemas.ngsi_ld.representation import strip_sys_attrs
from schemas.platform import Mode

Entity = dict[str, Any]
T = TypeVar("T")
Finish = Callable[[Entity], Entity]


class Window(msgspec.Struct, frozen=True):
    """Which part of the sorted union leaves. `passed`: the source has already cut it out."""

    offset: int
    limit: int
    passed: bool = False

    def cut(self, rows: list[Any]) -> list[Any]:
        return rows if self.passed else rows[self.offset : self.offset + self.limit]


class Merged(msgspec.Struct):
    """Exactly one of `body` (a JSON array) and `entities` is set. `matched`: distinct entities before paging."""

    matched: int
    body: bytes | None = None
    entities: list[Entity] | None = None


def merge(
    collected: Sequence[Collected],
    window: Window,
    *,
    keep: Callable[[Entity], bool] | None,
    build: bool,
    now: Callable[[], str],
    sort: Callable[[list[Entity]], list[Entity]] | None = None,
    again: bool = False,
    provenance: bool = False,
) -> Merged:
    """Merge, filter by `keep`, sort (by id, and then by `sort`), cut. `build`: entities are wanted, not bytes. Settles
    `outcome.entities`. `now`: gives the time (ISO 8601 UTC) where versions are resolved. `again`: what stands in
    several answers was asked again and has system attributes that nobody wants. `provenance`: each attribute is to say
    where it comes from."""
    passing = keep is None and not (build or again or provenance)
    if passing and all(p.raw is not None for c in collected for p in c.pages):
        return _merge_raw(collected, window, now)
    return _merge_built(collected, window, keep, now(), sort, again=again, provenance=provenance)


# --- bytes -----------------------------------------------------------------------------------------------------------


def _merge_raw(collected: Sequence[Collected], window: Window, now: Callable[[], str]) -> Merged:
    parts = [(c, _heads(c)) for c in collected if c.pages]
    parts = [(c, heads) for c, heads in parts if heads]
    ids = [h.id for _, heads in parts for h in heads]
    total = len(ids)
    if len(set(ids)) != total:
        return _merge_overlapping(parts, window, now())
    if window.passed or (window.offset == 0 and total <= window.limit):
        parts.sort(key=lambda part: part[1][0].id)
        ids = [h.id for _, heads in parts for h in heads] if len(parts) > 1 else ids
        if window.passed or _ascending(ids):
            for c, heads in parts:
                c.outcome.entities = len(heads)
            return Merged(total, body=_join([_inside(p) for c, _ in parts for p in c.pages if p.heads]))
    return Merged(total, body=_join(_cut([c for c, _ in parts], ids, window)))


def _cut(collected: Sequence[Collected], ids: Sequence[str], window: Window) -> list[bytes]:
    """The rows in the window. `ids`: of all rows, in the order in which they came. Pages of which nothing stands in the
    window are not taken apart."""
    pages = [(c, page) for c in collected for page in c.pages if page.heads]
    starts = list(accumulate((len(page.heads or ()) for _, page in pages), initial=0))
    rows: dict[int, list[msgspec.Raw]] = {}
    out: list[bytes] = []
    for n in window.cut(sorted(range(len(ids)), key=ids.__getitem__)):
        at = bisect_right(starts, n) - 1
        c, page = pages[at]
        if at not in rows:
            rows[at] = _split(page)
        c.outcome.entities += 1
        out.append(bytes(rows[at][n - starts[at]]))
    return out


def _merge_overlapping(parts: Sequence[tuple[Collected, list[Head]]], window: Window, now: str) -> Merged:
    """Some ids stand in more than one answer: those are built and resolved, the others stay bytes."""
    versions: dict[str, list[tuple[Collected, msgspec.Raw]]] = {}
    for c, _ in parts:
        for i, raw in _rows(c):
            versions.setdefault(i, []).append((c, raw))
    out: list[bytes] = []
    for i in window.cut(sorted(versions)):
        given = versions[i]
        for c in {id(c): c for c, _ in given}.values():
            c.outcome.entities += 1
        if len(given) == 1:
            out.append(bytes(given[0][1]))
        else:
            given, last = _auxiliary_last(given)
            out.append(_resolved([bytes(raw) for _, raw in given], now, last))
    return Merged(len(versions), body=_join(out))


def _auxiliary_last(given: list[tuple[Collected, T]]) -> tuple[list[tuple[Collected, T]], int]:
    """The versions of auxiliary registrations behind the others, and how many they are."""
    last = [pair for pair in given if _is_auxiliary(pair[0])]
    return ([pair for pair in given if not _is_auxiliary(pair[0])] + last, len(last)) if last else (given, 0)


def _is_auxiliary(collected: Collected) -> bool:
    return collected.step.source.platform.mode is Mode.AUXILIARY


def _resolved(versions: Sequence[bytes], now: str, auxiliary: int) -> bytes:
    try:
        return orjson.dumps(resolve([orjson.loads(raw) for raw in versions], now=now, auxiliary=auxiliary))
    except TypeError:
        # nested deeper than can be written: nothing of it is merged, the first registration's word stands
        return versions[0]


def _heads(collected: Collected) -> list[Head]:
    pages = collected.pages
    if len(pages) == 1:
        return pages[0].heads or []
    return [h for p in pages for h in p.heads or ()]


def _rows(collected: Collected) -> list[tuple[str, msgspec.Raw]]:
    rows: list[tuple[str, msgspec.Raw]] = []
    for page in collected.pages:
        if page.raw is not None and page.heads:
            rows.extend(zip((h.id for h in page.heads), _split(page), strict=True))
    return rows


def _split(page: Page) -> list[msgspec.Raw]:
    raw = page.raw or b"[]"
    return split_rows(raw) if raw.lstrip()[:1] == b"[" else [msgspec.Raw(raw)]


def _inside(page: Page) -> bytes:
    """The members of the page's array, without its brackets."""
    raw = (page.raw or b"").strip()
    return raw[1:-1] if raw[:1] == b"[" else raw


def _join(parts: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def _ascending(ids: list[str]) -> bool:
    return ids == sorted(ids)


# --- objects ---------------------------------------------------------------------------------------------------------


def _merge_built(
    collected: Sequence[Collected],
    window: Window,
    keep: Callable[[Entity], bool] | None,
    now: str,
    sort: Callable[[list[Entity]], list[Entity]] | None,
    *,
    again: bool,
    provenance: bool,
) -> Merged:
    versions: dict[str, list[tuple[Collected, Entity]]] = {}
    for c in collected:
        mark = marker(c) if provenance else None
        for page in c.pages:
            for entity in _entities(page):
                if mark is not None:
                    entity = marked(entity, mark)
                versions.setdefault(entity["id"], []).append((c, entity))
    found: list[tuple[str, Entity]] = []
    for i, given in versions.items():
        entity = given[0][1]
        if len(given) > 1:
            ordered, last = _auxiliary_last(given)
            entity = resolve([e for _, e in ordered], now=now, auxiliary=last)
            if again:
                entity = strip_sys_attrs(entity)
        if keep is None or keep(entity):
            found.append((i, entity))
    if not window.passed:
        found.sort(key=_first)
    if sort is not None:
        found = [(entity["id"], entity) for entity in sort([entity for _, entity in found])]
    chosen = window.cut(found)
    for i, _ in chosen:
        for c in {id(c): c for c, _ in versions[i]}.values():
            c.outcome.entities += 1
    return Merged(len(found), entities=[e for _, e in chosen])


def _first(pair: tuple[str, Entity]) -> str:
    return pair[0]


def _entities(page: Page) -> list[Entity]:
    if page.entities is not None:
        return page.entities
    loaded = orjson.loads(page.raw or b"[]")
    return loaded if isinstance(loaded, list) else [loaded]
