"""What goes along with every exchange with a platform: time, identity, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class SourceContext:
    """What an adapter needs to talk to its platform for one request.

    `deadline` is in `loop.time()` seconds. `headers` carry the credential that we hold for the platform (never the
    consumer's own). `budget` is the number of body bytes that may still be read for this request from this source;
    `Upstream` counts it down and raises `SourceTooLarge`. `received` counts the body bytes read.
    """

    deadline: float
    request_id: str = ""
    via: str = ""
    """Value of the Via header to send: the chain so far and our own alias (clause 4.3.6.6)."""
    headers: Mapping[str, str] = field(default_factory=dict)
    budget: int = 64 * 1024 * 1024
    received: int = 0
