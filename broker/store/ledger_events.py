"""Events that enter the ledger beside flows, written in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import rfc8785

from schemas.flow import uuid7

_ENTER = "INSERT INTO ledger_events (id, time, kind, subject, actor, body) VALUES ($1, $2, $3, $4, $5, $6)"


async def enter(
    connection: asyncpg.Connection,
    kind: str,
    subject: str,
    actor: str,
    body: Mapping[str, Any],
    *,
    now: datetime | None = None,
) -> UUID:
    """Write an event within the caller's transaction, so that neither is there without the other.

    `kind`: what happened ("agreement.approved"); `subject`: the id of what it happened to; `actor`: the service,
    organisation or role that did it, no person; `body`: JSON without NaN, keys and values as RFC 8785 takes them.
    Returns the event's id (UUID version 7). ValueError for a body that has no canonical form.
    """
    event = uuid7()
    text = rfc8785.dumps(dict(body))
    if rfc8785.dumps(orjson.loads(text)) != text:
        # a number beyond 2^53 may be written as a float, and is read again as a whole number
        raise ValueError("the body does not keep its canonical form when it is read")
    await connection.execute(_ENTER, event, now or datetime.now(UTC), kind, subject, actor, text)
    return event
