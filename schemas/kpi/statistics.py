"""Public tables with sums: small cells are hidden, and as many others as it takes that none can be computed back.

With its totals a table is a set of equations. Take rows and columns (that of the totals among them) as places and the
hidden cells as ways between them: a hidden cell can be computed back exactly if no other hidden way leads round it. So
for each one that stands alone the cheapest way round is hidden, too.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

LEAST = 10
"""Counts from 1 to 9 are not published."""

Row = Sequence[int | None]
_Place = tuple[bool, int]
"""(is a column, number)."""


def publish(cells: Sequence[Sequence[int]], least: int = LEAST) -> list[list[int | None]]:
    """The table with a last column and a last row of totals; None where nothing is said. Empty for an empty table."""
    if not cells or not cells[0]:
        return []
    table = [[*row, sum(row)] for row in cells]
    table.append([sum(column) for column in zip(*table, strict=True)])
    hidden = {(r, c) for r, row in enumerate(table) for c, count in enumerate(row) if 0 < count < least}
    while alone := next((cell for cell in sorted(hidden) if _way_round(cell, table, hidden, free=True) is None), None):
        more = _way_round(alone, table, hidden, free=False)
        if more is None or more <= hidden:
            # no way round in so small a table: nothing of it is said
            return [[None] * len(row) for row in table]
        hidden |= more
    return [[None if (r, c) in hidden else count for c, count in enumerate(row)] for r, row in enumerate(table)]


def _way_round(
    cell: tuple[int, int], table: Sequence[Sequence[int]], hidden: set[tuple[int, int]], *, free: bool
) -> set[tuple[int, int]] | None:
    """The cells of the cheapest way from the cell's row to its column that does not use it; None if there is none.

    What is hidden already costs nothing; `free`: only such ways. Otherwise a cell costs what it would have told, and
    totals are the last to go.
    """
    start, goal = (False, cell[0]), (True, cell[1])
    heights, widths = len(table), len(table[0])
    best: dict[_Place, float] = {start: 0.0}
    queue: list[tuple[float, _Place, frozenset[tuple[int, int]]]] = [(0.0, start, frozenset())]
    while queue:
        cost, place, used = heapq.heappop(queue)
        if place == goal:
            return set(used)
        if cost > best[place]:
            continue
        is_column, number = place
        for other in range(heights if is_column else widths):
            step = (other, number) if is_column else (number, other)
            if step == cell or (free and step not in hidden):
                continue
            total = step[0] == heights - 1 or step[1] == widths - 1
            price = 0.0 if step in hidden else 1.0 + table[step[0]][step[1]] + (10.0**12 if total else 0.0)
            there = (not is_column, other)
            if cost + price < best.get(there, float("inf")):
                best[there] = cost + price
                heapq.heappush(queue, (cost + price, there, used | {step}))
    return None
