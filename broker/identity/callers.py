"""Who is asking: API keys of services and the key of the administration, looked up in memory; else the token of
a provider, or the subject of a certificate."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from schemas.distinguished_name import SUBJECT_HEADER
from schemas.errors import Forbidden, Unauthorized
from schemas.flow import ANONYMOUS, Consumer
from schemas.roles import Role

_HOW = (
    "send an API key as `Authorization: Bearer kk_…` or `X-API-Key: kk_…`; an operator makes one with "
    "`kakehashi service add` / APIキーが必要です。運用者が `kakehashi service add` で発行します"
)
SUBJECT = SUBJECT_HEADER.encode()
_HOW_ADMIN = "the administration has a key of its own (KAKEHASHI_ADMIN_KEY, or admin.key in the home)"


@dataclass(frozen=True, slots=True)
class Caller:
    """`consumer` is what metering records. `admin`: may administer."""

    consumer: Consumer
    admin: bool = False
    roles: frozenset[Role] = frozenset({Role.SERVICE})

    def may(self, *roles: Role) -> bool:
        """It has one of these roles, or may administer."""
        return self.admin or not self.roles.isdisjoint(roles)


@dataclass(frozen=True, slots=True)
class Known:
    """Whose a key is. `expires`: seconds of the epoch from which on it is nobody's."""

    consumer: Consumer
    roles: frozenset[Role] = frozenset({Role.SERVICE})
    expires: float | None = None


class Tokens(Protocol):
    """What is needed of `broker.identity.tokens.TokenReader`."""

    def caller(self, token: bytes, digest: bytes) -> tuple[Caller, Caller] | None: ...
    async def prepare(self, token: bytes) -> None: ...


class Subjects(Protocol):
    """What is needed of `broker.identity.subjects.Subjects`."""

    def caller(self, raw: bytes) -> tuple[Caller, Caller]: ...


class Callers:
    """Keys are 256 random bits, so a plain SHA-256 is a safe index; secrets are looked up by digest, never compared."""

    def __init__(
        self, *, open_access: bool, admin_key: str, tokens: Tokens | None = None, subjects: Subjects | None = None
    ) -> None:
        self._open = open_access
        self._admin = sha256(admin_key.encode()).digest() if admin_key else None
        self._tokens = tokens
        self._subjects = subjects
        self._by_key: dict[bytes, tuple[Caller, Caller]] = {}
        self._expiring: dict[bytes, float] = {}
        self._used: set[bytes] = set()

    def replace(self, known: Mapping[bytes, Known]) -> None:
        """Take over the services that may ask now, by the SHA-256 of their keys."""
        self._by_key = {key: callers_of(one.consumer, one.roles) for key, one in known.items()}
        self._expiring = {key: one.expires for key, one in known.items() if one.expires is not None}

    def used(self) -> set[bytes]:
        """The hashes of the keys that were used since this was called last."""
        found, self._used = self._used, set()
        return found

    async def prepare(self, headers: dict[bytes, bytes]) -> None:
        """Have what is needed to judge the token of a request, if it brings one: `identify` waits for nothing."""
        if self._tokens is not None:
            token = _token(headers)
            if token is not None and token.count(b".") == 2:
                await self._tokens.prepare(token)

    def identify(self, headers: dict[bytes, bytes]) -> Caller:
        """The caller of a request (header names in lower case). Unauthorized if nobody we know asks. A key or a token
        goes before the subject of a certificate.

        A request may declare itself batch (`Kakehashi-Use: batch`); it can't declare a batch service interactive.
        """
        token = _token(headers)
        if token is not None:
            digest = sha256(token).digest()
            found = self._by_key.get(digest)
            if found is not None and digest in self._expiring and time.time() >= self._expiring[digest]:
                found = None
            if found is not None:
                self._used.add(digest)
                return found[headers.get(b"kakehashi-use") == b"batch"]
            if self._tokens is not None and token.count(b".") == 2:
                found = self._tokens.caller(token, digest)
                if found is not None:
                    return found[headers.get(b"kakehashi-use") == b"batch"]
            if self._admin is not None and hmac.compare_digest(digest, self._admin):
                return Caller(Consumer("administration"), admin=True)
            if not self._open:
                raise Unauthorized("this API key is not known or no longer valid; " + _HOW)
        elif self._subjects is not None and SUBJECT in headers:
            return self._subjects.caller(headers[SUBJECT])[headers.get(b"kakehashi-use") == b"batch"]
        if self._open:
            batch = headers.get(b"kakehashi-use") == b"batch"
            return Caller(Consumer(ANONYMOUS.service, batch=True) if batch else ANONYMOUS, admin=True)
        raise Unauthorized("who is asking? " + _HOW)

    def require(self, headers: dict[bytes, bytes], *roles: Role) -> Caller:
        """The caller, if it has one of these roles or may administer; Forbidden (403) if not, Unauthorized (401)."""
        caller = self.identify(headers)
        if not caller.may(*roles):
            raise Forbidden(f"this needs one of the roles: {', '.join(sorted(roles))}")
        return caller

    def administer(self, headers: dict[bytes, bytes]) -> Caller:
        """The caller, if it may administer; Forbidden (403) if it is only a service."""
        caller = self.identify(headers)
        if not caller.admin:
            raise Forbidden(_HOW_ADMIN)
        return caller


def callers_of(consumer: Consumer, roles: frozenset[Role]) -> tuple[Caller, Caller]:
    """As it asks by itself, and as it asks in a batch."""
    admin = Role.ADMINISTRATOR in roles
    return Caller(consumer, admin, roles), Caller(replace(consumer, batch=True), admin, roles)


def _token(headers: dict[bytes, bytes]) -> bytes | None:
    key = headers.get(b"x-api-key")
    if key:
        return key.strip()
    scheme, _, value = headers.get(b"authorization", b"").partition(b" ")
    return value.strip() if scheme.lower() == b"bearer" and value else None
