"""Ids that stand in more than one answer and can't be settled by the times in them are asked again, with all times
(clause 4.5.5.3): which value is the newest is then known, and not guessed by the order of registrations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson

from adapters.contract import Page
from broker.federation.collected import Collected
from broker.federation.execute import Limits, ask
from broker.federation.narrow import narrowed
from broker.federation.plan import Plan, Step
from schemas.ngsi_ld.head import split_rows
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Mode

Entity = dict[str, Any]
_IDS_IN_A_QUESTION = 100
"""They stand in URLs."""
_MOST = 1000
"""Ids that are asked again for one answer; of more, the first registration has the word."""


async def asked_again(plan: Plan, collected: Sequence[Collected], limits: Limits, *, on_page: bool) -> bool:
    """Ask sources again for what they contradict each other in without saying since when, and put what they say in the
    place of what they said. True if any was; entities then have system attributes. What a source does not answer the
    second time stays as it was.

    `on_page`: only ids of the page matter, for nothing is filtered or ordered by what they hold.
    """
    if plan.query.sys_attrs or len([c for c in collected if c.pages]) < 2:
        return False
    shared = _shared(collected)
    if on_page and shared:
        every = sorted({i for c in collected for i in c.ids()})
        shared &= set(every[plan.query.offset : plan.query.offset + plan.query.limit])
    open_ids = _undecided(collected, shared)
    if not open_ids:
        return False
    asked = [(c, ids) for c in collected if (ids := [i for i in dict.fromkeys(c.ids()) if i in open_ids])]
    await asyncio.gather(*[_again(c, ids, plan, limits) for c, ids in asked])
    return True


def _shared(collected: Sequence[Collected]) -> set[str]:
    """Ids that more than one source gave."""
    seen: set[str] = set()
    shared: set[str] = set()
    for c in collected:
        ids = {h.id for p in c.pages for h in p.heads} if _headed(c) else set(c.ids())  # type: ignore[union-attr]
        if not seen.isdisjoint(ids):
            shared |= seen & ids
        seen |= ids
    return shared


def _headed(collected: Collected) -> bool:
    return all(p.heads is not None for p in collected.pages)


def _undecided(collected: Sequence[Collected], shared: set[str]) -> set[str]:
    if not shared:
        return set()
    versions: dict[str, list[Entity]] = {}
    for c in collected:
        if c.step.source.platform.mode is not Mode.AUXILIARY:
            for entity in _entities(c.pages, shared):
                versions.setdefault(entity["id"], []).append(entity)
    found = [i for i in sorted(versions) if undecided(versions[i])]
    return set(found[:_MOST])


def undecided(versions: Sequence[Entity]) -> bool:
    """Whether two versions of an entity differ in an attribute, and no time in them tells which one is newer."""
    instances: dict[tuple[str, str], list[Any]] = {}
    for version in versions:
        for name, value in version.items():
            if name not in ENTITY_MEMBERS:
                for one in value if isinstance(value, list) else (value,):
                    dataset = str(one.get("datasetId", "")) if isinstance(one, dict) else ""
                    instances.setdefault((name, dataset), []).append(one)
    return any(len(given) > 1 and _tied(given) for given in instances.values())


def _tied(given: Sequence[Any]) -> bool:
    first = given[0]
    if all(one == first for one in given):
        return False
    times = [_observed(one) for one in given]
    last = max(times)
    newest = [one for one, time in zip(given, times, strict=True) if time == last]
    return any(one != newest[0] for one in newest) and any(
        not isinstance(one, dict) or "modifiedAt" not in one for one in newest
    )


def _observed(instance: Any) -> float:
    text = instance.get("observedAt") if isinstance(instance, dict) else None
    instant = read_datetime(text) if isinstance(text, str) else None
    return float("-inf") if instant is None else instant.timestamp()


async def _again(collected: Collected, ids: Sequence[str], plan: Plan, limits: Limits) -> None:
    source = collected.step.source
    steps = []
    for start in range(0, len(ids), _IDS_IN_A_QUESTION):
        asked = narrowed(_by_id(plan, tuple(ids[start : start + _IDS_IN_A_QUESTION])), source)
        pushdown = source.adapter.plan(asked)
        if pushdown is not None:
            steps.append(Step(source, msgspec.structs.replace(pushdown, key=None)))
    outcome = collected.outcome
    for more in await asyncio.gather(*[ask(step, limits) for step in steps]):
        outcome.bytes += more.outcome.bytes
        outcome.ms += more.outcome.ms
        if more.outcome.complete:
            _replace(collected, more.pages, set(ids))


def _by_id(plan: Plan, ids: tuple[str, ...]) -> EntityQuery:
    query = plan.query
    bare = plan.residual.projection
    return EntityQuery(
        context=query.context,
        ids=ids,
        types=query.types,
        attrs=() if bare else query.attrs,
        pick=() if bare else query.pick,
        omit=() if bare else query.omit,
        limit=len(ids),
        retrieve=query.retrieve,
        sys_attrs=True,
        tenant=query.tenant,
    )


def _replace(collected: Collected, pages: Sequence[Page], wanted: set[str]) -> None:
    new = _entities(pages, wanted)
    told = {entity["id"] for entity in new}
    kept = [_without(page, told) for page in collected.pages]
    collected.pages[:] = [*kept, Page(entities=new)]


def _without(page: Page, gone: set[str]) -> Page:
    if page.entities is not None:
        return msgspec.structs.replace(page, entities=[e for e in page.entities if e["id"] not in gone])
    heads, raw = page.heads or [], page.raw or b"[]"
    if gone.isdisjoint([h.id for h in heads]):
        return page
    rows = split_rows(raw) if raw.lstrip()[:1] == b"[" else [msgspec.Raw(raw)]
    left = [(h, bytes(row)) for h, row in zip(heads, rows, strict=True) if h.id not in gone]
    kept = b"[" + b",".join([row for _, row in left]) + b"]"
    return msgspec.structs.replace(page, raw=kept, heads=[h for h, _ in left])


def _entities(pages: Iterable[Page], wanted: set[str]) -> list[Entity]:
    found: list[Entity] = []
    for page in pages:
        if page.entities is not None:
            found += [e for e in page.entities if e["id"] in wanted]
        elif page.raw is not None and page.heads and not wanted.isdisjoint([h.id for h in page.heads]):
            raw = page.raw
            rows = split_rows(raw) if raw.lstrip()[:1] == b"[" else [msgspec.Raw(raw)]
            found += [orjson.loads(bytes(r)) for h, r in zip(page.heads, rows, strict=True) if h.id in wanted]
    return found
