"""What is published gives no small count away: not alone, and not with its sums."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kpi.statistics import publish

TABLES = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.one_of(st.integers(0, 12), st.integers(0, 200)), min_size=columns, max_size=columns),
        min_size=1,
        max_size=4,
    )
)


def computable(published: list[list[int | None]]) -> list[tuple[int, int]]:
    """Hidden cells whose value follows from the sums alone: those that no solution of the equations leaves open."""
    unknown = [(r, c) for r, row in enumerate(published) for c, n in enumerate(row) if n is None]
    at = {cell: n for n, cell in enumerate(unknown)}
    heights, widths = len(published), len(published[0])
    lines = [[(r, c) for c in range(widths)] for r in range(heights)]
    lines += [[(r, c) for r in range(heights)] for c in range(widths)]
    equations = np.zeros((len(lines), max(len(unknown), 1)))
    for n, line in enumerate(lines):
        for cell in line:
            if cell in at:
                # the last of a line is the sum of the others
                equations[n, at[cell]] = -1 if cell == line[-1] else 1
    _, values, directions = np.linalg.svd(equations)
    rank = int((values > 1e-9).sum())
    free = directions[rank:]
    return [cell for cell, n in at.items() if not free.size or np.abs(free[:, n]).max() < 1e-9]


@settings(max_examples=300, deadline=None)
@given(TABLES)
def test_nothing_small_is_said_or_follows(cells: list[list[int]]) -> None:
    published = publish(cells)
    whole = [[*row, sum(row)] for row in cells]
    whole.append([sum(column) for column in zip(*whole, strict=True)])
    for said, true in zip(published, whole, strict=True):
        for shown, count in zip(said, true, strict=True):
            assert shown is None or (shown == count and not 0 < count < 10)
    assert computable(published) == []


def test_the_oracle_finds_what_is_given_away() -> None:
    assert computable([[None, 20, 25], [30, 40, 70], [35, 60, 95]]) == [(0, 0)]
    assert computable([[None, None, 25], [None, None, 70], [35, 60, 95]]) == []


def test_no_more_than_needed() -> None:
    assert publish([[5, 20, 30], [40, 50, 60], [70, 80, 90]]) == [
        [None, None, 30, 55], [None, None, 60, 150], [70, 80, 90, 240], [115, 150, 180, 445],
    ]  # fmt: skip
    assert publish([[100, 200], [300, 400]])[0] == [100, 200, 300]
    assert publish([[0, 0], [0, 0]]) == [[0] * 3] * 3
    assert publish([[3]]) == [[None, None], [None, None]]
    assert publish([]) == []
