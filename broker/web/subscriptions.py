"""Subscriptions, to entities and to registrations: this gateway sends no notifications, and says so (clause 5.5.6).

Nothing is accepted that would then not happen. Every precondition of clause 6.3 is checked as for any other operation.
"""

from __future__ import annotations

from typing import Final

from broker.web.endpoint import Call, Headers, Reply
from broker.web.negotiation import PLAIN, Media, choose
from broker.web.reading import Reader
from schemas.errors import InvalidRequest, NotFound, OperationNotSupported

_PAGING: Final = ("limit", "offset", "count")


class NoSubscriptions:
    """The handlers of `/subscriptions` and of `/csourceSubscriptions`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def create(self, call: Call) -> Reply:
        """OperationNotSupported (422) for every subscription that can be read."""
        self._reader.caller(call)
        self._parameters(call)
        await self._reader.document(call)
        raise OperationNotSupported("this gateway sends no notifications", field="notification", clause="5.5.6")

    async def query(self, call: Call) -> Reply:
        """There are none."""
        self._reader.caller(call)
        media = choose(call.header(b"accept") or "", PLAIN)
        params = self._parameters(call, _PAGING)
        context = await self._reader.context(call)
        headers: Headers = [(b"content-type", media.encode())]
        if media is not Media.JSONLD:
            headers.append((b"link", context.link_header().encode("latin-1")))
        if params.get("count") == "true":
            headers.append((b"ngsild-results-count", b"0"))
        return Reply(200, b"[]", headers)

    async def retrieve(self, call: Call) -> Reply:
        """ResourceNotFound."""
        self._reader.caller(call)
        choose(call.header(b"accept") or "", PLAIN)
        self._parameters(call)
        raise self._unknown(call)

    async def update(self, call: Call) -> Reply:
        """ResourceNotFound."""
        self._reader.caller(call)
        self._parameters(call)
        await self._reader.document(call)
        raise self._unknown(call)

    async def delete(self, call: Call) -> Reply:
        """ResourceNotFound."""
        self._reader.caller(call)
        self._parameters(call)
        raise self._unknown(call)

    def _parameters(self, call: Call, known: tuple[str, ...] = ()) -> dict[str, str]:
        params = self._reader.parameters(call)
        for name in params:
            if name not in known:
                raise InvalidRequest("this operation has no such parameter", field=name[:80], clause="6.3.20")
        return params

    def _unknown(self, call: Call) -> NotFound:
        given = call.path["subscription_id"]
        return NotFound("there is no such subscription", field="id", value=given, clause="5.8")
