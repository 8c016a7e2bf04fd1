"""What one source gave for one request."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapters.contract import Page
from broker.federation.plan import Step
from schemas.outcome import Outcome, Status


class Collected(msgspec.Struct):
    """What one source gave. Pages that came before a failure are kept (outcome PARTIAL). `names`: its entity types."""

    step: Step
    outcome: Outcome
    pages: list[Page] = []
    names: tuple[str, ...] = ()
    entity_map: str | None = None
    """The EntityMap that the source used for its answer, if it was to use one, as it gave it."""

    def ids(self) -> Iterator[str]:
        """Of the entities that the source gave."""
        for page in self.pages:
            if page.heads is not None:
                yield from (head.id for head in page.heads)
            else:
                yield from (entity["id"] for entity in page.entities or ())

    def sum_up(self) -> None:
        """Settle what the outcome says of the pages."""
        outcome = self.outcome
        outcome.received = len(self.names)
        for page in self.pages:
            outcome.received += len(page.heads) if page.heads is not None else len(page.entities or ())
            if page.total is not None:
                outcome.total = page.total
        if outcome.status is Status.OK:
            if not outcome.received:
                outcome.status = Status.EMPTY
        elif outcome.received:
            outcome.status = Status.PARTIAL
