"""What the secretariat says of an address to which the feed is pushed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.kpi.definition import Slug


class HookInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Slug
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    since: Annotated[int, Meta(ge=0, le=10**18)] | None = None
    """A cursor of the feed: what comes behind it is told, too."""
