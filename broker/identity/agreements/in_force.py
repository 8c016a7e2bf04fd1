"""What this worker knows of agreements, in one hand: the index, what is under way, and what ends when they change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from broker.identity.agreements.index import AgreementIndex
from broker.identity.agreements.quotas import Quotas, Usage
from broker.identity.agreements.running import Running, ended
from schemas.agreement import Agreement
from schemas.narrowing import Clause


class InForce:
    """One per worker, fed by the change feed."""

    def __init__(self, usage: Usage) -> None:
        self.index = AgreementIndex()
        self.running = Running()
        self.quotas = Quotas(usage)

    def replace(self, agreements: Iterable[Agreement]) -> None:
        """Take over the agreements as they are now, and end what is under way by those that hold no longer."""
        self.index.replace(agreements)
        now = datetime.now(UTC)
        self.running.end([each for each in self.running.held() if not self.index.holds(*each, now)])

    def check(self, clause: Clause) -> None:
        """Forbidden if the clause's agreement has ended."""
        agreement = clause.agreement
        if agreement is not None and not self.index.holds(agreement, clause.version, datetime.now(UTC)):
            raise ended()
