"""A dataset as it is shown: with all catalogues that it is in, and whether the asking service may use it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from catalog.quality import Findings
from schemas.dataset import Access, Dataset
from schemas.flow import Consumer


@dataclass(frozen=True, slots=True)
class Origin:
    """One catalogue in which a dataset is."""

    id: str
    source: str
    identifier: str


class LinkState(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a file of a dataset. `place`: of its distribution. `alive` is None where nobody can tell;
    `unreadable` says why what was had is not what it says it is."""

    place: int
    alive: bool | None
    checked: datetime
    words: str
    unreadable: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A dataset with its origins, itself first; `score` of the search, `changed`: when the catalogue saw a change."""

    dataset: Dataset
    score: float
    origins: tuple[Origin, ...]
    changed: str = ""
    links: tuple[LinkState, ...] = ()
    """Of those of its files that were asked for."""
    cluster: str = ""
    """What the same dataset is called in whatever catalogues."""
    series: Dataset | None = None
    """The series that it belongs to, if the catalogue has it."""

    duplicate: bool = False
    """Its own catalogue has another one of its publisher and title."""

    @property
    def findings(self) -> Findings:
        """What its quality is judged by, beside what it says."""
        return Findings(
            broken=any(link.alive is False for link in self.links),
            unreadable=any(link.unreadable for link in self.links),
            duplicate=self.duplicate,
        )


class AgreementState(StrEnum):
    """Whether the asking service may use a dataset."""

    NOT_NEEDED = "not-needed"
    AGREED = "agreed"
    NEEDED = "needed"
    UNKNOWN = "unknown"
    """Neither its licence nor an agreement says anything."""


class Agreements(Protocol):
    """Who may use what; the one place where the catalogue learns of agreements."""

    def state(self, consumer: Consumer, dataset: Dataset) -> AgreementState:
        """No I/O: it is asked for every dataset that is shown."""


class ByLicence:
    """What licences and catalogues say, where no agreements are kept."""

    def state(self, consumer: Consumer, dataset: Dataset) -> AgreementState:
        return {
            Access.OPEN: AgreementState.NOT_NEEDED,
            Access.AGREEMENT: AgreementState.NEEDED,
            Access.UNKNOWN: AgreementState.UNKNOWN,
        }[dataset.access]
