"""A source of the catalogue and the state of its harvest."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class CatalogueMode(StrEnum):
    COPY = "copy"
    """Harvested: its datasets are copied, with their source named."""
    ASK = "ask"
    """It must not be copied: asked at the time of the search, nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """A catalogue that is harvested or asked. Its credential lies sealed in the store."""

    id: str
    kind: str
    """Name of the adapter, an entry point of group `kakehashi.catalogues`."""
    endpoint: str
    title: str = ""
    area: str | None = None
    """The programme's area whose data all of it is, if it is one area's."""
    organisation: str | None = None
    """Who answers for it: the provider in the record of downloads."""
    mode: CatalogueMode = CatalogueMode.COPY
    options: dict[str, Any] = field(default_factory=dict)
    interval_s: int = 86_400
    """From the end of a good harvest to the next one."""
    has_credential: bool = False
    version: int = 0


class HarvestState(StrEnum):
    NEVER = "never"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    """It came to its end, but not all that the source says it has was seen: nothing was taken away."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HarvestStatus:
    """How the harvest of a source stands. Times are RFC 3339, empty if there was none."""

    source: str
    state: HarvestState = HarvestState.NEVER
    run: int = 0
    started: str = ""
    ended: str = ""
    succeeded: str = ""
    """The last time that it was seen whole."""
    due: str = ""
    failures: int = 0
    """In a row."""
    problem: str = ""
    seen: int = 0
    total: int | None = None
    """As the source says."""
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    skipped: int = 0
    datasets: int = 0
    """How many there are of it now."""
