"""Projects of the programme: who works with which areas and services, for how long, and how it is paid."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import rfc8785
from msgspec import Meta

from schemas.errors import BadRequestData
from schemas.kpi.definition import Prose, Slug, Word, Words
from schemas.kpi.formula import names_of
from schemas.kpi.reading import dump, read

GIVEN = ("score", "full_score", "quantitative", "qualitative", "ceiling")
"""Names that every payment formula may use; a project's own variables come beside them."""


class ProjectKind(StrEnum):
    LINKED = "linked"
    """データ連携型: a service in one area uses another area's platform."""
    PREPARING = "preparing"
    """データ連携準備型: an area builds its platform, to be linked and rolled out later."""


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By role, so that nobody's name has to stand here."""

    role: Word
    organisation: Word
    address: Annotated[str, Meta(max_length=200)] = ""


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the committee judges (定性評価)."""

    id: Slug
    name_ja: Word
    points: Decimal
    name_en: Annotated[str, Meta(max_length=200)] = ""


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """協定金: whole yen, never below 0 nor above `ceiling`, whatever the formula says."""

    formula: Annotated[str, Meta(min_length=1, max_length=500)]
    ceiling: Annotated[int, Meta(ge=0, le=10**12)]
    variables: dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}\Z")], Decimal] = {}


class Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`first_year`: the fiscal year that is year 1 of the targets."""

    id: Slug
    name_ja: Word
    kind: ProjectKind
    first_year: Annotated[int, Meta(ge=2000, le=2999)]
    name_en: Annotated[str, Meta(max_length=200)] = ""
    organisations: Words = ()
    areas: Words = ()
    services: Words = ()
    """Besides those that are registered under this project."""
    agreed_from: date | None = None
    agreed_until: date | None = None
    contacts: Annotated[tuple[Contact, ...], Meta(max_length=50)] = ()
    criteria: Annotated[tuple[Criterion, ...], Meta(max_length=50)] = ()
    payment: Payment | None = None
    note: Prose = ""


def read_project(document: object) -> Project:
    """Raises BadRequestData that names the member."""
    found = read(Project, document)
    if found.agreed_from and found.agreed_until and found.agreed_until < found.agreed_from:
        raise BadRequestData("The agreement ends before it begins.", field="agreed_until")
    if len({c.id for c in found.criteria}) < len(found.criteria):
        raise BadRequestData("Two criteria have the same id.", field="criteria")
    if found.payment is not None:
        try:
            unknown = names_of(found.payment.formula) - {*GIVEN, *found.payment.variables}
        except BadRequestData as error:
            raise BadRequestData(error.detail, field="payment.formula", value=error.value) from None
        if unknown:
            raise BadRequestData(
                f"The formula knows {', '.join(GIVEN)} and its own variables, not {', '.join(sorted(unknown))}.",
                field="payment.formula",
            )
    return found


def public_part(project: Project) -> dict[str, Any]:
    """What the ledger vouches for and evidence shows: all but contacts."""
    found: dict[str, Any] = dump(project)
    del found["contacts"]
    return found


def project_digest(project: Project) -> str:
    """SHA-256 (hex) of the canonical JSON (RFC 8785) of its public part."""
    return hashlib.sha256(rfc8785.dumps(public_part(project))).hexdigest()
