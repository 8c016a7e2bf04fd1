"""Pages of local entities in another order than that of their ids (clause 4.23).

Where the order begins with an attribute, keys give the page and what stands around it; else everything that matches is
read, of which only the first are kept. What decides in either case is the order itself, on the entities.
"""

from __future__ import annotations

from typing import Final

from adapters.contract import SourceContext
from broker.local.ask import PAGE, Ask, Entity, within
from broker.store.entities import Entities
from broker.store.entity_order import By
from schemas.errors import SourceTooLarge
from schemas.ngsi_ld.order import Order

MOST: Final = 50_000
"""Entities that are read for one page where keys don't tell the order."""


async def in_order(
    entities: Entities, tenant: str, ask: Ask, order: Order, ctx: SourceContext
) -> tuple[list[Entity], int | None]:
    """The page, and how many match in all if the query asks for it."""
    query = ask.query
    need = query.offset + query.limit
    found, total, passed = None, None, 0
    # Who counts what SQL can't decide reads it all.
    if ask.by is not None and not (query.count and ask.residual.filters):
        found, passed = await _walked(entities, tenant, ask, ask.by, ctx)
        if query.count and found is not None:
            total = await within(ctx, entities.count(tenant, ask.where))
    if found is None:
        found, total = await _sorted(entities, tenant, ask, order, need, ctx)
    # What keys don't tell apart, and what several terms decide, stands in no order yet.
    found = order.sort(sorted(found, key=lambda entity: str(entity["id"])))
    return ask.shown(found[query.offset - passed : need - passed]), total if query.count else None


async def _walked(
    entities: Entities, tenant: str, ask: Ask, by: By, ctx: SourceContext
) -> tuple[list[Entity] | None, int]:
    """The page along the order of keys with all before it, and perhaps some behind it; and how many before it are left
    out. None if keys can't tell."""
    query = ask.query
    walk = entities.walk(tenant, ask.where, by)
    skips = query.offset > 0 and not ask.residual.filters
    passed = query.offset if skips and await within(ctx, walk.skip(query.offset)) else 0
    need = query.offset - passed + query.limit
    found: list[Entity] = []
    size = max(1, need)
    while len(found) < need and not walk.ended:
        rows = await within(ctx, walk.next(min(PAGE, size)))
        if rows is None:
            return None, 0
        found += ask.fitting(rows)
        size *= 2
    return found, passed


async def _sorted(
    entities: Entities, tenant: str, ask: Ask, order: Order, need: int, ctx: SourceContext
) -> tuple[list[Entity], int]:
    """The first `need` of all that match, and how many those are. SourceTooLarge if too many would have to be read."""
    found: list[Entity] = []
    total, after, read = 0, None, 0
    while True:
        rows = await within(ctx, entities.query(tenant, ask.where, after_id=after, limit=PAGE))
        fitting = ask.fitting(rows)
        total += len(fitting)
        found += fitting
        last = len(rows) < PAGE
        if last or len(found) > need + 4 * PAGE:
            # What is equal keeps its order, and what comes later has a later id.
            found = order.sort(found)[:need]
        if last:
            return found, total
        after = rows[-1].id
        read += len(rows)
        if read >= MOST:
            raise SourceTooLarge(f"this order is made of at most {MOST} entities that may match; narrow the query")
