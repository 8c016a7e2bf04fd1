"""The context source filter (clause 4.9): which sources are asked, by what their registrations say. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.registry.source import Source
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.q import Q
from schemas.ngsi_ld.representation import from_any
from schemas.platform import Platform

_FIXED = ("type", "information", "endpoint", "tenant", "location", "mode", "@context")


def chosen(sources: Sequence[Source], csf: Q, context: Context) -> list[Source]:
    """The sources whose registration fits; the local store has none and always takes part."""
    return [s for s in sources if not s.network or csf.matches(registered(s.platform, context))]


def registered(platform: Platform, context: Context) -> dict[str, Any]:
    """A registration's own properties in a context, beside those that a platform has: area, organisation, adapter,
    registrationName and mode."""
    said = platform.coverage.registration or {}
    members: dict[str, Any] = {context.compact(name): value for name, value in said.items() if name not in _FIXED}
    known = {
        "area": platform.area,
        "organisation": platform.organisation,
        "adapter": platform.adapter,
        "registrationName": platform.name or None,
        "mode": platform.mode.value,
    }
    members |= {context.canonical(name): value for name, value in known.items() if value is not None}
    return {**from_any({name: value for name, value in members.items() if name != "id"}), "id": platform.id}
