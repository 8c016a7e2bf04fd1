"""Areas on loopback that hold entities and misbehave as they are told to, each request anew."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from gateway import ENTITIES
from sources import NgsiLdSource

from adapters.testing.raw import RawServer, reset_on_close
from adapters.testing.serving import Reply, Request

HUGE = 3_000_000
"""Bytes; more than the gateway of these tests reads of one source."""


class Whim(StrEnum):
    """What it does with a question for entities."""

    NONE = "none"
    JITTER = "jitter"
    """The answer comes in pieces, some time apart."""
    COUNTS_TOO_MANY = "counts-too-many"
    COUNTS_NONE = "counts-none"
    CHUNKED = "chunked"
    # from here on the answer can't be used, and must be told to be missing
    RESET = "reset"
    TRUNCATED = "truncated"
    LENGTH_TOO_LONG = "length-too-long"
    LENGTH_TOO_SHORT = "length-too-short"
    INVALID_JSON = "invalid-json"
    NO_ARRAY = "no-array"
    HUGE = "huge"
    PRIVATE_REDIRECT = "private-redirect"
    FAULT = "fault"
    CLOSED = "closed"
    HUNG = "hung"

    @property
    def harmless(self) -> bool:
        return self in (Whim.NONE, Whim.JITTER, Whim.COUNTS_TOO_MANY, Whim.COUNTS_NONE, Whim.CHUNKED)


class Area(RawServer):
    """`async with Area() as area:` listens; what it holds (`source`), its `whim` and `delay` (seconds) may change."""

    def __init__(self, source: NgsiLdSource) -> None:
        super().__init__()
        self.source = source
        self.whim = Whim.NONE
        self.delay = 0.0
        self.asked = False
        """Since that was last set to False, for entities."""

    async def answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        whim = Whim.NONE
        if request.path.startswith(ENTITIES):
            self.asked, whim = True, self.whim
        if self.delay:
            await asyncio.sleep(self.delay)
        reply = misled(self.source(request), whim)
        body, length = reply.body, len(reply.body)
        if whim is Whim.LENGTH_TOO_LONG:
            length += 10
        elif whim is Whim.LENGTH_TOO_SHORT:
            length = max(length // 2, 1)
        elif whim is Whim.TRUNCATED:
            body = body[: length // 2]
        framing = "transfer-encoding: chunked" if whim is Whim.CHUNKED else f"content-length: {length}"
        lines = [f"HTTP/1.1 {reply.status} Told", framing, *(f"{n}: {v}" for n, v in reply.headers.items()), "", ""]
        head = "\r\n".join(lines).encode("latin-1")
        if whim is Whim.HUNG:
            await asyncio.Event().wait()
        elif whim is Whim.RESET:
            writer.write(head + body[: length // 2])
            await writer.drain()
            reset_on_close(writer)
        elif whim is Whim.JITTER:
            for piece in (head[:9], head[9:], *(body[i : i + 700] for i in range(0, len(body), 700))):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)
        elif whim is Whim.CHUNKED:
            pieces = [body[i : i + 100] for i in range(0, len(body), 100)]
            writer.write(head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n")
        elif whim is not Whim.CLOSED:
            writer.write(head + body)
        await writer.drain()
        return whim.harmless


def misled(reply: Reply, whim: Whim) -> Reply:
    """What is wrong with an answer already before it is sent."""
    counted = {**reply.headers}
    match whim:
        case Whim.COUNTS_TOO_MANY | Whim.COUNTS_NONE:
            counted["ngsild-results-count"] = "9999" if whim is Whim.COUNTS_TOO_MANY else "0"
            return Reply(reply.body, reply.status, counted)
        case Whim.INVALID_JSON:
            return Reply(reply.body[:-1] + b',"', reply.status, counted)
        case Whim.NO_ARRAY:
            return Reply(b'{"id":"urn:x:1","type":"X"}', reply.status, counted)
        case Whim.HUGE:
            return Reply(b"[" + b" " * HUGE + b"]", reply.status, counted)
        case Whim.PRIVATE_REDIRECT:
            return Reply(b"", 302, {"location": "http://10.0.0.1/ngsi-ld/v1/entities?type=Crowd"})
        case Whim.FAULT:
            return Reply(b"", 500)
        case _:
            return reply
