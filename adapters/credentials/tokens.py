"""Tokens for a platform: asked for once, kept, renewed before they end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.errors import Refused, SourceError, SourceTimeout

_ASKING_SECONDS = 10.0
_AHEAD_SECONDS = 60.0
"""A token is renewed so long before its end, but not before half of its life is over."""
_UNKNOWN_LIFE = 3600.0
_REST_SECONDS = 5.0
"""A credential that was refused is not tried again sooner: many attempts lock an account."""


@dataclass(frozen=True, slots=True)
class Token:
    """`life`: seconds from now; None if its issuer does not say."""

    headers: Mapping[str, str]
    life: float | None


class Grant(Protocol):
    async def ask(self, deadline: float) -> Token:
        """A new token. Raises `SourceError`, of which `Refused` means that the credential is not good."""


class Tokens:
    """The `Login` of one platform. However many requests need a token, one asks for it.

    In the last part of its life a token is renewed beside the requests, which go on with it meanwhile.
    """

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._headers: Mapping[str, str] | None = None
        self._renew_at = 0.0
        self._ends_at = 0.0
        self._renewal: asyncio.Task[None] | None = None
        self._refusal: SourceError | None = None
        self._rest_until = 0.0

    async def headers(self, deadline: float) -> Mapping[str, str]:
        now = asyncio.get_running_loop().time()
        if self._headers is not None and now < self._renew_at:
            return self._headers
        if self._refusal is not None and now < self._rest_until:
            raise self._refusal
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
        if self._headers is not None and now < self._ends_at:
            return self._headers
        try:
            # whoever gives up waiting leaves the others their renewal
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(self._renewal)
        except TimeoutError:
            raise SourceTimeout("its token endpoint did not answer before the deadline") from None
        if self._headers is None:
            raise self._refusal or SourceTimeout("its token endpoint gave no token")
        return self._headers

    def refused(self, headers: Mapping[str, str]) -> bool:
        if self._headers is headers:
            self._headers = None
        return True

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            token = await self._grant.ask(loop.time() + _ASKING_SECONDS)
        except SourceError as e:
            self._refusal = e
            self._rest_until = loop.time() + (_REST_SECONDS if isinstance(e, Refused) else 0.0)
            if loop.time() >= self._ends_at:
                self._headers = None
        else:
            life = _UNKNOWN_LIFE if token.life is None else max(token.life, 1.0)
            self._refusal = None
            self._headers = token.headers
            self._ends_at = loop.time() + life
            self._renew_at = loop.time() + max(life - _AHEAD_SECONDS, life / 2)
        finally:
            self._renewal = None
