"""Where the bytes come from: an address by HTTP, or a file below a folder that the operator allows."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Protocol
from urllib.parse import unquote, urlsplit

from adapters.contract import SourceContext
from adapters.status import raise_for_status
from adapters.upstream import Answer, Upstream
from schemas.errors import Refused, SourceNotFound, SourceTooLarge, Unavailable

_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Version:
    """What identifies the bytes that we have, to ask only for other ones."""

    etag: str = ""
    modified: str = ""

    def headers(self) -> dict[str, str]:
        found = {"if-none-match": self.etag} if self.etag else {}
        # RFC 9110 §13.1.3: a date is only looked at where there is no ETag
        return found or ({"if-modified-since": self.modified} if self.modified else {})


@dataclass(frozen=True, slots=True)
class Download:
    """`data` is None if nothing has changed since the version that was given."""

    data: bytes | None
    version: Version
    clock_offset: float | None = None
    """Seconds that the server's clock is ahead of ours, as well as its Date header tells."""


class Origin(Protocol):
    async def get(self, have: Version | None, ctx: SourceContext) -> Download: ...


class HttpOrigin:
    """http(s), with conditional requests and up to five redirects, each through the address guard."""

    def __init__(self, upstream: Upstream, url: str, max_bytes: int, body: bytes | None = None) -> None:
        """`body`: JSON that is sent by POST, for data that is only given so."""
        self._upstream = upstream
        self._url = url
        self._max_bytes = max_bytes
        self._body = body

    async def get(self, have: Version | None, ctx: SourceContext) -> Download:
        """Any SourceError of the transport, or what the status means."""
        headers = {"accept": "application/geo+json, application/json, text/csv, */*;q=0.1"}
        method = "GET"
        if self._body is not None:
            method, headers["content-type"] = "POST", "application/json"
        elif have is not None:
            headers |= have.headers()
        answer = await self._upstream.request(
            method, self._url, ctx=ctx, headers=headers, body=self._body, max_bytes=self._max_bytes, follow=_REDIRECTS
        )
        if answer.status == 304 and have is not None:
            return Download(None, have, _clock_offset(answer))
        raise_for_status(answer)
        version = Version(answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
        return Download(answer.body, version, _clock_offset(answer))


class FileOrigin:
    """`file:` below one of the allowed folders."""

    def __init__(self, endpoint: str, folders: Sequence[str], max_bytes: int) -> None:
        self._endpoint = endpoint
        self._folders = tuple(folders)
        self._max_bytes = max_bytes

    async def get(self, have: Version | None, ctx: SourceContext) -> Download:
        """Refused outside the folders, SourceNotFound, SourceTooLarge, or Unavailable if it can't be read."""
        download = await asyncio.to_thread(self._read, have)
        ctx.received += len(download.data or b"")
        return download

    def _read(self, have: Version | None) -> Download:
        folder, names = locate(self._endpoint, self._folders)
        try:
            handle = open_below(folder, names)
        except FileNotFoundError:
            raise SourceNotFound("there is no such file in the data folder", field="endpoint") from None
        except OSError as e:
            raise Unavailable(f"the file can't be opened: {e.strerror}", field="endpoint") from None
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise Refused("that is not a file", field="endpoint")
            version = Version(f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}", formatdate(facts.st_mtime))
            if version == have:
                return Download(None, version)
            with os.fdopen(os.dup(handle), "rb") as file:
                data = file.read(self._max_bytes + 1)
        except OSError as e:
            raise Unavailable(f"the file can't be read: {e.strerror}", field="endpoint") from None
        finally:
            os.close(handle)
        if len(data) > self._max_bytes:
            raise SourceTooLarge(f"the file has more than {self._max_bytes} bytes", field="options.max_bytes")
        return Download(data, version)


def locate(endpoint: str, folders: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The allowed folder (real path) and the names that lead from it to the file, all links followed.

    A relative path (`file:shelters.csv`) is looked for in each folder. Refused if it leads out of all of them.
    """
    parts = urlsplit(endpoint)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path or "\0" in path or parts.query or parts.fragment:
        raise Refused("a file's address is file:/path or file:path, nothing more", field="endpoint")
    if not folders:
        raise Refused(
            "files are not allowed here; an operator can name the folders with KAKEHASHI_DATA_DIRS", field="endpoint"
        )
    outside = True
    for folder in folders:
        root = Path(folder).resolve()
        try:
            real = (root / path).resolve()
        except (OSError, RuntimeError):
            continue
        if real == root or not real.is_relative_to(root):
            continue
        outside = False
        if os.path.isabs(path) or real.exists():
            return str(root), real.relative_to(root).parts
    if outside:
        raise Refused("the file is not below a folder that the operator allows", field="endpoint")
    raise SourceNotFound("there is no such file in the data folder", field="endpoint")


def open_below(folder: str, names: Sequence[str]) -> int:
    """A file descriptor, reached from the folder name by name without following a link.

    The path was resolved before; whoever exchanges a folder for a link in between gains nothing.
    """
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        # a pipe must not hang the thread that opens it
        return os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)


def _clock_offset(answer: Answer) -> float | None:
    try:
        return round(parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - time(), 1)
    except (TypeError, ValueError):
        return None
