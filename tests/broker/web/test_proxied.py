"""Which peers may pass a subject on: by their address, whatever they say of others."""

from __future__ import annotations

from typing import Any

import pytest

from broker.web.proxied import Proxied, read_networks

SUBJECT = (b"x-client-subject", b"CN=app")
NETWORKS = read_networks("10.9.0.0/16, 2001:db8::/32")


async def passed(peer: Any, *headers: tuple[bytes, bytes], secret: bytes = b"") -> tuple[int, dict[bytes, bytes]]:
    """The status (0: it came through), and the headers behind it."""
    seen: dict[bytes, bytes] = {}
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope["headers"])

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = {"type": "http", "path": "/", "client": peer, "headers": list(headers)}
    await Proxied(app, SUBJECT[0], NETWORKS, secret)(scope, receive, send)
    return (sent[0]["status"] if sent else 0), seen


@pytest.mark.parametrize("address", ["10.9.0.1", "10.9.255.255", "::ffff:10.9.0.1", "2001:db8::1", "2001:db8::1%eth0"])
async def test_a_proxy_that_is_trusted(address: str) -> None:
    assert await passed((address, 1), SUBJECT) == (0, {b"kakehashi-subject": b"CN=app"})


@pytest.mark.parametrize(
    "peer",
    [
        ("10.10.0.1", 1),
        ("127.0.0.1", 1),
        ("::1", 1),
        ("::ffff:10.10.0.1", 1),
        ("2001:db9::1", 1),
        ("", 0),
        None,
        ("x", 1),
    ],
)
async def test_others_are_not(peer: Any) -> None:
    told = ((b"x-forwarded-for", b"10.9.0.1"), (b"forwarded", b"for=10.9.0.1"), (b"x-real-ip", b"10.9.0.1"))
    assert (await passed(peer, SUBJECT, *told))[0] == 401
    # without a subject nothing is refused, and our own name for it comes from nobody
    assert await passed(peer, (b"kakehashi-subject", b"CN=desk"), (b"host", b"x")) == (0, {b"host": b"x"})


async def test_with_a_secret_both_have_to_be_right() -> None:
    secret = (b"kakehashi-proxy-secret", b"s" * 20)
    ours, others = ("10.9.0.1", 1), ("10.10.0.1", 1)
    assert (await passed(ours, SUBJECT, secret, secret=b"s" * 20)) == (0, {b"kakehashi-subject": b"CN=app"})
    assert (await passed(ours, SUBJECT, secret=b"s" * 20))[0] == 401
    assert (await passed(others, SUBJECT, secret, secret=b"s" * 20))[0] == 401
    assert (await passed(ours, SUBJECT, secret, secret, secret=b"s" * 20))[0] == 401
