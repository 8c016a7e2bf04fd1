"""One call of CKAN's Action API: its parameters, which come as text or as JSON, as CKAN's clients send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from catalog.faces.ckan import package
from catalog.hit import AgreementState, Hit
from schemas.dataset import Dataset
from schemas.errors import BadRequestData


class SearchError(Exception):
    """A query that CKAN would not understand either, or that this catalogue can't answer."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One call: its parameters, where this gateway is, and what the caller may use."""

    given: Mapping[str, Any]
    base: str
    state: Callable[[Dataset], AgreementState] = field(repr=False)

    def text(self, name: str, default: str = "") -> str:
        """BadRequestData if it is neither text nor a number."""
        value = self.given.get(name, default)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float) or "\0" in str(value):
            raise BadRequestData("Invalid value", field=name)
        return str(value)

    def number(self, name: str, default: int, most: int) -> int:
        """BadRequestData below 0; what is more than `most` is cut, as CKAN does."""
        text = self.text(name, str(default)) or str(default)
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise BadRequestData("Must be a natural number", field=name)
        return min(int(text), most)

    def flag(self, name: str) -> bool:
        return self.given.get(name) in (True, "true", "True", "1", 1)

    def names(self, name: str) -> list[str]:
        """A list, also as JSON in text; BadRequestData for what is none."""
        value = self.given.get(name, [])
        if isinstance(value, str):
            try:
                value = orjson.loads(value) if value else []
            except orjson.JSONDecodeError:
                raise BadRequestData("Must be a list of strings", field=name) from None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise BadRequestData("Must be a list of strings", field=name)
        return value

    def offset(self) -> int:
        """Of `offset`, or of `page` with `limit`."""
        page = self.number("page", 0, 100_000)
        return self.number("offset", 0, 1_000_000) or (page - 1) * self.number("limit", 10, 1000) * bool(page)

    def package(self, hit: Hit) -> dict[str, Any]:
        return package(hit, self.base, self.state(hit.dataset))
