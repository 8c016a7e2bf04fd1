"""Bearer tokens of an OpenID provider (JWS, RFC 7519 and 9068): whether one holds, and whom it says is asking.

What a token may be is pinned by the settings, not by the token: issuer, audience, asymmetric algorithms. A key comes
from the provider's JWKS by its `kid` and from nowhere else; what points to another (`jku`, `x5u`, `jwk`, `x5c`) or asks
for more than is understood here (`crit`) is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError

from broker.identity.callers import Caller, callers_of
from broker.identity.provider import Provider
from broker.settings import Settings
from schemas.errors import KakehashiError, Unauthorized
from schemas.flow import NO_SERVICES, Consumer
from schemas.roles import Role

LONGEST = 8192
_REFUSED_HEADERS = ("crit", "jku", "jwk", "x5u", "x5c", "b64", "zip")
_TYPES = (None, "JWT", "at+jwt", "application/at+jwt")
_NOT_FOR_ACCESS = ("ID", "Refresh", "Offline", "Logout")
"""What Keycloak calls its other tokens in `typ`."""
_KEPT = 4096
CLAIMS = ("service", "organisation", "project", "area", "roles")
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Rules:
    """`claims`: for each of service, organisation, project, area and roles the path to it ("realm_access.roles").
    `role_prefix`: what stands before our roles there."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
    leeway_s: int = 30
    claims: Mapping[str, str] | None = None
    role_prefix: str = "kakehashi-"

    def path(self, name: str) -> tuple[str, ...]:
        default = {"service": "azp", "roles": "realm_access.roles"}.get(name, name)
        return tuple(((self.claims or {}).get(name) or default).split("."))


def read_claims(text: str) -> dict[str, str]:
    """`service=azp,roles=realm_access.roles`; ValueError for what is none of ours."""
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, path = part.partition("=")
        if name not in CLAIMS or not equals or not path:
            raise ValueError(f"{part!r}: one of {', '.join(CLAIMS)}, =, and the path of a claim")
        found[name] = path
    return found


def token_reader(settings: Settings, provider: Provider) -> TokenReader | None:
    """The reader of bearer tokens, if a provider is set."""
    if not settings.oidc_issuer:
        return None
    rules = Rules(
        settings.oidc_issuer,
        settings.oidc_audience,
        tuple(settings.oidc_algorithms.split(",")),
        settings.oidc_leeway_s,
        read_claims(settings.oidc_claims),
        settings.oidc_role_prefix,
    )
    return TokenReader(rules, provider)


class TokenReader:
    """What was read once stays read until it expires: a service sends the same token many times."""

    def __init__(self, rules: Rules, provider: Provider) -> None:
        self._rules = rules
        self._provider = provider
        self._known: dict[bytes, tuple[float, tuple[Caller, Caller]]] = {}

    async def prepare(self, token: bytes) -> None:
        """See that the key which the token names is there, if the provider has it. Raises nothing."""
        if len(token) > LONGEST:
            return
        try:
            header = _header(token)
        except Unauthorized:
            return
        kid = header.get("kid")
        if isinstance(kid, str):
            await self._provider.have(kid)

    def caller(self, token: bytes, digest: bytes) -> tuple[Caller, Caller] | None:
        """Who is asking, by itself and in a batch. Unauthorized says what is wrong with the token."""
        now = time.time()
        known = self._known.get(digest)
        if known is not None:
            if now < known[0]:
                return known[1]
            del self._known[digest]
        claims = self._verified(token, now)
        made = self._made(claims)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[digest] = (min(claims["exp"] + self._rules.leeway_s, now + 300), made)
        return made

    def _verified(self, token: bytes, now: float) -> dict[str, Any]:
        if len(token) > LONGEST:
            raise _refused("it is too long")
        header = _header(token)
        algorithm = header.get("alg")
        if algorithm not in self._rules.algorithms:
            raise _refused("its algorithm is not one of those that are taken")
        if any(name in header for name in _REFUSED_HEADERS) or header.get("typ") not in _TYPES:
            raise _refused("its header asks for what is not taken")
        kid = header.get("kid")
        key = self._provider.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise _refused("the provider has no such key")
        if key.get("alg") not in (None, algorithm) or key.get("use") not in (None, "sig"):
            raise _refused("the key is for something else")
        try:
            payload = jws.deserialize_compact(token, key, [str(algorithm)]).payload
            claims = orjson.loads(payload or b"")
        except (JoseError, ValueError, TypeError) as e:
            raise _refused(f"its signature does not hold ({type(e).__name__})") from None
        if not isinstance(claims, dict):
            raise _refused("it has no claims")
        self._check(claims, now)
        return claims

    def _check(self, claims: dict[str, Any], now: float) -> None:
        rules = self._rules
        if claims.get("iss") != rules.issuer:
            raise _refused("another issuer made it")
        audience = claims.get("aud")
        if rules.audience not in (audience if isinstance(audience, list) else [audience]):
            raise _refused("it is for another audience")
        for name in ("exp", "nbf", "iat"):
            value = claims.get(name)
            if (value is None and name == "exp") or isinstance(value, bool | str | list | dict):
                raise _refused(f"{name} is missing or no time")
        if now >= claims["exp"] + rules.leeway_s:
            raise _refused("it has expired")
        for name in ("nbf", "iat"):
            if claims.get(name, 0) is not None and claims.get(name, 0) > now + rules.leeway_s:
                raise _refused("it is not valid yet")
        if claims.get("typ") in _NOT_FOR_ACCESS:
            raise _refused("it is no access token")

    def _made(self, claims: dict[str, Any]) -> tuple[Caller, Caller]:
        rules = self._rules
        service = _text(claims, rules.path("service")) or _text(claims, ("client_id",)) or _text(claims, ("sub",))
        if service is None or service in NO_SERVICES:
            raise _refused("it names no service")
        consumer = Consumer(
            service,
            _text(claims, rules.path("organisation")),
            _text(claims, rules.path("project")),
            _text(claims, rules.path("area")),
        )
        given = _at(claims, rules.path("roles"))
        names = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        roles = {r for r in Role if f"{rules.role_prefix}{r.value}" in names}
        return callers_of(consumer, frozenset(roles or {Role.SERVICE}))


def _header(token: bytes) -> dict[str, Any]:
    try:
        found = jws.extract_compact(token).protected
    except (JoseError, ValueError, TypeError, KakehashiError):
        raise _refused("it can't be read") from None
    return dict(found)


def _at(claims: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = claims
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def _text(claims: Mapping[str, Any], path: tuple[str, ...]) -> str | None:
    value = _at(claims, path)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or not value.isprintable():
        return None
    return value


def _refused(why: str) -> Unauthorized:
    return Unauthorized(f"this token is not taken: {why}")
