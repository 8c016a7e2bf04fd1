"""Idempotency-Key: what makes a request the same as an earlier one of the same client."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from schemas.errors import InvalidRequest

LIFETIME = timedelta(days=7)
"""How long a key is remembered."""
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key as one client used it for one request. `request_hash` is that of `request_hash()`."""

    client: str
    key: str
    request_hash: bytes
    request: UUID


def parse_key(value: str) -> str:
    """The header's value as it came, if it may be a key: 1 to 255 visible ASCII characters or spaces.

    Raises InvalidRequest.
    """
    if not 0 < len(value) <= _LONGEST or not value.isascii() or not value.isprintable():
        raise InvalidRequest(
            f"Idempotency-Key takes 1 to {_LONGEST} printable ASCII characters.", field="Idempotency-Key", value=value
        )
    return value


def request_hash(
    *,
    method: str,
    path: str,
    query: Iterable[tuple[str, str]] = (),
    accept: str = "",
    tenant: str = "",
    body: bytes = b"",
) -> bytes:
    """SHA-256 (32 bytes) of what decides the answer. The order of query parameters does not count.

    Each part goes in behind its length, so that no two different requests run together into the same bytes.
    """
    digest = hashlib.sha256()
    pairs = sorted(query)
    texts = [method, path, accept, tenant, str(len(pairs)), *(text for pair in pairs for text in pair)]
    for part in (*(text.encode("utf-8", "surrogatepass") for text in texts), body):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
