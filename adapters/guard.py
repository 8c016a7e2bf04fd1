"""The address guard: which resolved addresses we may connect to.

An address from outside (endpoint, @context, redirect) may lead to our own network. The guard judges what the name
resolved to, never how it was written, and the connection goes to exactly the address that was judged.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from schemas.errors import ForbiddenAddress, SettingsError, Unavailable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def parse_networks(text: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, fd00::/8` to networks; SettingsError names the one that is none."""
    found: list[Network] = []
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        try:
            found.append(ip_network(part, strict=False))
        except ValueError as e:
            raise SettingsError(f"not a network: {e}", field="KAKEHASHI_ALLOW_NETWORKS", value=part) from None
    return tuple(found)


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64, Teredo server side), else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in net for net in _NAT64) or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFF_FFFF) if int(address) > 1 else address
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True)
class Guard:
    """Public addresses pass; others only inside an allowed network."""

    allowed: tuple[Network, ...] = ()

    def permits(self, address: Address) -> bool:
        real = embedded(address)
        if any(a in net for net in self.allowed for a in (address, real) if a.version == net.version):
            return True
        return all(_is_public(a) for a in (address, real))

    async def resolve(self, host: str, port: int) -> list[str]:
        """The permitted addresses of `host`, at least one, in the resolver's order. ForbiddenAddress if it has only
        others; Unavailable if it has none."""
        try:
            found: Sequence[str] = [str(ip_address(host))]
        except ValueError:
            loop = asyncio.get_running_loop()
            try:
                rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as e:
                raise Unavailable(f"the name {host!r} can't be resolved ({e.__class__.__name__})") from None
            found = [str(row[4][0]).partition("%")[0] for row in rows]
        permitted = [text for text in dict.fromkeys(found) if self.permits(ip_address(text))]
        if permitted:
            return permitted
        raise ForbiddenAddress(
            f"{host!r} leads to an address inside a private network; an operator can allow it with "
            "KAKEHASHI_ALLOW_NETWORKS",
            field="endpoint",
        )
