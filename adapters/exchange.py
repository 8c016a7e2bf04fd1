"""What goes along with every exchange with a platform: time, identity, bytes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from adapters.freshness import Freshness


class Login(Protocol):
    """Headers that have to be asked for first and that end: tokens."""

    async def headers(self, deadline: float) -> Mapping[str, str]:
        """Headers that are good now. `deadline` in `loop.time()` seconds. Raises `SourceError`."""

    def refused(self, headers: Mapping[str, str]) -> bool:
        """The platform answered 401 to these; True if new ones may be asked for at once."""


@dataclass(frozen=True, slots=True)
class Access:
    """How we show a platform who we are: with the credential that we hold for it, never with the consumer's own.

    `tls` holds our certificate where the platform wants one. Nothing of it is ever shown.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    login: Login | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


NO_ACCESS = Access()


class NotModified(Exception):
    """What is kept of an answer is still good: the platform said 304 to our If-None-Match."""


class SourceContext(msgspec.Struct):
    """What an adapter needs to talk to its platform for one request.

    `deadline` is in `loop.time()` seconds. `budget` is the number of body bytes that may still be read for this request
    from this source; `Upstream` counts it down and raises `SourceTooLarge`. `received` counts the body bytes read.
    `freshness` gathers what the answers say of their use by others; `unless` (an address and the ETag of what is kept
    of it) makes that GET conditional, and `NotModified` come out of it.
    """

    deadline: float
    request_id: str = ""
    via: str = ""
    """Value of the Via header to send: the chain so far and our own alias (clause 4.3.6.6)."""
    access: Access = NO_ACCESS
    budget: int = 64 * 1024 * 1024
    received: int = 0
    freshness: Freshness | None = None
    unless: tuple[str, str] | None = None
    warned: str = ""
    """NGSILD-Warnings of an answer (clause 6.3.17): of what its own sources did not give."""
    sent: int = 0
    """Body bytes sent: of writes."""
    origin: str = ""
    """Of a write: the request that it began with, through however many gateways."""
    entity_map: str | None = None
    """The EntityMap that the platform keeps of this query (clause 5.5.14), as it gave it; "": it is to make one. None:
    the query has nothing to do with a map. Where the platform says which one it used, that stands here afterwards."""
    conveyed: Mapping[str, str] = {}
    """Headers that the registration wants conveyed beside all that (clause 4.3.6.5)."""
    alone: bool = False
    """What is asked is for the platform itself to answer, not for those that it would ask (clause 6.3.18)."""
