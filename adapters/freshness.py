"""How long a platform's answer may be used again, by its own word and by the consumer's (RFC 9111, RFC 5861). Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

_FOREVER = 86_400.0
"""Nothing is used for longer without asking."""


class Freshness(msgspec.Struct):
    """What the answers to one question said together: the shortest time of all counts.

    `seconds`: None if nobody said. `store`: False if it may not be kept. `stale_if_error`: seconds that it may be used
    for beyond, where the platform fails; None if nobody said. `etag` and `url` are set if there was one exchange.
    """

    seconds: float | None = None
    store: bool = True
    stale_if_error: float | None = None
    etag: str | None = None
    url: str = ""
    exchanges: int = 0

    def take(self, url: str, headers: Mapping[str, str]) -> None:
        """One more answer of the same question."""
        self.exchanges += 1
        self.url = url
        self.etag = headers.get("etag") if self.exchanges == 1 else None
        control = headers.get("cache-control")
        if control is None:
            return
        said = directives(control)
        if "no-store" in said or "private" in said:
            self.store = False
        seconds = 0.0 if "no-cache" in said else _seconds(said.get("s-maxage", said.get("max-age")))
        if seconds is not None:
            left = max(seconds - (_seconds(headers.get("age")) or 0.0), 0.0)
            self.seconds = left if self.seconds is None else min(self.seconds, left)
        strict = not {"must-revalidate", "proxy-revalidate", "s-maxage"}.isdisjoint(said)
        stale = 0.0 if strict else _seconds(said.get("stale-if-error"))
        if stale is not None:
            self.stale_if_error = stale if self.stale_if_error is None else min(self.stale_if_error, stale)


class Demand(msgspec.Struct, frozen=True):
    """What a consumer demands of answers that are kept (RFC 9111 §5.2.1). `age`: seconds that one may have; less than
    0: none is used without asking. `store`: False if nothing may be kept of this request."""

    age: float = math.inf
    store: bool = True

    @property
    def anew(self) -> bool:
        """The platform is to be asked for this request."""
        return self.age <= 0


WHATEVER = Demand()


def demand_of(headers: Mapping[bytes, bytes]) -> Demand:
    """Of the headers of a request (names in lower case)."""
    control = headers.get(b"cache-control")
    if control is None:
        # RFC 9111 §5.4
        return Demand(-1.0) if b"no-cache" in headers.get(b"pragma", b"").lower() else WHATEVER
    said = directives(control.decode("latin-1"))
    seconds = _seconds(said.get("max-age"))
    age = -1.0 if "no-cache" in said else math.inf if seconds is None else seconds
    return Demand(age, "no-store" not in said)


def directives(control: str) -> dict[str, str]:
    """Names in lower case, each with its argument ("" if there is none)."""
    found = {}
    for part in control.split(","):
        name, _, value = part.strip().partition("=")
        if name:
            found[name.lower()] = value.strip().strip('"')
    return found


def _seconds(text: str | None) -> float | None:
    """None where nothing is said; what is no number is 0 (RFC 9111 §4.2.1: stale)."""
    if text is None:
        return None
    return min(float(text[:9]), _FOREVER) if text.isascii() and text.isdigit() else 0.0
