"""CKAN's `q`, `fq` and `sort` as a search of this catalogue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from broker.store.catalog_search import CatalogSearch, Filter
from broker.web.catalog.ckan_asking import Asking, SearchError
from catalog.faces.ckan import organisation, slug
from catalog.search.question import parse
from catalog.search.solr import Clause, SolrError, between, parse_solr

FACETS = {
    "organization": "publisher",
    "groups": "theme",
    "tags": "keyword",
    "res_format": "format",
    "license_id": "licence",
}
"""CKAN's field → facet of the catalogue."""
_TEXT = frozenset({"title", "notes", "text", "title_ngram", "name_ngram"})
_NAMES = frozenset({"id", "name"})
_TIMES = frozenset({"metadata_modified", "metadata_created"})
_IGNORED = frozenset({"dataset_type", "type", "state", "private", "capacity", "site_id", "entity_type"})
_SORTS = {
    "score": ("relevance", "relevance"),
    "relevance": ("relevance", "relevance"),
    "metadata_modified": ("modified", "modified-asc"),
    "metadata_created": ("modified", "modified-asc"),
    "title": ("title-desc", "title"),
    "title_string": ("title-desc", "title"),
    "name": ("id-desc", "id"),
    "id": ("id-desc", "id"),
}
"""Field → order of the catalogue when it descends, and when it ascends."""


@dataclass(frozen=True, slots=True)
class CkanQuery:
    """Reads the parameters of `package_search`; every method raises SearchError for what can't be read."""

    search: CatalogSearch

    async def where(self, asking: Asking) -> Filter:
        """`q` is words; what it has of Solr's `field:value` is a filter, as all of `fq` is."""
        try:
            asked = parse_solr(asking.text("q"))
            words, clauses = asked.words, list(asked.clauses)
            for text in (asking.text("fq"), *asking.names("fq_list")):
                filtered = parse_solr(text)
                if filtered.words:
                    raise SearchError(f"this filter can't be read: {filtered.words[:100]}")
                clauses += filtered.clauses
            where = Filter()
            for clause in clauses:
                if clause.field in _TEXT and not clause.negated:
                    words = f"{words} {' '.join(clause.values)}"
                else:
                    where = await self._narrowed(where, clause)
        except SolrError as e:
            raise SearchError(str(e)) from None
        return replace(where, question=parse(words))

    async def _narrowed(self, where: Filter, clause: Clause) -> Filter:
        if clause.field in _IGNORED:
            return where
        if clause.field in _TIMES and not clause.negated:
            since, until = between(clause.values[0], datetime.now(UTC))
            return replace(where, catalogued_since=since, catalogued_until=until)
        if clause.field in _NAMES and not clause.negated:
            return replace(where, only=clause.values)
        if clause.field == "owner_org":
            return _with(where, "publisher", await self._named("organization", clause.values), clause)
        if clause.field not in FACETS:
            raise SearchError(f"undefined field {clause.field[:100]}")
        return _with(where, FACETS[clause.field], await self._named(clause.field, clause.values), clause)

    async def _named(self, field: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The values of a facet that are meant; what nothing has stays as it is, and finds nothing."""
        if field not in ("organization", "groups"):
            return wanted
        known = [value for value, _ in await self.search.values(FACETS[field])]
        found = [value for value in known if {value, *names_of(field, value)} & set(wanted)]
        return tuple(found) or wanted


def names_of(field: str, value: str) -> tuple[str, ...]:
    """What CKAN calls an organisation or a group: by its short name or its id."""
    if field == "organization":
        shown = organisation(value)
        return shown["name"], shown["id"]
    return (slug(value),)


def sort_of(text: str, where: Filter) -> str:
    """CKAN's `field direction, …`: the first counts. SearchError for a field that is not known."""
    words = text.replace(",", " ").split()
    if not words:
        return "relevance" if where.question.terms else "modified"
    if words[0] not in _SORTS:
        raise SearchError(f"can't sort by {words[0][:100]}")
    ascending = len(words) > 1 and words[1].lower() == "asc"
    return _SORTS[words[0]][ascending]


def _with(where: Filter, facet: str, values: tuple[str, ...], clause: Clause) -> Filter:
    if clause.negated:
        return replace(where, excluded=(*where.excluded, (facet, values)))
    return replace(where, also=(*where.also, (facet, values)))
