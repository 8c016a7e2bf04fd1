"""What an NGSI-LD platform says of its types and attributes (clauses 6.25 to 6.28), asked for in core terms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote

import orjson

from adapters.contract import SourceContext
from adapters.status import raise_for_status
from adapters.upstream import Answer
from schemas.errors import BadUpstream
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.discovery import (
    AttributeInfo,
    TypeInfo,
    attribute_info_in,
    attribute_names_in,
    table_in,
    type_info_in,
)
from schemas.platform import Platform


class Describes(ABC):
    """The questions of `adapters.contract.Describing`, for an adapter that knows how to get something."""

    platform: Platform
    root: str
    prefix: str

    @abstractmethod
    def get(self, url: str, context: Context, ctx: SourceContext) -> Awaitable[Answer]:
        """What stands at an address of the platform, asked in a @context."""

    async def attributes_of_types(self, ctx: SourceContext) -> dict[str, list[str]]:
        return table_in(_rows(await self._told("/types", ctx, details=True)), "attributeNames")

    async def types_of_attributes(self, ctx: SourceContext) -> dict[str, list[str]]:
        return table_in(_rows(await self._told("/attributes", ctx, details=True)), "typeNames")

    async def attribute_names(self, ctx: SourceContext) -> list[str]:
        return attribute_names_in(await self._told("/attributes", ctx))

    async def type_info(self, name: str, ctx: SourceContext) -> TypeInfo:
        return type_info_in(await self._told("/types/" + quote(name, safe=""), ctx, known=False))

    async def attribute_info(self, name: str, ctx: SourceContext) -> AttributeInfo:
        return attribute_info_in(await self._told("/attributes/" + quote(name, safe=""), ctx, known=False))

    async def _told(self, path: str, ctx: SourceContext, *, details: bool = False, known: bool = True) -> Any:
        """Its answer. `known`: it has to be there; else None where the platform says that it has none."""
        params = ["details=true"] if details else []
        if self.platform.distribution.local_only:
            params.append("local=true")
        question = "?" + "&".join(params) if params else ""
        answer = await self.get(self.root + self.prefix + path + question, CORE, ctx)
        if answer.status == 404 and not known and b"ResourceNotFound" in answer.body:
            return None
        raise_for_status(answer)
        try:
            return orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise BadUpstream("what it says of its types and attributes is not JSON") from None


def _rows(told: Any) -> list[Any]:
    if not isinstance(told, list):
        raise BadUpstream("what it says of its types and attributes has no details")
    return told
