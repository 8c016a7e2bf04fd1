"""The Via chain (clauses 4.3.6.4, 6.3.18; RFC 9110 §7.6.3): a request that has been here already goes no further.

The pseudonym is the gateway's stable alias, with the tenant where there is one: never host and port, which change
behind proxies.
"""

from __future__ import annotations

from schemas.errors import InvalidRequest

MAX_HOPS = 16
MAX_LENGTH = 4096


def pseudonym(alias: str, tenant: str) -> str:
    """Our entry in the chain."""
    return f"{alias}.{tenant}" if tenant else alias


def hops(via: str | None) -> tuple[str, ...]:
    """The pseudonyms of a Via header, in order; comments and protocol versions are dropped."""
    if not via:
        return ()
    if len(via) > MAX_LENGTH:
        raise InvalidRequest("the Via header is too long", field="Via", clause="6.3.18")
    found = []
    for part in via.split(","):
        words = part.split()
        if len(words) >= 2:
            found.append(words[1])
    return tuple(found)


def been_here(via: str | None, own: str) -> bool:
    """True if our own pseudonym is in the chain, or the chain is too long to be anything but a loop."""
    chain = hops(via)
    return own in chain or len(chain) > MAX_HOPS


def extended(via: str | None, own: str) -> str:
    """The chain to send on."""
    return f"{via}, 1.1 {own}" if via else f"1.1 {own}"
