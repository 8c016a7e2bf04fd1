"""What the tour has seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from broker.demo.questions import Question


@dataclass(frozen=True, slots=True)
class Share:
    """What one platform did for one answer: an item of its Server-Timing."""

    platform: str
    status: str
    ms: float


@dataclass(slots=True)
class Step:
    """One question and its answer."""

    question: Question
    status: int
    n: int
    """Entities (features, types) in the answer."""
    ms: float
    """As the asker saw it."""
    shares: list[Share]
    flows: list[str]
    """Ids from Kakehashi-Flow."""
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class AreaResult:
    """What an area did for the first question."""

    id: str
    adapter: str
    status: str
    entities: int
    ms: float


@dataclass(slots=True)
class Report:
    """`problems` is empty if every step was as it should be."""

    areas: list[AreaResult]
    entities: int
    flows: list[dict[str, Any]]
    kpi: dict[str, Any]
    steps: list[Step]
    sample: list[dict[str, Any]]
    """Some of the merged shelters."""
    plan: dict[str, Any]
    problems: list[str]

    @property
    def ok(self) -> bool:
        return not self.problems

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "areas": [
                {"id": a.id, "adapter": a.adapter, "status": a.status, "entities": a.entities, "ms": a.ms}
                for a in self.areas
            ],
            "entities": self.entities,
            "flows": len(self.flows),
            "kpi": self.kpi,
            "ok": self.ok,
        }


FAILED: dict[str, Any] = {"areas": [], "entities": 0, "flows": 0, "kpi": {}, "ok": False}
"""What `--json` prints if there was no tour."""
