"""What a report's evidence names beside the entries of the ledger (`kpi.json`): where to count, and by what.

Numbers of entries are called `seq`; `events` and `flows` are the first ones that count no more.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from schemas.ledger.correction import Replacement


class Closing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    number: int
    digest: str


class Counted(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A fiscal year: flows and corrections before these entries count. `closing`: the one that settled it."""

    year: int
    flows: int
    events: int
    project_version: int
    closing: Closing | None


class Agreed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A definition, and the event by which both sides had agreed."""

    seq: int
    version: int
    definition: dict[str, Any]


class Corrected(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    seq: int
    flow: str
    replacement: Replacement | None


class Version(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Of the project, without its contacts."""

    version: int
    project: dict[str, Any]


class Basis(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`filing`: the number under which the report was filed. `years`: the report's own first. `events`: agreements and
    entered values before this entry count. `before`: the pack of the last meeting, as it was filed. `masked`: entries
    that don't concern the project are hashes."""

    form: Literal[1]
    kind: str
    year: int
    as_of: str
    filing: int | None
    events: int
    project_version: int
    projects: list[Version]
    definitions: list[Agreed]
    corrections: list[Corrected]
    years: list[Counted]
    before: str | None
    masked: bool
