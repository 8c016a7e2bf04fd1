"""Which page of subscriptions is asked for (clauses 5.5.9.1, 6.3.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.params import MAX_LIMIT, MAX_OFFSET


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    offset: int
    count: bool


def page_of(params: Mapping[str, str]) -> Page:
    """BadRequestData and InvalidRequest name the parameter."""
    count = params.get("count", "false")
    if count not in ("true", "false"):
        raise InvalidRequest("count is true or false", field="count", value=count)
    limit = _whole(params, "limit", 20, MAX_LIMIT)
    if limit == 0 and count != "true":
        raise BadRequestData("limit=0 goes only with count=true", field="limit", value="0", clause="6.3.10")
    return Page(limit, _whole(params, "offset", 0, MAX_OFFSET), count == "true")


def _whole(params: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12) or int(text) > most:
        raise BadRequestData(f"{name} is a whole number from 0 to {most}", field=name, value=text, clause="6.3.10")
    return int(text)
