"""OpenStack Identity v3 (Keystone) as FIWARE platforms have it: a password becomes a token for a service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.credentials.tokens import Token
from adapters.exchange import SourceContext
from adapters.upstream import Upstream
from schemas.errors import BadUpstream, Refused, Unavailable

_MAX_BYTES = 256 * 1024


class KeystoneGrant:
    """`credential`: a checked one of kind keystone. `domain` is the Fiware-Service, `project` the service path."""

    def __init__(self, credential: Mapping[str, Any], upstream: Upstream) -> None:
        self._upstream = upstream
        self._url: str = credential["url"].rstrip("/") + "/v3/auth/tokens"
        domain = {"name": credential["domain"]}
        user = {"domain": domain, "name": credential["username"], "password": credential["password"]}
        project = credential.get("project")
        scope = {"project": {"domain": domain, "name": project}} if project else {"domain": domain}
        identity = {"methods": ["password"], "password": {"user": user}}
        self._body = orjson.dumps({"auth": {"identity": identity, "scope": scope}})

    async def ask(self, deadline: float) -> Token:
        ctx = SourceContext(deadline=deadline, budget=_MAX_BYTES)
        headers = {"content-type": "application/json", "accept": "application/json"}
        answer = await self._upstream.request("POST", self._url, ctx=ctx, headers=headers, body=self._body)
        if answer.status in (400, 401, 403):
            raise Refused("its Keystone refuses our user, domain or project", field="credential")
        if answer.status not in (200, 201):
            raise Unavailable(f"its Keystone answered {answer.status}", field="credential.url")
        token = answer.headers.get("x-subject-token", "")
        if not token:
            raise BadUpstream("its Keystone gave no X-Subject-Token", field="credential.url")
        return Token({"x-auth-token": token}, _life(answer.body))


def _life(body: bytes) -> float | None:
    """Seconds until token.expires_at."""
    try:
        ends = datetime.fromisoformat(orjson.loads(body)["token"]["expires_at"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    if ends.tzinfo is None:
        ends = ends.replace(tzinfo=UTC)
    return (ends - datetime.now(UTC)).total_seconds()
