"""Every way that we know to write an address of a private network, and names that lead there."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

V4 = (
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
)
V6 = ("::1", "::", "fc00::1", "fd12:3456:789a::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1")
NAMES = (
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost.localdomain",
    "ip6-localhost",
    "ip6-loopback",
    "broadcasthost",
)
_WIDE = str.maketrans("0123456789.", "０１２３４５６７８９。")
_CIRCLED = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")


def hosts() -> list[str]:
    """As they stand in a URL, IPv6 in brackets."""
    found = [form for text in V4 for form in _of_v4(IPv4Address(text))]
    found += [form for text in V6 for form in _of_v6(IPv6Address(text))]
    return list(dict.fromkeys((*found, *NAMES)))


def _of_v4(address: IPv4Address) -> Iterator[str]:
    a, b, c, d = address.packed
    number = int(address)
    yield str(address)
    yield f"{address}."
    yield str(number)
    yield hex(number)
    yield hex(number).upper().replace("X", "x")
    yield f"0{number:o}"
    yield ".".join(f"0{part:o}" for part in (a, b, c, d))
    yield ".".join(f"000{part:o}" for part in (a, b, c, d))
    yield ".".join(hex(part) for part in (a, b, c, d))
    yield f"{hex(a)}.{b}.0{c:o}.{d}"
    yield f"{a}.{b}.{(c << 8) | d}"
    yield f"{a}.{(b << 16) | (c << 8) | d}"
    yield f"{a:03}.{b:03}.{c:03}.{d:03}"
    yield str(number + 2**32)
    yield str(address).translate(_WIDE)
    yield str(address).translate(_CIRCLED)
    yield str(address).replace(".", "%2e")
    yield "".join(f"%{ord(letter):02x}" for letter in str(address))
    pairs = f"{a:02x}{b:02x}:{c:02x}{d:02x}"
    yield f"[::ffff:{address}]"
    yield f"[::ffff:{pairs}]"
    yield f"[0:0:0:0:0:ffff:{pairs}]"
    yield f"[::{address}]"
    yield f"[64:ff9b::{address}]"
    yield f"[64:ff9b::{pairs}]"
    yield f"[64:ff9b:1::{pairs}]"
    yield f"[2002:{pairs}::1]"
    yield f"[2001:0:{pairs}::1]"
    teredo = int(IPv6Address("2001:0:808:808::")) | (number ^ 0xFFFF_FFFF)
    yield f"[{IPv6Address(teredo)}]"
    yield f"user@{address}"
    yield f"example.jp@{address}"
    yield f"example.jp%40{address}"
    yield f"example.jp#@{address}"
    yield f"{address}%00.example.jp"


def _of_v6(address: IPv6Address) -> Iterator[str]:
    yield f"[{address.compressed}]"
    yield f"[{address.exploded}]"
    yield f"[{address.exploded.upper()}]"
    yield f"[{address.compressed}%25lo]"
    yield f"[{address.compressed}%lo]"
    yield address.compressed
