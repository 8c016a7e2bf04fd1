"""In front of everything: who a trusted proxy says is asking (mutual TLS ends there).

Only requests that come from the proxy may bring the header; from anybody else it is refused, so that nobody becomes
another by writing a line. Behind this the header has one name, which no request brings along from outside.
"""

from __future__ import annotations

import hmac
import ipaddress
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from broker.settings import Settings
from broker.web.endpoint import fold
from broker.web.problems import media_of, problem
from schemas.distinguished_name import SUBJECT_HEADER
from schemas.errors import SettingsError, Unauthorized

SECRET = b"kakehashi-proxy-secret"
_SUBJECT = SUBJECT_HEADER.encode()
_TAKEN = frozenset(
    {
        *("accept", "authorization", "connection", "content-length", "content-type", "cookie", "host", "link"),
        *("transfer-encoding", "via", "x-api-key", "ngsild-tenant", "idempotency-key", SECRET.decode()),
    }
)
"""Names that mean something else."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Headers = list[tuple[bytes, bytes]]


def proxied(app: ASGIApp, settings: Settings) -> ASGIApp:
    """The application, behind this if a proxy passes subjects on. SettingsError if nobody is said to be trusted."""
    if not settings.mtls_header:
        return app
    if settings.mtls_header.lower() in _TAKEN:
        raise SettingsError(
            "this header means something else", field="KAKEHASHI_MTLS_HEADER", value=settings.mtls_header
        )
    networks = read_networks(settings.mtls_proxies)
    if not networks and not settings.mtls_proxy_secret:
        raise SettingsError(
            "say which proxies may pass subjects on: KAKEHASHI_MTLS_PROXIES or KAKEHASHI_MTLS_PROXY_SECRET",
            field="KAKEHASHI_MTLS_HEADER",
            value=settings.mtls_header,
        )
    return Proxied(app, settings.mtls_header.lower().encode(), networks, settings.mtls_proxy_secret.encode())


def read_networks(text: str) -> tuple[Network, ...]:
    """SettingsError for what is no network in CIDR."""
    try:
        return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as e:
        raise SettingsError(str(e), field="KAKEHASHI_MTLS_PROXIES", value=text) from None


class Proxied:
    """With `networks` and `secret` both have to be right."""

    def __init__(self, app: ASGIApp, header: bytes, networks: tuple[Network, ...], secret: bytes) -> None:
        self._app = app
        self._header = header
        self._networks = networks
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope = {**scope, "headers": self._checked(scope)}
            except Unauthorized as error:
                accept = fold(scope["headers"]).get(b"accept", b"").decode("latin-1")
                status, headers, body = problem(error, media_of(scope["path"], accept))
                headers = [*headers, (b"content-length", str(len(body)).encode())]
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
                return
        await self._app(scope, receive, send)

    def _checked(self, scope: Scope) -> Headers:
        """The headers behind this: without secret, with the subject under its own name."""
        given: Headers = list(scope["headers"])
        subjects = [value for name, value in given if name == self._header]
        kept = [pair for pair in given if pair[0] not in (self._header, SECRET, _SUBJECT)]
        if not any(subjects):
            # a proxy says nothing, or that there was no certificate
            return kept
        if not self._trusted(scope, [value for name, value in given if name == SECRET]):
            raise Unauthorized("the subject of a certificate is taken from trusted proxies only")
        if len(subjects) > 1:
            raise Unauthorized("the subject of a certificate is there twice; a proxy replaces what clients send")
        return [*kept, (_SUBJECT, subjects[0].strip())]

    def _trusted(self, scope: Any, secrets: list[bytes]) -> bool:
        if self._networks and not self._near(scope.get("client")):
            return False
        return not self._secret or (len(secrets) == 1 and hmac.compare_digest(secrets[0].strip(), self._secret))

    def _near(self, peer: tuple[str, int] | None) -> bool:
        try:
            address = ipaddress.ip_address((peer or ("",))[0].partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
