"""What a context source filter looks at (clause 4.9): the properties of a registration. Pure."""

from __future__ import annotations

from typing import Any, Final

from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.representation import from_any
from schemas.platform import Platform

_FIXED: Final = ("type", "information", "endpoint", "tenant", "location", "mode", "@context")


def registered(platform: Platform, context: Context) -> dict[str, Any]:
    """A registration's own properties in a context, beside those that a platform has: endpoint, area, organisation,
    adapter, registrationName and mode."""
    said = platform.coverage.registration or {}
    members: dict[str, Any] = {context.compact(name): value for name, value in said.items() if name not in _FIXED}
    known = {
        "endpoint": platform.endpoint,
        "area": platform.area,
        "organisation": platform.organisation,
        "adapter": platform.adapter,
        "registrationName": platform.name or None,
        "mode": platform.mode.value,
    }
    members |= {context.canonical(name): value for name, value in known.items() if value is not None}
    return {**from_any({name: value for name, value in members.items() if name != "id"}), "id": platform.id}
