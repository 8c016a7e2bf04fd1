"""Tokens and certificates towards platforms: a real token endpoint, a real platform that checks, over HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import BasicAuth, web
from pki import issued
from scripted import Scripted, plain, serving, soon

from adapters.credentials.forms import access_of
from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from schemas.errors import ForbiddenAddress, Refused, SourceTimeout, Unavailable


class Issuer:
    """An OAuth 2 token endpoint, a Keystone, and a platform that takes their newest token."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.expires_in: Any = 3600
        self.status = 200
        self.hang: asyncio.Event | None = None
        self.seen: list[dict[str, str]] = []
        self.valid = ""

    def _issue(self) -> str:
        self.valid = f"token-{len(self.asked)}"
        return self.valid

    async def token(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        header = request.headers.get("authorization")
        if header is not None:
            basic = BasicAuth.decode(header)
            form |= {"basic": f"{basic.login}:{basic.password}"}
        self.asked.append(form)
        if self.hang is not None:
            await self.hang.wait()
        if self.status != 200:
            return web.json_response({"error": "invalid_client", "error_description": "s3cret"}, status=self.status)
        return web.json_response({"access_token": self._issue(), "expires_in": self.expires_in})

    async def keystone(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        token = {"token": {"expires_at": ends}}
        return web.json_response(token, status=201, headers={"X-Subject-Token": self._issue()})

    async def platform(self, request: web.Request) -> web.Response:
        self.seen.append({k.lower(): v for k, v in request.headers.items()})
        shown = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get("x-auth-token")
        return web.Response(status=200 if shown == self.valid else 401, body=b"[]")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running(Issuer()) as made:
        yield made


@asynccontextmanager
async def running(issuer: Issuer) -> AsyncIterator[Issuer]:
    app = web.Application()
    app.router.add_post("/token", issuer.token)
    app.router.add_post("/v3/auth/tokens", issuer.keystone)
    app.router.add_route("*", "/data", issuer.platform)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        await runner.cleanup()


def oauth2(issuer: Issuer, **more: str) -> dict[str, str]:
    return {
        "kind": "oauth2",
        "token_url": f"{issuer.url}/token",
        "client_id": "kakehashi",
        "client_secret": "s3cret",
        **more,
    }


async def test_one_token_serves_all_who_ask_at_once(issuer: Issuer, upstream: Upstream) -> None:
    access = access_of(oauth2(issuer, scope="read", audience="city"), upstream)
    asked = [upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access)) for _ in range(8)]
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
    assert issuer.asked == [
        {"grant_type": "client_credentials", "scope": "read", "audience": "city", "basic": "kakehashi:s3cret"}
    ]


async def test_the_client_may_stand_in_the_form_and_the_token_in_another_header(
    issuer: Issuer, upstream: Upstream
) -> None:
    """As Keyrock with a Wilma proxy wants it."""
    more = {"client_auth": "post", "username": "u", "password": "p&=日", "header": "X-Auth-Token"}
    access = access_of(oauth2(issuer, **more), upstream)
    answer = await upstream.request("POST", f"{issuer.url}/data", ctx=soon(access=access), body=b"{}")
    assert answer.status == 200
    [form] = issuer.asked
    assert form == {
        "grant_type": "password",
        "username": "u",
        "password": "p&=日",
        "client_id": "kakehashi",
        "client_secret": "s3cret",
    }
    assert issuer.seen[-1]["x-auth-token"] == issuer.valid
    assert "authorization" not in issuer.seen[-1]


async def test_a_token_that_was_withdrawn_is_asked_for_anew_once(issuer: Issuer, upstream: Upstream) -> None:
    access = access_of(oauth2(issuer), upstream)
    for method in ("GET", "POST"):
        assert (await upstream.request(method, f"{issuer.url}/data", ctx=soon(access=access))).status == 200
        issuer.valid = "withdrawn"
        assert (await upstream.request(method, f"{issuer.url}/data", ctx=soon(access=access))).status == 200
    assert len(issuer.asked) == 3


async def test_a_platform_that_never_agrees_is_not_asked_for_ever(issuer: Issuer, upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"", status="401 Unauthorized"))) as platform:
        access = access_of(oauth2(issuer), upstream)
        assert (await upstream.request("GET", platform.url + "/", ctx=soon(access=access))).status == 401
        assert len(platform.heads[0]) == 2
    assert len(issuer.asked) == 2


@pytest.mark.parametrize("seconds", [1, "1", 0.5])
async def test_a_token_is_renewed_before_its_end(issuer: Issuer, upstream: Upstream, seconds: Any) -> None:
    issuer.expires_in = seconds
    access = access_of(oauth2(issuer), upstream)
    deadline = asyncio.get_running_loop().time() + 20
    while len(issuer.asked) < 3 and asyncio.get_running_loop().time() < deadline:
        assert (await upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access))).status == 200
        await asyncio.sleep(0.05)
    assert len(issuer.asked) >= 3


async def test_a_refused_client_is_said_and_left_alone_for_a_while(issuer: Issuer, upstream: Upstream) -> None:
    issuer.status = 401
    access = access_of(oauth2(issuer), upstream)
    for _ in range(3):
        with pytest.raises(Refused, match="invalid_client") as raised:
            await upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access))
        assert raised.value.field == "credential"
        assert "s3cret" not in raised.value.detail
    assert len(issuer.asked) == 1
    assert issuer.seen == []


async def test_a_broken_token_endpoint_is_tried_again(issuer: Issuer, upstream: Upstream) -> None:
    issuer.status = 503
    access = access_of(oauth2(issuer), upstream)
    with pytest.raises(Unavailable, match="503"):
        await upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access))
    issuer.status = 200
    assert (await upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access))).status == 200


async def test_waiting_for_a_token_ends_with_the_request(issuer: Issuer, upstream: Upstream) -> None:
    issuer.hang = asyncio.Event()
    access = access_of(oauth2(issuer), upstream)
    with pytest.raises(SourceTimeout, match="token endpoint"):
        await upstream.request("GET", f"{issuer.url}/data", ctx=soon(0.2, access=access))
    issuer.hang.set()
    assert (await upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access))).status == 200
    assert len(issuer.asked) == 1, "the one who gave up left the others their renewal"


async def test_a_token_endpoint_goes_through_the_guard(issuer: Issuer) -> None:
    closed = Upstream(Guard())
    access = access_of(oauth2(issuer), closed)
    with pytest.raises(ForbiddenAddress):
        await closed.request("GET", "https://192.0.2.1/", ctx=soon(access=access))
    assert issuer.asked == []


async def test_a_keystone_token(issuer: Issuer, upstream: Upstream) -> None:
    credential = {
        "kind": "keystone",
        "url": issuer.url + "/",
        "username": "u",
        "password": "p",
        "domain": "smartcity",
        "project": "/takeshiba",
    }
    access = access_of(credential, upstream)
    for _ in range(2):
        assert (await upstream.request("GET", f"{issuer.url}/data", ctx=soon(access=access))).status == 200
    [asked] = issuer.asked
    domain = {"name": "smartcity"}
    assert asked["auth"]["identity"]["password"]["user"] == {"domain": domain, "name": "u", "password": "p"}
    assert asked["auth"]["scope"] == {"project": {"domain": domain, "name": "/takeshiba"}}
    assert issuer.seen[-1]["x-auth-token"] == issuer.valid


async def test_a_platform_that_wants_our_certificate(tmp_path: Path) -> None:
    ours, theirs = issued("gateway"), issued("platform")
    for name, text in {"ours": ours.certificate, "cert": theirs.certificate, "key": theirs.key}.items():
        (tmp_path / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    context.load_verify_locations(tmp_path / "ours")
    context.verify_mode = ssl.CERT_REQUIRED
    upstream = Upstream(Guard(LOOPBACK), ca_file=str(tmp_path / "cert"))
    credential = {"kind": "certificate", "certificate": ours.certificate, "key": ours.key}
    access = access_of(credential, upstream)
    async with serving(Scripted(None, plain(b"x")), ssl=context) as server:
        for _ in range(2):
            assert (await upstream.request("GET", server.url + "/", ctx=soon(access=access))).body == b"x"
        assert len(server.heads) == 1, "its connection is kept"
        with pytest.raises(Unavailable):
            # and lent to nobody who has no certificate
            await upstream.request("GET", server.url + "/", ctx=soon())
    await upstream.close()
