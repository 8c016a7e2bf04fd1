"""What each action of CKAN gives. Parameters come as text or as JSON, as CKAN's clients send them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from broker.harvest.catalogue import Catalogue
from broker.store.catalog_search import Filter
from catalog.faces.ckan import group, organisation, package, slug, tag_name
from catalog.hit import AgreementState, Hit
from catalog.search.question import parse
from schemas import loose
from schemas.dataset import Dataset
from schemas.errors import BadRequestData, NotFound

Action = Callable[["Asking"], Awaitable[Any]]
_MOST = 1000
_AT_ONCE = 50
_FIELD = re.compile(r'([+-]?)([A-Za-z_]+):(\[[^\]]{1,100}\]|"[^"]{0,500}"|\([^)]{0,500}\)|\S+)')
_SINCE = re.compile(r"\[(\S+) TO \S+\]")
_FACETS = {
    "organization": "publisher",
    "groups": "theme",
    "tags": "keyword",
    "res_format": "format",
    "license_id": "licence",
}
_SORTS = {
    "score": "relevance",
    "relevance": "relevance",
    "metadata_modified": "modified",
    "title": "title",
    "title_string": "title",
    "name": "id",
    "id": "id",
}
_IGNORED = frozenset({"dataset_type", "state", "capacity", "site_id", "entity_type"})


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

    def package(self, hit: Hit) -> dict[str, Any]:
        return package(hit, self.base, self.state(hit.dataset))


class CkanActions:
    """By their names in CKAN."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._search = catalogue.search
        self._actions: dict[str, Action] = {
            "status_show": self.status_show,
            "site_read": self.site_read,
            "help_show": self.help_show,
            "package_search": self.package_search,
            "package_show": self.package_show,
            "package_list": self.package_list,
            "current_package_list_with_resources": self.with_resources,
            "package_autocomplete": self.package_autocomplete,
            "resource_show": self.resource_show,
            "organization_list": self.organization_list,
            "organization_show": self.organization_show,
            "group_list": self.group_list,
            "group_show": self.group_show,
            "tag_list": self.tag_list,
            "license_list": self.license_list,
        }

    def named(self, name: str) -> Action | None:
        return self._actions.get(name)

    async def status_show(self, asking: Asking) -> Any:
        return {
            "ckan_version": "2.11.4",
            "site_title": "架け橋 データカタログ",
            "site_description": "Kakehashi",
            "site_url": f"{asking.base}/ckan",
            "error_emails_to": None,
            "locale_default": "ja",
            "extensions": [],
        }

    async def site_read(self, asking: Asking) -> Any:
        return True

    async def help_show(self, asking: Asking) -> Any:
        name = asking.text("name")
        if name not in self._actions:
            raise NotFound("Action not found", field="name")
        return f"{name}: as CKAN 2.11 has it, over the catalogue of this gateway."

    async def package_search(self, asking: Asking) -> Any:
        """`q`, `fq`, `fq_list`, `sort`, `rows`, `start`, `facet.field`, `facet.limit`."""
        where = await self._where(asking)
        sort = _sort(asking.text("sort"), where)
        rows, start = asking.number("rows", 10, _MOST), asking.number("start", 0, 1_000_000)
        found = await self._search.search(where, limit=max(rows, 1), offset=start, sort=sort)
        fields = [name for name in asking.names("facet.field") if name in _FACETS]
        counted = await self._search.facets(where, [_FACETS[name] for name in fields]) if fields else {}
        facets, told = {}, {}
        for name in fields:
            values = counted[_FACETS[name]]
            facets[name] = {_named(name, value): count for value, count in values}
            items = [{"name": _named(name, v), "display_name": v, "count": n} for v, n in values]
            told[name] = {"title": name, "items": items}
        return {
            "count": found.total,
            "sort": asking.text("sort") or "score desc, metadata_modified desc",
            "results": await _packages(asking, found.hits) if rows else [],
            "facets": facets,
            "search_facets": told,
        }

    async def package_show(self, asking: Asking) -> Any:
        return asking.package(await self._hit(asking.text("id") or asking.text("name_or_id")))

    async def package_list(self, asking: Asking) -> Any:
        return await self._search.ids(limit=asking.number("limit", 1_000_000, 1_000_000), offset=_offset(asking))

    async def with_resources(self, asking: Asking) -> Any:
        limit = asking.number("limit", 10, _MOST)
        found = await self._search.search(Filter(), limit=limit, offset=_offset(asking), sort="modified")
        return await _packages(asking, found.hits)

    async def package_autocomplete(self, asking: Asking) -> Any:
        limit = asking.number("limit", 10, 100)
        found = await self._search.search(Filter(parse(asking.text("q"))), limit=limit, offset=0)
        return [
            {"name": h.dataset.id, "title": h.dataset.title, "match_field": "title", "match_displayed": h.dataset.title}
            for h in found.hits
        ]

    async def resource_show(self, asking: Asking) -> Any:
        id_ = asking.text("id")
        shown = asking.package(await self._hit(id_.rpartition("-")[0] or id_))
        for resource in shown["resources"]:
            if resource["id"] == id_:
                return resource
        raise NotFound("Not found", field="id")

    async def organization_list(self, asking: Asking) -> Any:
        rows = [organisation(name, count) for name, count in await self._search.values("publisher")]
        return _listed(asking, rows)

    async def organization_show(self, asking: Asking) -> Any:
        for name, count in await self._search.values("publisher"):
            shown = organisation(name, count)
            if asking.text("id") in (shown["id"], shown["name"]):
                return shown | {"packages": [], "extras": [], "tags": [], "groups": [], "users": []}
        raise NotFound("Not found", field="id")

    async def group_list(self, asking: Asking) -> Any:
        return _listed(asking, [group(name, count) for name, count in await self._search.values("theme")])

    async def group_show(self, asking: Asking) -> Any:
        for name, count in await self._search.values("theme"):
            shown = group(name, count)
            if asking.text("id") in (shown["id"], shown["name"]):
                return shown | {"packages": [], "extras": [], "tags": [], "groups": [], "users": []}
        raise NotFound("Not found", field="id")

    async def tag_list(self, asking: Asking) -> Any:
        words = asking.text("query")
        names = sorted({n for v, _ in await self._search.values("keyword") if words in v and (n := tag_name(v))})
        if asking.flag("all_fields"):
            return [{"id": slug(n), "name": n, "display_name": n, "vocabulary_id": None} for n in names]
        return names

    async def license_list(self, asking: Asking) -> Any:
        return [
            {"id": name, "title": name, "status": "active", "url": ""}
            for name, _ in await self._search.values("licence")
        ]

    async def _hit(self, name: str) -> Hit:
        found = await self._search.get(name) if name else None
        if found is None:
            raise NotFound("Not found", field="id")
        return found

    async def _where(self, asking: Asking) -> Filter:
        """`q` is words; what it has of Solr's `field:value` is a filter, as all of `fq` is."""
        where = Filter()
        words = asking.text("q").replace("*:*", " ")
        conditions = [*_FIELD.findall(words)]
        words = _FIELD.sub(" ", words)
        for text in (asking.text("fq"), *asking.names("fq_list")):
            rest = _FIELD.sub(" ", text)
            if rest.replace("AND", " ").strip():
                raise SearchError(f"this filter can't be read: {rest.strip()[:100]}")
            conditions += _FIELD.findall(text)
        for sign, name, value in conditions:
            where = await self._narrowed(where, sign, name, value)
        return replace(where, question=parse(words))

    async def _narrowed(self, where: Filter, sign: str, name: str, value: str) -> Filter:
        if name in _IGNORED:
            return where
        if sign == "-":
            raise SearchError(f"there is no filter against {name}")
        since = _SINCE.fullmatch(value)
        if name in ("metadata_modified", "metadata_created") and since:
            moment = loose.instant(since.group(1))
            if not moment:
                raise SearchError(f"this is no time: {since.group(1)}")
            return replace(where, catalogued_since=moment)
        if name not in _FACETS:
            raise SearchError(f"undefined field {name}")
        facet = _FACETS[name]
        wanted = value.strip('"()')
        values = [v for v, _ in await self._search.values(facet) if wanted in (v, _named(name, v))] or [wanted]
        return replace(where, values={**where.values, facet: tuple(values)})


async def _packages(asking: Asking, hits: list[Hit]) -> list[dict[str, Any]]:
    """A thousand of them take longer than other requests should wait."""
    made = []
    for place, hit in enumerate(hits):
        if place % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        made.append(asking.package(hit))
    return made


def _named(field_name: str, value: str) -> str:
    """What CKAN calls a value: organisations and groups by their short name."""
    return slug(value) if field_name in ("organization", "groups") else value


def _listed(asking: Asking, rows: list[dict[str, Any]]) -> Any:
    rows = sorted(rows, key=lambda row: str(row["name"]))
    start = _offset(asking)
    rows = rows[start : start + asking.number("limit", 100_000, 100_000)]
    return rows if asking.flag("all_fields") else [row["name"] for row in rows]


def _offset(asking: Asking) -> int:
    page = asking.number("page", 0, 100_000)
    return asking.number("offset", 0, 1_000_000) or (page - 1) * asking.number("limit", 10, _MOST) * bool(page)


def _sort(text: str, where: Filter) -> str:
    """CKAN's `field direction, …`: the first counts; a field that is not known is an error."""
    name = text.replace(",", " ").split()[0] if text.strip() else ""
    if name and name not in _SORTS:
        raise SearchError(f"can't sort by {name[:100]}")
    return _SORTS[name] if name else ("relevance" if where.question.terms else "modified")
