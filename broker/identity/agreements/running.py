"""What is under way by an agreement ends when the agreement does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from schemas.errors import Forbidden

Held = tuple[str, int | None]
"""An agreement and the version by which something is done."""


class _Run:
    __slots__ = ("ended", "task")

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task = task
        self.ended = False


class Running:
    """One per worker."""

    def __init__(self) -> None:
        self._runs: dict[Held, set[_Run]] = {}

    def held(self) -> list[Held]:
        """By what something is under way."""
        return list(self._runs)

    @contextmanager
    def under_way(self, held: Collection[Held]) -> Iterator[None]:
        """The block is cancelled when one of them ends, and Forbidden is raised in its place."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("nothing is under way outside of a task")
        run = _Run(task)
        before = task.cancelling()
        for each in held:
            self._runs.setdefault(each, set()).add(run)
        try:
            yield
        except asyncio.CancelledError:
            if run.ended and task.uncancel() <= before:
                raise ended() from None
            raise
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
                    run.task.cancel()


def ended() -> Forbidden:
    return Forbidden("the agreement by which this was asked has ended meanwhile", field="agreement")
