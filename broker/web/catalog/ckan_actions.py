"""What each action of CKAN gives that is about datasets; the lists of what they have in common are apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from broker.harvest.catalogue import Catalogue
from broker.store.catalog_search import Filter
from broker.web.catalog.ckan_asking import Asking
from broker.web.catalog.ckan_lists import CkanLists, found_names
from broker.web.catalog.ckan_query import FACETS, CkanQuery, sort_of
from catalog.hit import Hit
from catalog.search.question import parse
from schemas.errors import BadRequestData, NotFound

Action = Callable[[Asking], Awaitable[Any]]
_MOST = 1000
_AT_ONCE = 50


class CkanActions:
    """By their names in CKAN."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._search = catalogue.search
        self._query = CkanQuery(catalogue.search)
        lists = CkanLists(catalogue.search, self.shown)
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
            **lists.actions,
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
        where = await self._query.where(asking)
        sort = sort_of(asking.text("sort"), where)
        rows, start = asking.number("rows", 10, _MOST), asking.number("start", 0, 1_000_000)
        found = await self._search.search(where, limit=max(rows, 1), offset=start, sort=sort)
        fields = [name for name in asking.names("facet.field") if name in FACETS]
        counted = await self._search.facets(where, [FACETS[name] for name in fields]) if fields else {}
        most = asking.number("facet.limit", 50, _MOST)
        facets, told = {}, {}
        for name in fields:
            values = counted[FACETS[name]][:most]
            items = [{"name": found_names(name, v)[0], "display_name": v, "count": n} for v, n in values]
            facets[name] = {item["name"]: item["count"] for item in items}
            told[name] = {"title": name, "items": items}
        return {
            "count": found.total,
            "sort": asking.text("sort") or "score desc, metadata_modified desc",
            "results": await packages(asking, found.hits) if rows else [],
            "facets": facets,
            "search_facets": told,
        }

    async def package_show(self, asking: Asking) -> Any:
        name = asking.text("id") or asking.text("name_or_id")
        if not name:
            raise BadRequestData("Missing value", field="name_or_id")
        return asking.package(await self._hit(name))

    async def package_list(self, asking: Asking) -> Any:
        return await self._search.ids(limit=asking.number("limit", 1_000_000, 1_000_000), offset=asking.offset())

    async def with_resources(self, asking: Asking) -> Any:
        limit = asking.number("limit", _MOST, _MOST)
        found = await self._search.search(Filter(), limit=limit, offset=asking.offset(), sort="modified")
        return await packages(asking, found.hits)

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

    async def shown(self, asking: Asking, where: Filter) -> list[dict[str, Any]]:
        """The packages of an organisation or a group."""
        found = await self._search.search(where, limit=_MOST, offset=0, sort="id")
        return await packages(asking, found.hits)

    async def _hit(self, name: str) -> Hit:
        found = await self._search.get(name) if name else None
        if found is None:
            raise NotFound("Not found", field="id")
        return found


async def packages(asking: Asking, hits: list[Hit]) -> list[dict[str, Any]]:
    """A thousand of them take longer than other requests should wait."""
    made = []
    for place, hit in enumerate(hits):
        if place % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        made.append(asking.package(hit))
    return made
