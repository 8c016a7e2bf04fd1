"""One copy of a file, read and translated: immutable but for the tables it keeps per working @context."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from adapters.contract import Page
from adapters.geojson.mapping import MappingRules
from adapters.geojson.origin import Version
from adapters.geojson.reading.reading import ReadingOptions, read
from adapters.geojson.reading.table import Table
from adapters.geojson.translate import Translated, missing_columns, missing_words, translate
from adapters.query_memory import EntityTable
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.query import EntityQuery

_MAX_CONTEXTS = 4
_MANY = 2000
"""Entities beyond which work goes to a thread."""


@dataclass(slots=True)
class Snapshot:
    """`home` has the names of the platform's context."""

    version: Version
    size: int
    encoding: str
    table: Table
    translated: Translated
    home: EntityTable
    context: Context
    clock_offset: float | None = None
    missing: tuple[tuple[str, str], ...] = ()
    """Options of the mapping that name a column which is not there, each with what to tell the owner."""
    _tables: OrderedDict[str, EntityTable] = field(default_factory=OrderedDict)

    async def page(self, query: EntityQuery) -> Page:
        """The query's answer; a long search runs in a thread."""
        table = await self.in_context(query.context)
        searching = not query.ids and (query.q is not None or query.geo is not None or query.id_pattern is not None)
        if searching and len(table) > _MANY:
            return await asyncio.to_thread(table.page, query)
        return table.page(query)

    async def in_context(self, working: Context) -> EntityTable:
        """The entities with the names of a working context. The last few contexts' tables are kept."""
        found = self._tables.get(working.key)
        if found is not None:
            self._tables.move_to_end(working.key)
            return found
        if len(self.home) > _MANY:
            found = await asyncio.to_thread(self._renamed, working)
        else:
            found = self._renamed(working)
        self._tables[working.key] = found
        while len(self._tables) > _MAX_CONTEXTS:
            self._tables.popitem(last=False)
        return found

    def types(self) -> tuple[str, ...]:
        """Entity types as IRIs, sorted."""
        return tuple(sorted({self.context.expand(name) for name in self.home.by_type}))

    def _renamed(self, working: Context) -> EntityTable:
        return self.home.renamed(lambda name: working.compact(self.context.expand(name)))


def build(
    data: bytes,
    version: Version,
    clock_offset: float | None,
    options: ReadingOptions,
    rules: MappingRules,
    context: Context,
) -> Snapshot:
    """All the work on a file's bytes; meant for a thread. BadUpstream and SourceTooLarge say what is wrong with it."""
    table, encoding = read(data, options, frozenset(column for _, column in rules.named_columns()))
    translated = translate(table, rules)
    missing = tuple((option, missing_words(option, column, table)) for option, column in missing_columns(rules, table))
    # the records have served; only what the probe tells of them stays
    facts = Table(table.format, [], table.columns, table.header_row, table.notes, table.details)
    return Snapshot(
        version=version,
        size=len(data),
        encoding=encoding,
        table=facts,
        translated=translated,
        home=EntityTable(translated.entities),
        context=context,
        clock_offset=clock_offset,
        missing=missing,
    )
