"""The one HTTP port to the outside: pool, deadline, size cap, address guard, redirects.

Bodies are asked for uncompressed (`identity`): a cap on bytes is then a cap on memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from adapters.exchange import NO_ACCESS, NotModified, SourceContext
from adapters.guard import Guard
from adapters.streamed import Streamed
from adapters.wire import Answer, Connection
from schemas.errors import BadUpstream, Refused, SourceTimeout, SourceTooLarge, Unavailable

__all__ = ["Answer", "Upstream"]

P = TypeVar("P", bound=asyncio.Protocol)
_VISIBLE = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[\t -~\x80-\xff]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN = "accept-encoding: identity\r\n"
_REDIRECTS = (301, 302, 303, 307, 308)

_IDLE_SECONDS = 30.0
_FRESH_SECONDS = 1.0
_MAX_IDLE = 64


@dataclass(slots=True)
class _Origin:
    """scheme://host:port and the idle connections to it."""

    host: str
    port: int
    tls: bool
    authority: str
    identity: ssl.SSLContext | None = None
    """With our certificate. Its connections serve nobody who has another, or none."""
    idle: list[tuple[float, Connection]] = field(default_factory=list)


class Upstream:
    """Shared by all adapters of a worker. Not a place for retries or breakers: those are the federation's."""

    def __init__(self, guard: Guard, *, user_agent: str = "kakehashi", ca_file: str | None = None) -> None:
        self._guard = guard
        self._agent = user_agent
        self.ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._origins: dict[str | tuple[str, ssl.SSLContext], _Origin] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        ctx: SourceContext,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int | None = None,
        follow: int = 0,
        again: bool = False,
    ) -> Answer:
        """One exchange; `url` is absolute and percent-encoded. Statuses are the caller's to judge.

        `again`: what is sent may arrive twice, so that a kept connection that turns out to be closed is no failure.

        Follows up to `follow` redirects of a GET, each through the guard; what goes to another origin carries no
        credential. A token that is answered with 401 is asked for anew, once. Errors: Unavailable, SourceTimeout,
        SourceTooLarge, BadUpstream, ForbiddenAddress, Refused; NotModified if `ctx.unless` asks for it.
        """
        access = ctx.access
        login = access.login
        unless = ctx.unless[1] if ctx.unless is not None and ctx.unless[0] == url and method == "GET" else None
        if unless is not None:
            headers = {**(headers or {}), "if-none-match": unless}
        secrets = access.headers if login is None else await login.headers(ctx.deadline)
        while True:
            answer = await self._once(method, url, ctx, access.tls, secrets, headers, body, max_bytes, again)
            if answer.status == 401 and login is not None and login.refused(secrets):
                # not authenticated means not done, so that any method may be repeated
                secrets, login = await login.headers(ctx.deadline), None
                continue
            if "ngsild-warning" in answer.headers:
                ctx.warned = answer.headers["ngsild-warning"]
            if ctx.freshness is not None and method == "GET":
                ctx.freshness.take(url, answer.headers)
                if unless is not None and answer.status == 304:
                    raise NotModified
            if answer.status not in _REDIRECTS or follow <= 0 or method != "GET":
                return answer
            try:
                target = urljoin(url, answer.headers.get("location", ""))
            except ValueError:
                raise BadUpstream("it redirects to what is no address") from None
            if target == url:
                raise BadUpstream("it redirects to itself")
            if _origin_of(target) != _origin_of(url):
                access, login, secrets = NO_ACCESS, None, {}
            url = target.partition("#")[0]
            follow -= 1

    async def stream(
        self,
        url: str,
        *,
        ctx: SourceContext,
        headers: Mapping[str, str] | None = None,
        max_bytes: int,
        follow: int = 0,
        method: str = "GET",
    ) -> Streamed:
        """A GET whose body is handed on while it comes: the answer's head is there, `chunks` gives the body; whoever
        asked closes it. `ctx.deadline` is for the head. Redirects and errors as of `request`. A HEAD has no body."""
        access, login = ctx.access, ctx.access.login
        secrets = access.headers if login is None else await login.headers(ctx.deadline)
        while True:
            origin, target = self._locate(url, access.tls)
            data = self._head(method, origin, target, ctx, secrets, headers, None)
            streamed = await self._reach(origin, ctx.deadline, Streamed)
            try:
                await streamed.begin(data, max_bytes, ctx.deadline)
                if streamed.headers.get("content-encoding", "identity") != "identity":
                    raise BadUpstream("its answer is compressed, though it was asked for a plain one")
            except BaseException:
                streamed.close()
                raise
            if streamed.status not in _REDIRECTS or follow <= 0:
                return streamed
            streamed.close()
            try:
                onward = urljoin(url, streamed.headers.get("location", "")).partition("#")[0]
            except ValueError:
                raise BadUpstream("it redirects to what is no address") from None
            if onward == url:
                raise BadUpstream("it redirects to itself")
            if _origin_of(onward) != _origin_of(url):
                access, secrets = NO_ACCESS, {}
            url = onward
            follow -= 1

    async def _once(
        self,
        method: str,
        url: str,
        ctx: SourceContext,
        identity: ssl.SSLContext | None,
        secrets: Mapping[str, str],
        headers: Mapping[str, str] | None,
        body: bytes | None,
        max_bytes: int | None,
        again: bool,
    ) -> Answer:
        origin, target = self._locate(url, identity)
        limit = ctx.budget if max_bytes is None else min(ctx.budget, max_bytes)
        if limit <= 0:
            raise SourceTooLarge("the byte budget of this request is used up")
        data = self._head(method, origin, target, ctx, secrets, headers, body)
        loop = asyncio.get_running_loop()
        if loop.time() >= ctx.deadline:
            raise SourceTimeout("the deadline had passed before it was asked")
        while True:
            # what changes something is not repeated, so it goes where the other side has hardly closed meanwhile
            reused = self._take(origin, loop.time(), _IDLE_SECONDS if method in ("GET", "HEAD") else _FRESH_SECONDS)
            connection = reused or await self._connect(origin, ctx.deadline)
            try:
                answer = await connection.exchange(data, limit, ctx.deadline)
            except Unavailable:
                # a kept connection that the other side had just closed: nothing was answered, so ask on a new one
                if reused is not None and not reused.answered and (again or method in ("GET", "HEAD")):
                    continue
                raise
            if answer.headers.get("content-encoding", "identity") != "identity":
                connection.close()
                raise BadUpstream("its answer is compressed, though it was asked for a plain one")
            size = len(answer.body)
            ctx.budget -= size
            ctx.received += size
            if connection.reusable and len(origin.idle) < _MAX_IDLE:
                origin.idle.append((loop.time(), connection))
            else:
                connection.close()
            return answer

    def _locate(self, url: str, identity: ssl.SSLContext | None) -> tuple[_Origin, str]:
        cut = url.find("/", 8)
        base, target = (url, "/") if cut < 0 else (url[:cut], url[cut:])
        if not _VISIBLE.fullmatch(url):
            raise Refused("the address has characters that must be percent-encoded", field="endpoint")
        place = base if identity is None else (base, identity)
        origin = self._origins.get(place)
        if origin is None:
            if "?" in base or "#" in base:
                raise Refused("the address has no path", field="endpoint", value=url)
            origin = self._origins[place] = _parse_origin(base)
            origin.identity = identity
            if len(self._origins) > 4096:
                self._forget_idle_origins()
        return origin, target

    def _forget_idle_origins(self) -> None:
        for place in [p for p, o in self._origins.items() if not o.idle][:1024]:
            del self._origins[place]

    def _head(
        self,
        method: str,
        origin: _Origin,
        target: str,
        ctx: SourceContext,
        secrets: Mapping[str, str],
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> bytes:
        lines = [f"{method} {target} HTTP/1.1\r\nhost: {origin.authority}\r\nuser-agent: {self._agent}\r\n{_PLAIN}"]
        for source in (headers, ctx.conveyed, secrets):
            if source:
                for name, value in source.items():
                    if not _is_token(name):
                        raise Refused("a request header's name has a character that it may not have", field="options")
                    if not _HEADER.fullmatch(value):
                        raise Refused(f"the header {name} has a control character", field="credential")
                    lines.append(f"{name}: {value}\r\n")
        if ctx.via:
            # in this case: there are brokers that look the name up as it was sent
            lines.append(f"Via: {ctx.via}\r\n")
        if ctx.request_id:
            lines.append(f"x-request-id: {ctx.request_id}\r\n")
        if body is not None:
            lines.append(f"content-length: {len(body)}\r\n")
        lines.append("\r\n")
        head = "".join(lines).encode("latin-1")
        return head if body is None else head + body

    def _take(self, origin: _Origin, now: float, most: float) -> Connection | None:
        idle = origin.idle
        while idle and (now - idle[-1][0] < most or most == _IDLE_SECONDS):
            since, connection = idle.pop()
            if connection.reusable and now - since < _IDLE_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: _Origin, deadline: float) -> Connection:
        return await self._reach(origin, deadline, Connection)

    async def _reach(self, origin: _Origin, deadline: float, made: Callable[[], P]) -> P:
        try:
            async with asyncio.timeout_at(deadline):
                *others, last = await self._guard.resolve(origin.host, origin.port)
                for address in others:
                    # a name may have addresses of which only some are listened on ("localhost": ::1 and 127.0.0.1)
                    with contextlib.suppress(ConnectionRefusedError):
                        return await self._open(address, origin, made)
                return await self._open(last, origin, made)
        except TimeoutError:
            raise SourceTimeout("no connection before the deadline") from None
        except ssl.SSLCertVerificationError as e:
            raise Refused(f"its TLS certificate is not trusted: {e.verify_message}", field="endpoint") from None
        except ssl.SSLError as e:
            raise Unavailable(f"TLS failed: {e.reason}", field="endpoint") from None
        except OSError as e:
            raise Unavailable(f"no connection to {origin.authority}: {_reason(e)}", field="endpoint") from None

    async def _open(self, address: str, origin: _Origin, made: Callable[[], P]) -> P:
        _, connection = await asyncio.get_running_loop().create_connection(
            made,
            address,
            origin.port,
            ssl=(origin.identity or self._context()) if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self.ca_file)
        return self._tls

    async def close(self) -> None:
        for origin in self._origins.values():
            for _, connection in origin.idle:
                connection.close()
        self._origins.clear()


def _reason(e: OSError) -> str:
    if isinstance(e, ConnectionRefusedError):
        return "connection refused (is the platform running, is the port right?)"
    return (e.strerror or e.__class__.__name__).lower()


@lru_cache(maxsize=1024)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _origin_of(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _parse_origin(base: str) -> _Origin:
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError as e:
        raise Refused(f"not an address: {e}", field="endpoint", value=base) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused("an address begins with http:// or https:// and names a host", field="endpoint", value=base)
    if parts.username is not None:
        raise Refused("no user name or password in an address; use the credential", field="endpoint")
    tls = parts.scheme == "https"
    host = parts.hostname
    return _Origin(host, port or (443 if tls else 80), tls, parts.netloc.lower())
