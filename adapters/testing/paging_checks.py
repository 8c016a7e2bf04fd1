"""Checks of pages, order and counts."""

from __future__ import annotations

from adapters.testing.session import Failed, Session, Skipped, only

_PAGES = 12


async def paging(session: Session) -> str:
    name, sample = await session.main_type()
    size = max(1, min(7, len(sample) // 3))
    first = await session.ask(session.query(types=only(name), limit=size))
    if first.pushdown is None or not first.pushdown.limit_guaranteed:
        if len({e["id"] for e in first.came}) < len(first.came):
            raise Failed("an entity comes twice in one answer")
        raise Skipped("the platform's own pages are not trusted (limit_guaranteed is False)")
    seen: list[str] = []
    for n in range(_PAGES):
        taken = await session.ask(session.query(types=only(name), limit=size, offset=n * size))
        if len(taken.kept) > size:
            raise Failed(f"limit={size} is guaranteed, but {len(taken.kept)} entities came")
        seen += taken.ids
        if len(taken.kept) < size:
            break
    if len(set(seen)) < len(seen):
        raise Failed("an entity comes on two pages")
    expected = [entity["id"] for entity in sample][: len(seen)]
    if set(seen) != set(expected):
        raise Failed(f"{len(set(expected) - set(seen))} entities are lost between pages of {size}")
    if session.is_whole(name) and len(sample) <= _PAGES * size and len(seen) != len(sample):
        raise Failed(f"pages give {len(seen)} entities in all, one large page gives {len(sample)}")
    return f"{len(seen)} entities in pages of {size}"


async def beyond_the_end(session: Session) -> str:
    name, _ = await session.main_type()
    taken = await session.ask(session.query(types=only(name), limit=5, offset=10_000_000))
    if taken.pushdown is not None and not taken.pushdown.limit_guaranteed:
        raise Skipped("the platform's own pages are not trusted (limit_guaranteed is False)")
    if taken.kept:
        raise Failed("an offset beyond the end gives entities")
    return "nothing, as it should be"


async def order(session: Session) -> str:
    name, _ = await session.main_type()
    taken = await session.ask(session.query(types=only(name)))
    if taken.pushdown is None or not taken.pushdown.ordered:
        raise Skipped("order by id is not claimed for this query")
    ids = [entity["id"] for entity in taken.came]
    if ids != sorted(ids):
        raise Failed("entities do not come in ascending order of id (by code point)")
    return f"{len(ids)} entities"


async def count(session: Session) -> str:
    if not session.adapter.capabilities.count:
        raise Skipped("counting is not claimed")
    name, sample = await session.main_type()
    taken = await session.ask(session.query(types=only(name), limit=1, count=True))
    if taken.total is None:
        raise Failed("no total comes though counting is claimed")
    trusted = taken.pushdown is not None and not taken.pushdown.residual.filters
    if not trusted:
        raise Skipped("filters are left to the gateway, so the platform's total is not used")
    if session.is_whole(name) and taken.total != len(sample):
        raise Failed(f"it counts {taken.total} entities of type {name}, but {len(sample)} come")
    if taken.total < len(sample):
        raise Failed(f"it counts {taken.total} entities of type {name}, but at least {len(sample)} come")
    return f"{taken.total} of type {name}"
