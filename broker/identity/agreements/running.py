"""What is under way by an agreement ends when the agreement does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from schemas.errors import Forbidden

Held = tuple[str, int | None]
"""An agreement and the version by which something is done."""


class Run:
    """Something that is under way; `ended` once one of the agreements by which it is has ended."""

    __slots__ = ("end", "ended")

    def __init__(self, end: Callable[[], object]) -> None:
        self.end = end
        self.ended = False


class Running:
    """One per worker."""

    def __init__(self) -> None:
        self._runs: dict[Held, set[Run]] = {}

    def held(self) -> list[Held]:
        """By what something is under way."""
        return list(self._runs)

    @contextmanager
    def under_way(self, held: Collection[Held]) -> Iterator[None]:
        """The block is cancelled when one of them ends, and Forbidden is raised in its place."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("nothing is under way outside of a task")
        before = task.cancelling()
        with self.until_ended(held, task.cancel) as run:
            try:
                yield
            except asyncio.CancelledError:
                if run.ended and task.uncancel() <= before:
                    raise ended() from None
                raise

    @contextmanager
    def until_ended(self, held: Collection[Held], end: Callable[[], object]) -> Iterator[Run]:
        """`end` is called when one of them ends during the block; for what goes on over several tasks."""
        run = Run(end)
        for each in held:
            self._runs.setdefault(each, set()).add(run)
        try:
            yield run
        finally:
            for each in held:
                runs = self._runs[each]
                runs.discard(run)
                if not runs:
                    del self._runs[each]

    def end(self, gone: Iterable[Held]) -> None:
        """End what is under way by these."""
        for each in gone:
            for run in list(self._runs.get(each, ())):
                if not run.ended:
                    run.ended = True
                    run.end()


def ended() -> Forbidden:
    return Forbidden("the agreement by which this was asked has ended meanwhile", field="agreement")
