"""The keys of an OpenID provider: found by discovery, kept, renewed, and asked for anew no more than is decent."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from adapters.exchange import SourceContext
from adapters.upstream import Upstream
from schemas.errors import SourceError

log = structlog.get_logger(__name__)
Key = OKPKey | ECKey | RSAKey

_DISCOVERY = "/.well-known/openid-configuration"
_FRESH_SECONDS = 600.0
"""Keys this old are asked for again in the background: one that the provider took back is not taken for long."""
_PAUSE_SECONDS = 5.0
"""Between two questions, whatever tokens come: an unknown `kid` must not make us flood the provider."""
_PATIENCE_SECONDS = 5.0
_MOST_BYTES = 256 * 1024
_MOST_KEYS = 100
_SMALLEST_RSA = 2048


class Provider:
    """One per worker. What the provider does not answer leaves the keys as they are."""

    def __init__(self, upstream: Upstream, issuer: str, *, pause: float = _PAUSE_SECONDS) -> None:
        self._upstream = upstream
        self._issuer = issuer
        self._pause = pause
        self._keys: dict[str, Key] = {}
        self._asked_at = float("-inf")
        self._fresh_until = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def key(self, kid: str) -> Key | None:
        return self._keys.get(kid)

    async def have(self, kid: str) -> None:
        """Ask the provider if the key is not known, once for all who wait; and in the background if keys grow old."""
        now = asyncio.get_running_loop().time()
        known = kid in self._keys
        if known and now < self._fresh_until:
            return
        if self._asking is None:
            if now < self._asked_at + self._pause:
                return
            self._asked_at = now
            self._asking = asyncio.create_task(self._ask())
        if not known:
            await asyncio.shield(self._asking)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> None:
        try:
            found = await self._get(self._issuer.rstrip("/") + _DISCOVERY)
            if found.get("issuer") != self._issuer:
                raise ValueError("the discovery document is another issuer's")
            address = found.get("jwks_uri")
            if not isinstance(address, str) or urlsplit(address).scheme != urlsplit(self._issuer).scheme:
                raise ValueError("the discovery document names no jwks_uri of the issuer's scheme")
            self._keys = _keys(await self._get(address))
            self._fresh_until = asyncio.get_running_loop().time() + _FRESH_SECONDS
        except (SourceError, ValueError) as e:
            log.warning("oidc_keys_not_had", issuer=self._issuer, reason=str(e))
        finally:
            self._asking = None

    async def _get(self, url: str) -> dict[str, Any]:
        ctx = SourceContext(asyncio.get_running_loop().time() + _PATIENCE_SECONDS, budget=_MOST_BYTES)
        answer = await self._upstream.request("GET", url, ctx=ctx, headers={"accept": "application/json"}, again=True)
        if answer.status != 200:
            raise ValueError(f"{urlsplit(url).path} answers {answer.status}")
        document = orjson.loads(answer.body)
        if not isinstance(document, dict):
            raise ValueError(f"{urlsplit(url).path} is no JSON object")
        return document


def _keys(document: dict[str, Any]) -> dict[str, Key]:
    """The public keys that signatures may be made with, by their kid; others are left out."""
    given = document.get("keys")
    found: dict[str, Key] = {}
    for one in given[:_MOST_KEYS] if isinstance(given, list) else ():
        if not isinstance(one, dict) or not isinstance(one.get("kid"), str) or one.get("use") == "enc":
            continue
        try:
            key = import_key(one)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if not isinstance(key, Key) or (isinstance(key, RSAKey) and key.raw_value.key_size < _SMALLEST_RSA):
            continue
        found[one["kid"]] = key
    return found
