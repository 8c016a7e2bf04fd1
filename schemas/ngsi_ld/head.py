"""The head of an entity, read without building the rest: enough to merge and check raw bytes."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.errors import BadUpstream


class Head(msgspec.Struct, gc=False, rename={"context": "@context"}):
    """`context` is set if the entity brings its own @context, so its bytes can't be passed on as they are."""

    id: str
    type: str | list[str]
    context: msgspec.Raw = msgspec.Raw(b"")


_heads = msgspec.json.Decoder(list[Head])
_head = msgspec.json.Decoder(Head)
_rows = msgspec.json.Decoder(list[msgspec.Raw])


def read_heads(body: bytes) -> list[Head]:
    """Heads of a JSON array of entities; BadUpstream if it is none, or not UTF-8."""
    try:
        check_utf8(body)
        return _heads.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadUpstream(f"the answer is not a JSON array of entities ({_reason(e)})") from None


def read_head(body: bytes) -> Head:
    """The head of one JSON entity; BadUpstream if it is none, or not UTF-8."""
    try:
        check_utf8(body)
        return _head.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadUpstream(f"the answer is not a JSON entity ({_reason(e)})") from None


def split_rows(body: bytes) -> list[msgspec.Raw]:
    """The bytes of each member of a JSON array that `read_heads` has accepted."""
    return _rows.decode(body)


def check_utf8(body: bytes) -> None:
    """UnicodeDecodeError if it is not UTF-8."""
    # msgspec skips over the strings that it does not build, so they would leave unchecked
    if not body.isascii():
        body.decode()


def _reason(e: Exception) -> str:
    if isinstance(e, RecursionError):
        return "it is nested too deep"
    return "it is not UTF-8" if isinstance(e, UnicodeDecodeError) else str(e)[:120]


def types_of(entity: dict[str, Any]) -> tuple[str, ...]:
    """The type names of an entity, in whatever context it is."""
    value = entity.get("type", ())
    return (value,) if isinstance(value, str) else tuple(value)
