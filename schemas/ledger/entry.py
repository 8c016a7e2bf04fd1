"""What stands in the ledger: flows and events, one canonical JSON text (RFC 8785) each.

PostgreSQL writes these texts (broker/store/ledger_forms.py); here they are read, and anything but the canonical form is
refused. The fields stand in the order of their names, as the canonical form has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import rfc8785

FORM = 1


class FlowEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """A flow (schemas/flow.py) at its place `seq`. Its Idempotency-Key is its client's own and stays out."""

    agreement: str | None
    agreement_version: int | None
    batch: bool
    bytes: int
    cache_hit: bool
    consumer_area: str | None
    consumer_organisation: str | None
    consumer_project: str | None
    consumer_service: str
    cross_area: bool
    entities: int
    form: Literal[1]
    id: str
    kind: Literal["flow"]
    latency_us: int | None
    operation: str
    outcome: str
    platform: str
    provider_area: str | None
    provider_organisation: str | None
    replay_of: str | None
    request: str
    seq: int
    time: str
    """RFC 3339, UTC, six digits of a second."""
    types: tuple[str, ...]


class EventEntry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something that happened beside flows: an agreement, a correction, a new key. `event` says what."""

    actor: str
    body: dict[str, Any]
    event: str
    form: Literal[1]
    id: str
    kind: Literal["event"]
    seq: int
    subject: str
    time: str


Entry = FlowEntry | EventEntry
_flow = msgspec.json.Decoder(FlowEntry)
_event = msgspec.json.Decoder(EventEntry)
_encode = msgspec.json.Encoder().encode
_MOST = 2**53 - 1


def read_entry(text: bytes) -> Entry:
    """ValueError for what is no entry, or is not written canonically."""
    try:
        if text.startswith(b'{"agreement":'):
            flow = _flow.decode(text)
            if _encode(flow) != text or flow.bytes > _MOST or flow.entities > _MOST:
                raise ValueError("it is not written in canonical JSON (RFC 8785)")
            return flow
        event = _event.decode(text)
        if canonical(event) != text:
            raise ValueError("it is not written in canonical JSON (RFC 8785)")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no entry: {error}") from None
    return event


def canonical(entry: Entry) -> bytes:
    """The text that is hashed."""
    if isinstance(entry, FlowEntry):
        return _encode(entry)
    return rfc8785.dumps(msgspec.to_builtins(entry))


def instant(time: str) -> datetime:
    """An entry's time. ValueError."""
    if len(time) != 27 or time[26] != "Z":
        raise ValueError("a time is written as 2026-11-26T00:00:00.000000Z")
    return datetime.fromisoformat(time[:26]).replace(tzinfo=UTC)


def written(time: datetime) -> str:
    """A time as entries have it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """RFC 8785. ValueError for what has no canonical form."""
    return rfc8785.dumps(dict(value))
