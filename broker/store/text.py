"""What text PostgreSQL can hold: UTF-8 without the NUL character."""

from __future__ import annotations

from schemas.errors import BadRequestData

_LONGEST_KEY = 2048


def storable(text: str) -> bool:
    """False for text that no row can hold: looking for it finds nothing (PostgreSQL would refuse to compare)."""
    # isascii is a flag of the string; only the rest is worth an encoder's work.
    return "\0" not in text and (text.isascii() or _encodable(text))


def require_storable(text: str, field: str) -> None:
    """Raises `BadRequestData` that names `field`."""
    if not storable(text):
        raise BadRequestData("Text with a NUL character or half a surrogate pair can't be stored.", field=field)


def require_key(text: str, field: str) -> None:
    """For names that are indexed; an index's entry has an end. Raises `BadRequestData` that names `field`."""
    require_storable(text, field)
    if len(text) > _LONGEST_KEY // 4 and len(text.encode()) > _LONGEST_KEY:
        raise BadRequestData(f"Longer than {_LONGEST_KEY} bytes.", field=field, value=text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
