"""What the secretariat says of an address to which the feed is pushed."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from schemas.errors import BadRequestData
from schemas.kpi.definition import Slug
from schemas.kpi.reading import read


class HookInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Slug
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    since: Annotated[int, Meta(ge=0, le=10**18)] | None = None
    """A cursor of the feed: what comes behind it is told, too."""


def read_hook(document: object) -> HookInput:
    """Raises BadRequestData that names the member."""
    given = read(HookInput, document)
    try:
        parts = urlsplit(given.url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise BadRequestData("A hook has an address with http or https.", field="url", value=given.url)
    return given
