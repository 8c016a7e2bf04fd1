"""The forms of a credential: what is taken, what is not, and that no secret comes back out."""

from __future__ import annotations

from typing import Any

import pytest
from pki import Pair, issued

from adapters.credentials.forms import access_of, check
from adapters.exchange import NO_ACCESS
from adapters.upstream import Upstream
from schemas.errors import BadRequestData

OAUTH2 = {"kind": "oauth2", "token_url": "https://idp.example/t", "client_id": "c", "client_secret": "s3cret"}
KEYSTONE = {"kind": "keystone", "url": "https://k.example", "username": "u", "password": "s3cret", "domain": "d"}
PAIR = issued("gateway")


def certificate(pair: Pair = PAIR, **more: Any) -> dict[str, Any]:
    return {"kind": "certificate", "certificate": pair.certificate, "key": pair.key, **more}


@pytest.mark.parametrize(
    ("credential", "headers"),
    [
        (None, {}),
        ({}, {}),
        ({"kind": "header", "name": "ApiKey", "value": "v"}, {"apikey": "v"}),
        ({"kind": "bearer", "token": "t"}, {"authorization": "Bearer t"}),
        ({"kind": "basic", "username": "u", "password": "p:q"}, {"authorization": "Basic dTpwOnE="}),
        (certificate(**{"with": {"kind": "bearer", "token": "t"}}), {"authorization": "Bearer t"}),
    ],
)
def test_what_stands_in_every_request(credential: Any, headers: dict[str, str], upstream: Upstream) -> None:
    access = access_of(credential, upstream)
    assert access.headers == headers
    assert access.login is None


@pytest.mark.parametrize("credential", [OAUTH2, KEYSTONE, certificate(**{"with": OAUTH2})])
def test_what_is_asked_for_first(credential: Any, upstream: Upstream) -> None:
    access = access_of(credential, upstream)
    assert access.headers == {}
    assert access.login is not None
    assert "s3cret" not in repr(access)


def test_nothing_is_nothing(upstream: Upstream) -> None:
    assert access_of(None, upstream) is NO_ACCESS


@pytest.mark.parametrize(
    ("credential", "field"),
    [
        ({"kind": "magic"}, "credential.kind"),
        ({"token": "t"}, "credential.kind"),
        ({"kind": "bearer"}, "credential.token"),
        ({"kind": "bearer", "token": ""}, "credential.token"),
        ({"kind": "bearer", "token": "a\r\nb: c"}, "credential.token"),
        ({"kind": "bearer", "token": 5}, "credential.token"),
        ({"kind": "bearer", "token": "日本"}, "credential.token"),
        ({"kind": "bearer", "token": "t" * 20_000}, "credential.token"),
        ({"kind": "header", "name": "a b", "value": "v"}, "credential.name"),
        ({"kind": "header", "name": "a:b", "value": "v"}, "credential.name"),
        ({"kind": "bearer", "token": "t", "user": "u"}, "credential.user"),
        (OAUTH2 | {"token_url": "ftp://x"}, "credential.token_url"),
        (OAUTH2 | {"client_secret": ""}, "credential.client_secret"),
        (OAUTH2 | {"header": "a b"}, "credential.header"),
        (OAUTH2 | {"username": "u"}, "credential.password"),
        (OAUTH2 | {"client_auth": "jwt"}, "credential.client_auth"),
        (OAUTH2 | {"with": KEYSTONE}, "credential.with"),
        (KEYSTONE | {"url": "k.example"}, "credential.url"),
        (KEYSTONE | {"project": ["/a"]}, "credential.project"),
        (certificate() | {"key": "x"}, "credential.certificate"),
        (certificate() | {"key": issued("another").key}, "credential.certificate"),
        (certificate(**{"with": certificate()}), "credential.with"),
        (certificate(**{"with": {"kind": "bearer"}}), "credential.with.token"),
    ],
)
def test_credentials_that_are_none(credential: Any, field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        check(credential)
    assert raised.value.field == field
    assert "s3cret" not in f"{raised.value.detail} {raised.value.value}"


def test_a_key_may_have_a_password(upstream: Upstream) -> None:
    locked = issued("gateway", password="opensesame")
    assert access_of(certificate(locked, password="opensesame"), upstream).tls is not None
    for wrong in ({}, {"password": "open"}):
        with pytest.raises(BadRequestData):
            access_of(certificate(locked, **wrong), upstream)
