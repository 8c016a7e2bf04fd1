"""CKAN's lists of what datasets have in common: organisations, groups, tags, licences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from broker.store.catalog_search import CatalogSearch, Filter
from broker.web.catalog.ckan_asking import Asking
from broker.web.catalog.ckan_query import FACETS, names_of
from catalog.faces.ckan import group, organisation, slug, tag_name
from schemas.errors import BadRequestData, NotFound

Action = Callable[[Asking], Awaitable[Any]]
Shown = Callable[[Asking, Filter], Awaitable[list[dict[str, Any]]]]
_ALL = 100_000
_SORTED = {"name": "name", "title": "title", "package_count": "package_count", "packages": "package_count"}


class CkanLists:
    """`shown` gives the packages of a filter."""

    def __init__(self, search: CatalogSearch, shown: Shown) -> None:
        self._search = search
        self._shown = shown
        self.actions: dict[str, Action] = {
            "organization_list": self.organization_list,
            "organization_show": self.organization_show,
            "organization_autocomplete": self.organization_autocomplete,
            "group_list": self.group_list,
            "group_show": self.group_show,
            "group_autocomplete": self.group_autocomplete,
            "tag_list": self.tag_list,
            "tag_show": self.tag_show,
            "tag_autocomplete": self.tag_autocomplete,
            "license_list": self.license_list,
        }

    async def organization_list(self, asking: Asking) -> Any:
        return _listed(asking, await self._organisations(), "organizations")

    async def organization_show(self, asking: Asking) -> Any:
        return await self._one(asking, await self._organisations(), "organization")

    async def organization_autocomplete(self, asking: Asking) -> Any:
        return _completed(asking, await self._organisations())

    async def group_list(self, asking: Asking) -> Any:
        return _listed(asking, await self._groups(), "groups")

    async def group_show(self, asking: Asking) -> Any:
        return await self._one(asking, await self._groups(), "groups")

    async def group_autocomplete(self, asking: Asking) -> Any:
        return _completed(asking, await self._groups())

    async def tag_list(self, asking: Asking) -> Any:
        """`query`: part of it; `all_fields`."""
        names = await self._tags(asking.text("query"))
        return [_tag(name) for name in names] if asking.flag("all_fields") else names

    async def tag_show(self, asking: Asking) -> Any:
        name = _wanted(asking)
        if name not in await self._tags(name):
            raise NotFound("Not found", field="id")
        return _tag(name)

    async def tag_autocomplete(self, asking: Asking) -> Any:
        names = await self._tags(asking.text("q") or asking.text("query"))
        return names[: asking.number("limit", 10, 1000)]

    async def license_list(self, asking: Asking) -> Any:
        return [
            {"id": name, "title": name, "status": "active", "url": ""}
            for name, _ in await self._search.values("licence")
        ]

    async def _organisations(self) -> list[dict[str, Any]]:
        return [organisation(name, count) for name, count in await self._search.values("publisher")]

    async def _groups(self) -> list[dict[str, Any]]:
        return [group(name, count) for name, count in await self._search.values("theme")]

    async def _tags(self, part: str) -> list[str]:
        words = (tag_name(value) for value, _ in await self._search.values("keyword") if part in value)
        return sorted({name for name in words if name})

    async def _one(self, asking: Asking, rows: list[dict[str, Any]], field: str) -> dict[str, Any]:
        """By its name or id; with `include_datasets` its packages, at most a thousand."""
        wanted = _wanted(asking)
        for row in rows:
            if wanted in (row["id"], row["name"]):
                where = Filter(values={FACETS[field]: (row["title"],)})
                inside = await self._shown(asking, where) if asking.flag("include_datasets") else []
                return row | {"packages": inside, "extras": [], "tags": [], "groups": [], "users": []}
        raise NotFound("Not found", field="id")


def found_names(field: str, value: str) -> tuple[str, ...]:
    """What CKAN calls a value of a facet, the name first."""
    return names_of(field, value) if field in ("organization", "groups") else (value,)


def _listed(asking: Asking, rows: list[dict[str, Any]], chosen: str) -> Any:
    """`sort`, `limit`, `offset`, `all_fields`, and the names that are wanted."""
    field, _, direction = (asking.text("sort") or "name").partition(" ")
    key = _SORTED.get(field)
    if key is None:
        raise BadRequestData(f"Cannot sort by field `{field[:100]}`", field="sort")
    if wanted := asking.names(chosen):
        rows = [row for row in rows if row["name"] in wanted or row["id"] in wanted]
    rows = sorted(rows, key=lambda row: str(row["name"]))
    descending = direction.strip().lower() == "desc" or (key == "package_count" and not direction)
    rows.sort(key=lambda row: row[key], reverse=descending)
    start = asking.offset()
    rows = rows[start : start + asking.number("limit", _ALL, _ALL)]
    return rows if asking.flag("all_fields") else [row["name"] for row in rows]


def _completed(asking: Asking, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    part = asking.text("q").casefold()
    found = [row for row in rows if part in row["title"].casefold() or part in row["name"]]
    return [{k: row[k] for k in ("id", "name", "title")} for row in found[: asking.number("limit", 20, 1000)]]


def _tag(name: str) -> dict[str, Any]:
    return {"id": slug(name), "name": name, "display_name": name, "vocabulary_id": None}


def _wanted(asking: Asking) -> str:
    name = asking.text("id")
    if not name:
        raise BadRequestData("Missing value", field="id")
    return name
