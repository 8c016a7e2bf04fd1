"""Where each attribute of an answer comes from, on request (`options=provenance`). Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from broker.federation.collected import Collected
from schemas.ngsi_ld.model import ENTITY_MEMBERS

Entity = dict[str, Any]
MEMBER = "provenance"
"""A sub-attribute; one of that name that the platform itself gave gives way to it."""


def marker(collected: Collected) -> dict[str, Any]:
    """The sub-attribute for everything that one source gave: its platform, area, organisation, and when it said so."""
    source, outcome = collected.step.source, collected.outcome
    at = datetime.fromtimestamp(outcome.asked_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {
        "platform": source.id,
        "area": source.provider.area,
        "organisation": source.provider.organisation,
        "askedAt": at,
    }
    return {"type": "Property", "value": {name: value for name, value in told.items() if value is not None}}


def marked(entity: Entity, mark: dict[str, Any]) -> Entity:
    """A copy whose attributes, instance by instance, have the marker."""
    return {n: v if n in ENTITY_MEMBERS else _with(v, mark) for n, v in entity.items()}


def _with(value: Any, mark: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_with(one, mark) for one in value]
    return {**value, MEMBER: mark} if isinstance(value, dict) else value
