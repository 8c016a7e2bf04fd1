"""An OpenID provider for tests: it issues real tokens over HTTP, and can be told to misbehave."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs

import orjson
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from adapters.testing.serving import Reply, Request

AUDIENCE = "kakehashi"
_SECRETS = {"map-app": "s3cret", "operator-desk": "0p3rator"}
_CLAIMS: dict[str, dict[str, Any]] = {
    "map-app": {"organisation": "App Inc", "project": "p1", "area": "toyosu"},
    "operator-desk": {
        "organisation": "Takeshiba Council",
        "area": "takeshiba",
        "realm_access": {"roles": ["kakehashi-operator", "offline_access"]},
    },
}


class OpenIdProvider:
    """What a `Server` answers with; `url` is set when it listens."""

    def __init__(self) -> None:
        self.url = ""
        self.keys: dict[str, Any] = {}
        self.jwks_asked = 0
        self.down = False
        self.rotate("k1")

    def rotate(self, kid: str) -> None:
        """Sign by a new key from now on, and publish no other."""
        self.kid = kid
        self.keys = {kid: RSAKey.generate_key(2048)}

    def __call__(self, request: Request) -> Reply:
        if self.down:
            return Reply(b"", 503)
        if request.path == "/.well-known/openid-configuration":
            return _json({"issuer": self.url, "jwks_uri": f"{self.url}/certs", "token_endpoint": f"{self.url}/token"})
        if request.path == "/certs":
            self.jwks_asked += 1
            return _json({"keys": [self.public(kid) for kid in self.keys]})
        if request.path == "/token" and request.method == "POST":
            form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
            client = form.get("client_id", "")
            if form.get("grant_type") != "client_credentials" or _SECRETS.get(client) != form.get("client_secret"):
                return _json({"error": "invalid_client"}, 400)
            return _json({"access_token": self.token(azp=client, **_CLAIMS[client]), "token_type": "Bearer"})
        return Reply(b"", 404)

    def public(self, kid: str) -> dict[str, Any]:
        return {**self.keys[kid].as_dict(private=False), "kid": kid, "use": "sig"}

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        made = {
            "iss": self.url,
            "aud": [AUDIENCE, "account"],
            "exp": now + 300,
            "iat": now,
            "nbf": now,
            "typ": "Bearer",
        }
        return {k: v for k, v in (made | {"azp": "map-app", "sub": "x"} | changes).items() if v is not None}

    def token(self, *, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        head = {"alg": "RS256", "kid": self.kid, "typ": "JWT"} | (header or {})
        head = {k: v for k, v in head.items() if v is not None}
        # by hand, since a library does not sign what nobody should
        text = f"{_b64(orjson.dumps(head))}.{_b64(orjson.dumps(self.claims(**claims)))}"
        signature = jws.JWSRegistry.algorithms[head["alg"]].sign(text.encode(), key or self.keys[self.kid])
        return f"{text}.{_b64(signature)}"


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def other_keys() -> dict[str, Any]:
    """Keys that the provider does not have."""
    return {
        "RS256": RSAKey.generate_key(2048),
        "ES256": ECKey.generate_key("P-256"),
        "Ed25519": OKPKey.generate_key("Ed25519"),
    }


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status, {"content-type": "application/json"})
