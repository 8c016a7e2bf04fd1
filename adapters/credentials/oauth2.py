"""OAuth 2 towards a platform: client credentials (RFC 6749 §4.4), or the password grant of Keyrock (§4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from adapters.credentials.tokens import Token
from adapters.exchange import SourceContext
from adapters.upstream import Upstream
from schemas.errors import BadUpstream, Refused, Unavailable

_MAX_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


class OAuth2Grant:
    """`credential`: a checked one of kind oauth2. `header` (X-Auth-Token behind a Wilma proxy) takes the bare token;
    without it `Authorization: Bearer`."""

    def __init__(self, credential: Mapping[str, Any], upstream: Upstream) -> None:
        self._upstream = upstream
        self._url: str = credential["token_url"]
        self._header: str | None = credential.get("header")
        password = "username" in credential
        more = {k: credential.get(k) for k in ("scope", "audience", "username", "password")}
        self._body: str = prepare_token_request("password" if password else "client_credentials", **more)
        self._client = ClientAuth(
            credential["client_id"],
            credential["client_secret"],
            f"client_secret_{credential.get('client_auth', 'basic')}",
        )

    async def ask(self, deadline: float) -> Token:
        headers = {"content-type": _FORM, "accept": "application/json"}
        url, headers, body = self._client.prepare("POST", self._url, headers, self._body)
        ctx = SourceContext(deadline=deadline, budget=_MAX_BYTES)
        answer = await self._upstream.request("POST", url, ctx=ctx, headers=headers, body=body.encode())
        told = _object(answer.body)
        if answer.status in (400, 401, 403):
            code = told.get("error")
            known = f" ({code})" if isinstance(code, str) and code.isascii() and len(code) <= 64 else ""
            raise Refused(f"its token endpoint refuses our client{known}", field="credential")
        if answer.status != 200:
            raise Unavailable(f"its token endpoint answered {answer.status}", field="credential.token_url")
        token = told.get("access_token")
        if not isinstance(token, str) or not token or not token.isprintable() or not token.isascii():
            raise BadUpstream("its token endpoint gave no access_token", field="credential.token_url")
        shown = {self._header.lower(): token} if self._header else {"authorization": f"Bearer {token}"}
        return Token(shown, _life(told.get("expires_in")))


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _life(value: object) -> float | None:
    """Some servers write the seconds as a string."""
    try:
        life = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return life if 0 < life < 10**9 else None
