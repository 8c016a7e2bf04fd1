"""The address guard: judged is what a name resolves to, in whatever form it was written."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from adapters.guard import LOOPBACK, Guard, embedded, parse_networks
from schemas.errors import ForbiddenAddress, SettingsError, Unavailable

PUBLIC = ["8.8.8.8", "1.1.1.1", "203.0.114.1", "2606:4700::1111", "2001:4860:4860::8888"]
PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2002:0a00:0001::1",
    "2002:7f00:0001::1",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_pass(text: str) -> None:
    assert Guard().permits(ip_address(text))


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_do_not(text: str) -> None:
    assert not Guard().permits(ip_address(text))


def test_teredo_and_6to4_of_public_addresses_are_judged_by_both_parts() -> None:
    teredo = ip_address("2001:0:4136:e378:8000:63bf:f5ff:fffe")
    assert embedded(teredo) == ip_address("10.0.0.1")
    assert not Guard().permits(teredo)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_loopback_where_it_is_allowed(text: str) -> None:
    guard = Guard(LOOPBACK)
    assert guard.permits(ip_address(text))
    assert not guard.permits(ip_address("10.0.0.1"))
    assert guard.permits(ip_address("8.8.8.8"))


def test_networks_of_the_operator() -> None:
    guard = Guard(parse_networks("10.1.0.0/16, fd00::/8 192.168.3.7"))
    for text in ("10.1.2.3", "fd00::5", "192.168.3.7", "::ffff:10.1.2.3"):
        assert guard.permits(ip_address(text)), text
    for text in ("10.2.0.1", "192.168.3.8", "fc00::1", "127.0.0.1"):
        assert not guard.permits(ip_address(text)), text


@pytest.mark.parametrize("text", ["10.0.0.0/33", "nonsense", "10.0.0.1-10.0.0.9", "fd00::/200"])
def test_networks_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_networks(text)
    assert raised.value.field == "KAKEHASHI_ALLOW_NETWORKS"


def test_no_networks() -> None:
    assert parse_networks("") == parse_networks(" , ") == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "::1"])
async def test_every_way_to_write_loopback_is_forbidden(host: str) -> None:
    # a resolver that does not know a form has nothing to connect to, which is as good
    with pytest.raises((ForbiddenAddress, Unavailable)) as raised:
        await Guard().resolve(host, 80)
    if host in ("127.0.0.1", "localhost", "::1"):
        assert isinstance(raised.value, ForbiddenAddress)
        assert "KAKEHASHI_ALLOW_NETWORKS" in raised.value.detail


async def test_a_name_gives_its_permitted_addresses() -> None:
    assert "127.0.0.1" in await Guard(LOOPBACK).resolve("localhost", 80)
    assert await Guard().resolve("8.8.8.8", 80) == ["8.8.8.8"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".jp", "..", "x..y"])
async def test_a_name_that_cannot_be_resolved(host: str) -> None:
    with pytest.raises(Unavailable):
        await Guard().resolve(host, 80)
