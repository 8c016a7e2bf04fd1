"""Finding datasets: terms against lexemes, facets, places, times; one hit for each cluster, the most useful first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import asyncpg

from broker.store.catalog_hits import read_hits
from broker.store.database import Database
from broker.store.text import storable
from catalog.hit import Hit
from catalog.search.fold import fold
from catalog.search.question import Alternative, Question
from schemas.dataset import BBox

FACETS: dict[str, str] = {
    "area": "areas",
    "publisher": "publisher",
    "theme": "themes",
    "format": "formats",
    "licence": "licence",
    "access": "access",
    "source": "source",
    "type": "types",
    "keyword": "keywords",
}
"""Name of a facet → column. Columns in the plural hold several values."""
_PLURAL = frozenset({"areas", "themes", "formats", "types", "keywords"})
_TITLED, _MEANT, _SAID, _AROUND = 4.0, 3.0, 1.0, 0.5
"""What a term adds: as written in the head, another word for it there, anywhere in the text, only the ward of it."""
_FACET_ROWS = 50
_FACET = """(SELECT '{name}' AS facet, value, count(DISTINCT cluster) AS n
FROM (SELECT cluster, {value} AS value FROM hits) AS v WHERE value <> '' GROUP BY value ORDER BY n DESC, value
LIMIT {most})"""
NO_QUESTION = Question()


@dataclass(frozen=True, slots=True)
class Filter:
    """`values`: facet → values of which one must be there. `since`: changed at or after, RFC 3339; `catalogued_since`:
    this catalogue saw it change. `live`: only such (True) or only files (False). `least`: how many of the terms
    must be met, if not all. `without`: all but this id. `also`: more facets with values of which one must be there,
    `excluded`: of which none may be; `only`: ids or names."""

    question: Question = NO_QUESTION
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    bbox: BBox | None = None
    start: str | None = None
    end: str | None = None
    since: str | None = None
    live: bool | None = None
    catalogued_since: str | None = None
    least: int | None = None
    without: str | None = None
    also: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excluded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    only: tuple[str, ...] = ()
    catalogued_until: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """`total` counts clusters, not rows. `loose`: nothing had all the terms, so these have some of them."""

    hits: list[Hit]
    total: int
    loose: bool = False


class CatalogSearch:
    """Methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, where: Filter, *, limit: int, offset: int, sort: str = "relevance") -> Found:
        """The page of hits. `sort`: relevance, modified or title."""
        async with self._database.connection() as connection:
            rows = await _page(connection, where, limit, offset, sort)
            loose = False
            for least in _looser(len(where.question.terms)) if not offset and where.least is None else ():
                if rows:
                    break
                rows = await _page(connection, replace(where, least=least), limit, offset, sort)
                loose = bool(rows)
            total = rows[0]["total"] if rows else 0
            if not rows and offset:
                total = (await _page(connection, where, 1, 0, sort) or [{"total": 0}])[0]["total"]
            return Found(await read_hits(connection, rows), total, loose)

    async def facets(self, where: Filter, names: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
        """For each facet its values with the number of datasets, the most frequent first."""
        sql = _Sql()
        conditions = _conditions(sql, where)
        parts = []
        for name in names:
            column = FACETS[name]
            value = f"unnest({column})" if column in _PLURAL else column
            parts.append(_FACET.format(name=name, value=value, most=_FACET_ROWS))
        if not parts:
            return {}
        columns = ", ".join(sorted({FACETS[name] for name in names}))
        statement = (
            f"WITH hits AS MATERIALIZED (SELECT cluster, {columns} FROM catalog_datasets WHERE {conditions}) "  # noqa: S608
            + " UNION ALL ".join(parts)
        )
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, *sql.arguments)
        found: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
        for row in rows:
            found[row["facet"]].append((row["value"], row["n"]))
        return found

    async def get(self, name: str) -> Hit | None:
        """By the catalogue's id, or by the short name or identifier that a source gives it."""
        if not storable(name) or len(name) > 1000:
            return None
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id, 0::real AS score FROM catalog_datasets WHERE id = $1"
                " UNION ALL (SELECT id, 0 FROM catalog_datasets WHERE name = $1 AND id <> $1 ORDER BY id LIMIT 1)"
                " UNION ALL (SELECT id, 0 FROM catalog_datasets WHERE identifier = $1 AND id <> $1 ORDER BY id LIMIT 1)"
                " LIMIT 1",
                name,
            )
            hits = await read_hits(connection, rows)
        return hits[0] if hits else None

    async def listed(self, *, after: str, since: str | None, limit: int) -> tuple[list[Hit], int]:
        """Every dataset once, however many catalogues have it, and how many there are: for other catalogues that
        harvest this one. In order of `Hit.cluster`, beginning behind the one that is called `after`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT ON (cluster) id, 0::real AS score FROM catalog_datasets WHERE cluster IN ("
                " SELECT DISTINCT cluster FROM catalog_datasets"
                " WHERE cluster > $1 AND ($2::text IS NULL OR changed_at >= $2::text::timestamptz)"
                " ORDER BY cluster LIMIT $3) ORDER BY cluster, usable DESC, id",
                after,
                since,
                limit,
            )
            total = await connection.fetchval(
                "SELECT count(DISTINCT cluster) FROM catalog_datasets"
                " WHERE $1::text IS NULL OR changed_at >= $1::text::timestamptz",
                since,
            )
            return await read_hits(connection, rows), total

    async def ids(self, *, limit: int, offset: int) -> list[str]:
        """The ids of all that `listed` gives, in its order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT ON (cluster) id FROM catalog_datasets ORDER BY cluster, usable DESC, id"
                " LIMIT $1 OFFSET $2",
                limit,
                offset,
            )
        return [row["id"] for row in rows]

    async def values(self, facet: str) -> list[tuple[str, int]]:
        """All values of a facet with the number of datasets, at most 10,000."""
        column = FACETS[facet]
        value = f"unnest({column})" if column in _PLURAL else column
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT value, count(*) FROM (SELECT {value} AS value FROM catalog_datasets) AS v"  # noqa: S608
                " WHERE value <> '' GROUP BY value ORDER BY value LIMIT 10000"
            )
        return [(row[0], row[1]) for row in rows]

    async def suggest(self, text: str, limit: int) -> list[str]:
        """Titles and keywords that go on from what was typed."""
        folded = fold(text)[:60].replace("\\", "").replace("%", "").replace("_", "")
        if not folded or not storable(folded):
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT word FROM (SELECT DISTINCT ON (word) word, rank FROM ("
                " SELECT k AS word, 2 AS rank FROM catalog_datasets, unnest(keywords) AS k WHERE k ILIKE $1 || '%'"
                " UNION ALL SELECT document::jsonb ->> 'title', CASE WHEN title LIKE $2 || '%' THEN 1 ELSE 0 END"
                " FROM (SELECT * FROM catalog_datasets WHERE title LIKE '%' || $2 || '%'"
                " ORDER BY usable DESC, id LIMIT 50) AS t) AS w ORDER BY word, rank DESC) AS d"
                " ORDER BY rank DESC, length(word), word LIMIT $3",
                text[:60].replace("%", "").replace("_", "").replace("\\", ""),
                folded,
                limit,
            )
        return [row["word"] for row in rows]


class _Sql:
    """Arguments of a statement, numbered as they come."""

    def __init__(self) -> None:
        self.arguments: list[Any] = []

    def __call__(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"


def tsquery(alternatives: Sequence[Alternative]) -> str:
    """Text of a tsquery: any of the alternatives, of each all lexemes."""
    return " | ".join("(" + " & ".join(_quoted(lexeme) for lexeme in one) + ")" for one in alternatives if one)


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _conditions(sql: _Sql, where: Filter) -> str:
    parts = ["true"]
    wanted = [tsquery((*term.exact, *term.weak)) for term in where.question.terms]
    if wanted:
        least = len(wanted) if where.least is None else min(where.least, len(wanted))
        chosen = (" & ".join(f"({one})" for one in several) for several in combinations(wanted, least))
        parts.append(f"words @@ {sql(' | '.join(f'({one})' for one in chosen))}::text::tsquery")
    parts += [_any(sql, name, values) for name, values in (*where.values.items(), *where.also)]
    parts += [f"NOT ({_any(sql, name, values)})" for name, values in where.excluded]
    if where.only:
        given = sql([v for v in where.only if storable(v)])
        parts.append(f"(id = ANY({given}::text[]) OR name = ANY({given}::text[]))")
    if where.bbox is not None:
        west, south, east, north = (sql(edge) for edge in where.bbox)
        parts.append(f"extent && box(point({west}::float8, {south}::float8), point({east}::float8, {north}::float8))")
    if where.start is not None or where.end is not None:
        span = f"daterange({sql(where.start)}::text::date, {sql(where.end)}::text::date, '[]')"
        parts.append(f"covers && {span}")
    if where.since is not None:
        parts.append(f"modified >= {sql(where.since)}::text::timestamptz")
    if where.catalogued_since is not None:
        parts.append(f"changed_at >= {sql(where.catalogued_since)}::text::timestamptz")
    if where.catalogued_until is not None:
        parts.append(f"changed_at <= {sql(where.catalogued_until)}::text::timestamptz")
    if where.live is not None:
        parts.append(f"live = {sql(where.live)}")
    if where.without is not None:
        parts.append(f"id <> {sql(where.without)}")
    return " AND ".join(parts)


def _any(sql: _Sql, facet: str, values: Sequence[str]) -> str:
    column, given = FACETS[facet], sql([v for v in values if storable(v)])
    return f"{column} && {given}::text[]" if column in _PLURAL else f"{column} = ANY({given}::text[])"


def _looser(terms: int) -> tuple[int, ...]:
    """How many terms are enough if nothing has all of them."""
    return tuple(dict.fromkeys(n for n in (terms - 1, terms - 2, 1) if 0 < n < terms))


def _score(sql: _Sql, where: Filter) -> str:
    """The usefulness, and for each term how well it is met. Where all of them must be, a row that was found has each in
    its words, which need not be looked at again: they are long."""
    parts = ["usable"]
    for term in where.question.terms:
        cases = [f"WHEN head @@ {sql(tsquery(term.exact[:1]))}::text::tsquery THEN {_TITLED}"]
        if len(term.exact) > 1:
            cases.append(f"WHEN head @@ {sql(tsquery(term.exact))}::text::tsquery THEN {_MEANT}")
        said, otherwise = (_MEANT if term.place else _SAID), 0.0
        if where.least is None and not term.weak:
            otherwise = said
        else:
            cases.append(f"WHEN words @@ {sql(tsquery(term.exact))}::text::tsquery THEN {said}")
            if where.least is None:
                otherwise = _AROUND
            elif term.weak:
                cases.append(f"WHEN words @@ {sql(tsquery(term.weak))}::text::tsquery THEN {_AROUND}")
        parts.append(f"CASE {' '.join(cases)} ELSE {otherwise} END")
        # a title that is little more than what was asked for is the better one
        if not term.place:
            word, called = (f"position({sql(name)} IN title) > 0" for name in (term.word, term.called or term.word))
            parts.append(f"CASE WHEN {word} THEN 8.0 WHEN {called} THEN 6.0 ELSE 0 END / (8 + length(title))")
    return " + ".join(parts)


_SORTS = {
    "relevance": "score DESC, modified DESC NULLS LAST, id",
    "modified": "modified DESC NULLS LAST, id",
    "modified-asc": "modified NULLS LAST, id",
    "title": "title, id",
    "title-desc": "title DESC, id",
    "id": "id",
    "id-desc": "id DESC",
}


async def _page(
    connection: asyncpg.Connection, where: Filter, limit: int, offset: int, sort: str
) -> list[asyncpg.Record]:
    sql = _Sql()
    conditions = _conditions(sql, where)
    score = _score(sql, where)
    statement = f"""
        WITH best AS (
            SELECT DISTINCT ON (cluster) id, title, modified, ({score})::real AS score FROM catalog_datasets
            WHERE {conditions} ORDER BY cluster, score DESC, id
        )
        SELECT id, score, count(*) OVER () AS total FROM best ORDER BY {_SORTS[sort]}
        LIMIT {sql(limit)} OFFSET {sql(offset)}"""  # noqa: S608
    rows: list[asyncpg.Record] = await connection.fetch(statement, *sql.arguments)
    return rows
