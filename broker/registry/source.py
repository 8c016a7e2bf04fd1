"""A platform as the federation uses it: record, adapter, credential headers, breaker, bulkhead."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.contract import Adapter
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from schemas.errors import BadRequestData
from schemas.flow import Provider
from schemas.ngsi_ld.geo import Bounds
from schemas.platform import Platform


@dataclass(slots=True)
class Source:
    """Lives as long as its registration's version. `headers` hold the credential and are never shown."""

    platform: Platform
    adapter: Adapter
    provider: Provider
    headers: Mapping[str, str] = field(repr=False)
    breaker: Breaker
    bulkhead: Bulkhead
    bounds: Bounds | None = None
    """West, south, east, north of the area that the registration covers."""
    network: bool = True
    """False for the local store: no breaker, no Via, no time-out of its own."""
    asked: int = 0
    failed: int = 0
    last_ms: float = 0.0

    @property
    def id(self) -> str:
        return self.platform.id


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KINDS = "header (name, value), bearer (token) or basic (username, password)"


def credential_headers(credential: Mapping[str, Any] | None) -> dict[str, str]:
    """The request headers for a stored credential; BadRequestData names what is missing.

    Shapes: {"kind": "header", "name", "value"}, {"kind": "bearer", "token"}, {"kind": "basic", "username", "password"}.
    """
    if not credential:
        return {}
    kind = credential.get("kind")
    fields = {"header": ("name", "value"), "bearer": ("token",), "basic": ("username", "password")}.get(str(kind))
    if fields is None:
        raise BadRequestData(f"a credential is of kind {_KINDS}", field="credential.kind", value=str(kind))
    values: list[str] = []
    for name in fields:
        value = credential.get(name)
        if not isinstance(value, str) or not value or not value.isprintable():
            raise BadRequestData(f"a {kind} credential needs a printable {name}", field=f"credential.{name}")
        if kind != "basic" and not (_TOKEN.fullmatch(value) if name == "name" else value.isascii()):
            raise BadRequestData(f"the {name} can't stand in a request header", field=f"credential.{name}")
        values.append(value)
    unknown = sorted(set(credential) - {"kind", *fields})
    if unknown:
        raise BadRequestData(f"a {kind} credential has no such member", field=f"credential.{unknown[0]}")
    if kind == "header":
        return {values[0].lower(): values[1]}
    if kind == "bearer":
        return {"authorization": f"Bearer {values[0]}"}
    token = base64.b64encode(":".join(values).encode()).decode()
    return {"authorization": f"Basic {token}"}
