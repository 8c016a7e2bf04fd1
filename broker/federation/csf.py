"""The context source filter (clause 4.9): which sources are asked, by what their registrations say. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from broker.registry.source import Source
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.q import Q
from schemas.ngsi_ld.registration_properties import registered


def chosen(sources: Sequence[Source], csf: Q, context: Context) -> list[Source]:
    """The sources whose registration fits; the local store has none and always takes part."""
    return [s for s in sources if not s.network or csf.matches(registered(s.platform, context))]
