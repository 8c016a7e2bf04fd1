"""`POST /federation/notifications/{token}`: what sources notify of the copies that we made there (clause 5.8.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from broker.web.endpoint import Call, Reply
from broker.web.reading import Reader
from schemas.errors import BadRequestData, InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.subscription_view import instant

Received = Callable[[str, Sequence[Any], Context, str], Awaitable[bool]]


class Inbound:
    """The token is 256 random bits that only the source was told; no key is needed beside it."""

    def __init__(self, received: Received, reader: Reader) -> None:
        self._received = received
        self._reader = reader

    async def receive(self, call: Call) -> Reply:
        """200 as soon as it is in our own outbox."""
        for name in self._reader.parameters(call):
            raise InvalidRequest("this operation has no parameters", field=name[:80], clause="6.3.20")
        document, context = await self._reader.document(call)
        data = document.get("data") if isinstance(document, dict) else None
        if not isinstance(data, list):
            raise BadRequestData("a notification has an array of entities", field="data", clause="5.3.1")
        if not await self._received(call.path["token"], data, context, instant(datetime.now(UTC))):
            raise NotFound("nobody has subscribed by this token", field="token")
        return Reply(200)
