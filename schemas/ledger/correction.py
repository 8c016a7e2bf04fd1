"""Corrections: a flow is reversed, and counted as its replacement says, or no more. The flow itself stays as it is."""

from __future__ import annotations

from uuid import UUID

import msgspec

from schemas.ledger.entry import EventEntry

APPROVED = "correction.approved"


class Replacement(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What counts instead of what was recorded."""

    batch: bool
    bytes: int
    entities: int


class Correction(msgspec.Struct, frozen=True):
    """`replacement`: None reverses the flow altogether. Of two corrections of a flow the later one counts."""

    approved_by: str
    flow: str
    reason: str
    replacement: Replacement | None
    requested_by: str


def corrected_by(event: EventEntry) -> Correction | None:
    """The correction that an entry is; None for other events. ValueError for one that is not as they are."""
    if event.event != APPROVED:
        return None
    try:
        correction = msgspec.convert(event.body, Correction)
        UUID(correction.flow)
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"a correction that is none: {error}") from None
    if correction.requested_by == correction.approved_by or not correction.reason:
        raise ValueError("a correction without a reason, or approved by who requested it")
    found = correction.replacement
    if found is not None and not (0 <= found.entities < 2**53 and 0 <= found.bytes < 2**53):
        raise ValueError("a correction by impossible numbers")
    return correction
