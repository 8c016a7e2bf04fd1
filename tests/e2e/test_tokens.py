"""Bearer tokens of a provider that issues real ones: who gets in by which, and every forgery that is known refused."""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import pytest
from agreements import City, city, terms_of
from gateway import ENTITIES, fetch, run
from joserfc.jwk import RSAKey
from provider import OpenIdProvider, other_keys
from sources import Host

Signed = tuple[City, OpenIdProvider]


@pytest.fixture(scope="module")
def signed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Signed]:
    provider = OpenIdProvider()
    provider.url = host.serve(provider).url
    home = tmp_path_factory.mktemp("tokens")
    with city(postgres_url, home, host, oidc_issuer=provider.url) as opened:
        yield opened, provider


def get(town: City, token: str, path: str = ENTITIES, **params: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    return town.gateway.client.get(path, params=params or {"type": "Toilet"}, headers=headers)


def issued(provider: OpenIdProvider, client: str, secret: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    answer = httpx2.post(f"{provider.url}/token", data=form, trust_env=False)
    token: str = answer.json()["access_token"]
    return token


def test_a_token_says_who_is_asking(signed: Signed) -> None:
    town, provider = signed
    token = issued(provider, "map-app", "s3cret")
    answer = get(town, token)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()) == 1
    flow = answer.headers["kakehashi-flow"]
    (row,) = run(fetch(town.gateway.settings.database_url, "SELECT * FROM flows WHERE id = $1", flow))
    assert (row["service"], row["organisation"], row["project"], row["consumer_area"]) == (
        "map-app",
        "App Inc",
        "p1",
        "toyosu",
    )
    assert token not in str(row)
    # an agreement of its organisation is its own, too
    assert get(town, token, type="Shelter").json() == []
    with town.agreed():
        assert len(get(town, token, type="Shelter").json()) == 6
    assert town.source.headers
    assert all(token not in str(headers) for headers in town.source.headers), "it goes no further"


def test_a_token_brings_its_roles(signed: Signed) -> None:
    town, provider = signed
    operator = {"authorization": f"Bearer {issued(provider, 'operator-desk', '0p3rator')}"}
    service = {"authorization": f"Bearer {issued(provider, 'map-app', 's3cret')}"}
    made = town.gateway.client.post("/agreements", json=terms_of(), headers=service)
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    assert town.gateway.client.post(f"{path}/approve", headers=service).status_code == 403
    approved = town.gateway.client.post(f"{path}/approve", headers=operator)
    assert (approved.status_code, approved.json()["state"]) == (200, "active")
    assert town.gateway.client.post(f"{path}/revoke", headers=operator).status_code == 200
    elsewhere = town.ask("POST", "/agreements", "admin", json=terms_of(provider_area="toyosu")).headers["location"]
    assert town.gateway.client.post(f"{elsewhere}/approve", headers=operator).status_code == 404
    assert town.gateway.client.get("/platforms", headers=service).status_code == 403


def b64(value: Any) -> str:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def forged(provider: OpenIdProvider) -> dict[str, str]:
    """Every way that we know of to bring a token that nobody issued for us."""
    now = int(time.time())
    good = provider.token()
    head, body, tail = good.split(".")
    others = other_keys()
    claims = b64(provider.claims())
    attacker = others["RS256"]
    symmetric = b64({"alg": "HS256", "kid": provider.kid, "typ": "JWT"}) + "." + claims
    secret = provider.keys[provider.kid].as_pem(private=False)
    confused = symmetric + "." + b64(hmac.digest(secret, symmetric.encode(), "sha256"))
    unsigned = {"alg": "none", "kid": provider.kid, "typ": "JWT"}
    with_jwk = {"jwk": attacker.as_dict(private=False), "kid": None}
    stronger = orjson.dumps(provider.claims(realm_access={"roles": ["kakehashi-administrator"]}))
    return {
        "none": f"{b64(unsigned)}.{body}.",
        "none with the old signature": f"{b64(unsigned)}.{body}.{tail}",
        "None in other letters": f"{b64(unsigned | {'alg': 'NonE'})}.{body}.",
        "HS256 over the public key": confused,
        "another body under the signature": f"{head}.{b64(stronger)}.{tail}",
        "no signature": f"{head}.{body}.",
        "half a signature": good[: -len(tail) // 2],
        "signed by another RSA key under our kid": provider.token(key=attacker),
        "ES256 under an RSA kid": provider.token(header={"alg": "ES256"}, key=others["ES256"]),
        "EdDSA under an RSA kid": provider.token(header={"alg": "Ed25519"}, key=others["Ed25519"]),
        "unknown kid": provider.token(header={"kid": "nobody"}),
        "no kid": provider.token(header={"kid": None}),
        "kid that is a path": provider.token(header={"kid": "../../dev/null"}, key=attacker),
        "key in the header": provider.token(header=with_jwk, key=attacker),
        "key in the header beside the kid": provider.token(header={"jwk": attacker.as_dict(private=False)}),
        "jku": provider.token(header={"jku": "http://127.0.0.1:1/certs"}),
        "x5u": provider.token(header={"x5u": "http://127.0.0.1:1/cert"}),
        "crit": provider.token(header={"crit": ["exp"], "exp": 1}),
        "another typ": provider.token(header={"typ": "logout+jwt"}),
        "expired": provider.token(exp=now - 120),
        "no exp": provider.token(exp=None),
        "exp that is text": provider.token(exp=str(now + 300)),
        "exp that is true": provider.token(exp=True),
        "nbf far ahead": provider.token(nbf=now + 3600),
        "iat far ahead": provider.token(iat=now + 3600),
        "wrong audience": provider.token(aud="another"),
        "audiences without ours": provider.token(aud=["a", "kakehashi2"]),
        "no audience": provider.token(aud=None),
        "another issuer": provider.token(iss=provider.url + "/other"),
        "issuer with a slash": provider.token(iss=provider.url + "/"),
        "no issuer": provider.token(iss=None),
        "an ID token": provider.token(typ="ID"),
        "a refresh token": provider.token(typ="Refresh"),
        "names no service": provider.token(azp=None, sub=None),
        "names the administration": provider.token(azp="administration"),
        "oversized": provider.token(padding="x" * 9000),
        "not base64": "a!b.c!d.e!f",
        "empty parts": "..",
        "encrypted form": f"{head}.a.b.c.d",
    }


FORGERIES = tuple(forged(OpenIdProvider()))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forgeries_are_refused(signed: Signed, forgery: str) -> None:
    town, provider = signed
    assert get(town, provider.token()).status_code == 200
    token = forged(provider)[forgery]
    for path in (ENTITIES, "/agreements", "/flows"):
        answer = get(town, token, path)
        assert answer.status_code == 401, (path, answer.text)
        assert "kakehashi-flow" not in answer.headers
        assert token not in answer.text or len(token) < 5


def test_keys_are_rotated_and_asked_for_with_decency(signed: Signed) -> None:
    town, provider = signed
    assert get(town, provider.token()).status_code == 200
    asked = provider.jwks_asked
    for _ in range(30):
        assert get(town, provider.token(header={"kid": f"unknown-{uuid4()}"})).status_code == 401
    assert provider.jwks_asked <= asked + 5, "unknown kids don't make us flood the provider"
    old = provider.token()
    provider.rotate("k2")
    # soon, when the provider may be asked again, the new key is there and the old one is not
    town.wait(lambda: get(town, provider.token()).status_code == 200, 40)
    assert get(town, old + "").status_code in (200, 401)
    assert get(town, provider.token(header={"kid": "k1"}, key=RSAKey.generate_key(2048))).status_code == 401
    # a provider that is down leaves what is known
    provider.down = True
    try:
        assert get(town, provider.token()).status_code == 200
    finally:
        provider.down = False


def test_bytes_of_a_token_that_hold_are_all_needed(signed: Signed) -> None:
    town, provider = signed
    town.wait(lambda: get(town, provider.token()).status_code == 200, 40)
    good = provider.token()
    for at in range(5, len(good), 41):
        changed = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
        if _same(changed, good):
            continue
        assert get(town, changed).status_code == 401, at


def _same(a: str, b: str) -> bool:
    """The last character of a part may have bits that say nothing."""
    parts = [(x, y) for x, y in zip(a.split("."), b.split("."), strict=False)]
    return len(a.split(".")) == 3 and all(
        urlsafe_b64decode(x + "=" * (-len(x) % 4)) == urlsafe_b64decode(y + "=" * (-len(y) % 4)) for x, y in parts
    )
