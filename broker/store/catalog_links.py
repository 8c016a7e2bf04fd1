"""Which files of the catalogue can be had, as their users and the crawl found; whose turn it is, and how many a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from broker.store.catalog_judged import rejudge
from broker.store.database import Database
from broker.store.text import storable
from catalog.links import Verdict, host_rests, is_broken, links_of, next_check
from schemas.dataset import decode

LEASE = timedelta(seconds=90)
"""A host whose process has died is taken up by another after this time."""
_FILL = 200
_UNLINKED = """
WITH turn AS (
    DELETE FROM catalog_unlinked WHERE id IN (
        SELECT id FROM catalog_unlinked ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING id)
SELECT turn.id, d.document FROM turn LEFT JOIN catalog_datasets d USING (id)"""
_GIVEN = "unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::boolean[])"
_FORGET = f"""
DELETE FROM catalog_links l WHERE l.dataset = ANY($7::text[]) AND NOT EXISTS (
    SELECT FROM {_GIVEN} AS g (dataset, place, url, host, format, wanted)
    WHERE (g.dataset, g.place, g.url) = (l.dataset, l.place, l.url))"""  # noqa: S608
_ENTER = f"""
INSERT INTO catalog_links AS l (dataset, place, url, host, format, due)
SELECT dataset, place, url, host, format, CASE WHEN wanted THEN now() ELSE 'infinity' END
FROM {_GIVEN} AS g (dataset, place, url, host, format, wanted)
ON CONFLICT (dataset, place) DO UPDATE SET host = excluded.host, format = excluded.format, unreadable = NULL,
    due = CASE WHEN 'infinity' IN (excluded.due, l.due) OR NOT l.alive THEN excluded.due ELSE l.due END"""  # noqa: S608
_CLAIM = """
UPDATE catalog_hosts h SET lease_owner = $1, lease_until = now() + $2::interval WHERE h.host IN (
    SELECT host FROM catalog_hosts f WHERE next_at <= now() AND (lease_until IS NULL OR lease_until < now())
        AND host <> ALL($3::text[]) AND EXISTS (SELECT FROM catalog_links l WHERE l.host = f.host AND l.due <= now())
    ORDER BY next_at, host LIMIT $4 FOR UPDATE SKIP LOCKED) RETURNING h.host, h.failures"""
_HOLD = """
UPDATE catalog_hosts SET lease_until = now() + $3::interval WHERE host = $1 AND lease_owner = $2 RETURNING true"""
_REST = """
UPDATE catalog_hosts SET next_at = now() + $3::interval, failures = $4, lease_owner = NULL, lease_until = NULL
WHERE host = $1 AND lease_owner = $2"""
_SPEND = """
INSERT INTO catalog_chores AS c (name, day, done) VALUES ('links', (now() AT TIME ZONE 'Asia/Tokyo')::date, 1)
ON CONFLICT (name) DO UPDATE SET day = excluded.day, done = CASE WHEN c.day = excluded.day THEN c.done + 1 ELSE 1 END
WHERE c.day < excluded.day OR c.done < $1 RETURNING done"""
_TELL = """
WITH before AS (SELECT dataset, place, alive FROM catalog_links WHERE url = $1 FOR UPDATE)
UPDATE catalog_links l SET checked_at = now(), failures = $2, words = $3, due = now() + $4::interval,
    alive = CASE WHEN $5::boolean THEN false WHEN $2 = 0 AND $6::boolean THEN true ELSE l.alive END
FROM before b WHERE (b.dataset, b.place) = (l.dataset, l.place)
RETURNING l.dataset, l.alive IS DISTINCT FROM b.alive AS other"""
_DEAD = """
UPDATE catalog_links SET alive = false, checked_at = now(), words = $2
WHERE host = $1 AND alive IS DISTINCT FROM false AND due < 'infinity' RETURNING dataset"""
_USED = """
INSERT INTO catalog_links AS l (dataset, place, url, host, alive, checked_at, words, failures, due)
SELECT id, $2, $3, '', $4, now(), $5, CASE WHEN $4 THEN 0 ELSE 1 END, 'infinity' FROM catalog_datasets WHERE id = $1
ON CONFLICT (dataset, place) DO UPDATE SET url = excluded.url, alive = excluded.alive, checked_at = now(),
    words = excluded.words, failures = excluded.failures,
    due = CASE WHEN l.due = 'infinity' THEN l.due WHEN $4 THEN now() + interval '30 days'
        ELSE now() + interval '1 day' END"""
_READ = """
UPDATE catalog_links SET unreadable = $3 WHERE dataset = $1 AND place = $2 AND unreadable IS DISTINCT FROM $3
RETURNING true"""
_BROKEN = """
SELECT d.id, d.source, d.document::json ->> 'title' AS title, l.place, l.url, l.words, l.checked_at,
    count(*) OVER () AS total
FROM catalog_links l JOIN catalog_datasets d ON d.id = l.dataset
WHERE NOT l.alive AND ($1::text IS NULL OR d.source = $1) ORDER BY d.id, l.place LIMIT $2 OFFSET $3"""


@dataclass(frozen=True, slots=True)
class HostTurn:
    """A host that is ours for now; `failures` in a row that it had."""

    host: str
    failures: int


@dataclass(frozen=True, slots=True)
class DueLink:
    """A file that is to be looked for; `failures` in a row that it had."""

    url: str
    format: str
    failures: int


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A file that can't be had."""

    dataset: str
    source: str
    title: str
    place: int
    url: str
    words: str
    checked: str


class CatalogLinks:
    """`owner` is this process. Methods raise `StoreUnavailable`."""

    def __init__(self, database: Database, owner: UUID) -> None:
        self._database = database
        self._owner = owner

    async def failed(self, dataset: str, place: int, url: str, words: str) -> None:
        """Somebody asked for it and could not have it."""
        await self._used(dataset, place, url, alive=False, words=words[:500])

    async def alive(self, dataset: str, place: int, url: str) -> None:
        """Somebody had it."""
        await self._used(dataset, place, url, alive=True, words="")

    async def read(self, dataset: str, place: int, problem: str | None) -> None:
        """Somebody looked into it; `problem`: why it can't be read as what it says it is."""
        async with self._database.transaction() as connection:
            told = problem[:500] if problem and storable(problem) else None
            if await connection.fetchval(_READ, dataset, place, told):
                await rejudge(connection, [dataset], datetime.now(UTC).date())

    async def _used(self, dataset: str, place: int, url: str, *, alive: bool, words: str) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(_USED, dataset, place, url, alive, words)
            await rejudge(connection, [dataset], datetime.now(UTC).date())

    async def fill(self) -> int:
        """Take up the files of datasets that came or changed; how many datasets there were in this turn."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_UNLINKED, _FILL)
            documents = {row["id"]: row["document"] for row in rows if row["document"] is not None}
            ids = list(documents)
            found = [(i, link) for i, document in documents.items() for link in links_of(decode(document))]
            if ids:
                given = (
                    [i for i, _ in found],
                    [link.place for _, link in found],
                    [link.url for _, link in found],
                    [link.host for _, link in found],
                    [link.format for _, link in found],
                    [link.wanted for _, link in found],
                )
                await connection.execute(_FORGET, *given, ids)
                await connection.execute(_ENTER, *given)
                await connection.execute(
                    "INSERT INTO catalog_hosts (host) SELECT DISTINCT unnest($1::text[]) ON CONFLICT DO NOTHING",
                    sorted({link.host for _, link in found if link.wanted}),
                )
                await rejudge(connection, ids, datetime.now(UTC).date())
            return len(rows)

    async def claim(self, most: int, without: Sequence[str]) -> list[HostTurn]:
        """Hosts with files to look for, that nobody else asks now and that need no rest; `without`: but these."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_CLAIM, self._owner, LEASE, list(without), most)
        return [HostTurn(row["host"], row["failures"]) for row in rows]

    async def due(self, host: str, most: int) -> list[DueLink]:
        """The files of a host whose time has come, the longest waiting first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT url, max(format) AS format, max(failures) AS failures FROM catalog_links"
                " WHERE host = $1 AND due <= now() GROUP BY url ORDER BY min(due), url LIMIT $2",
                host,
                most,
            )
        return [DueLink(row["url"], row["format"], row["failures"]) for row in rows]

    async def waiting(self, without: Sequence[str]) -> int:
        """How many files are to be looked for now."""
        async with self._database.connection() as connection:
            found: int = await connection.fetchval(
                "SELECT count(DISTINCT url) FROM catalog_links WHERE due <= now() AND host <> ALL($1::text[])",
                list(without),
            )
            return found

    async def spend(self, budget: int) -> bool:
        """Count a question; False if those of today (Tokyo) are used up."""
        async with self._database.connection() as connection:
            return await connection.fetchval(_SPEND, budget) is not None

    async def hold(self, host: str) -> bool:
        """Say that it goes on; False if another process has taken it over."""
        async with self._database.connection() as connection:
            return await connection.fetchval(_HOLD, host, self._owner, LEASE) is not None

    async def tell(self, link: DueLink, verdict: Verdict) -> bool:
        """Keep what was found; whether the file is taken for broken."""
        failures = link.failures + 1 if verdict.alive is False else 0
        broken = is_broken(verdict, failures)
        wait = timedelta(seconds=next_check(verdict, failures))
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                _TELL, link.url, failures, verdict.words[:500], wait, broken, verdict.alive is True
            )
            await _changed(connection, [row["dataset"] for row in rows if row["other"]])
        return broken

    async def dead(self, host: str, words: str) -> None:
        """None of a host's files can be had."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_DEAD, host, words[:500])
            await _changed(connection, [row["dataset"] for row in rows])

    async def rest(self, host: str, failures: int, after: float | None) -> None:
        """Give a host back; after failures it is asked again later, the more there were in a row."""
        wait = timedelta(seconds=host_rests(failures, after) if failures else 0.0)
        async with self._database.connection() as connection:
            await connection.execute(_REST, host, self._owner, wait, failures)

    async def broken(self, source: str | None, *, limit: int, offset: int) -> tuple[list[BrokenLink], int]:
        """The files that can't be had, in order of their datasets, and how many there are."""
        if source is not None and not storable(source):
            return [], 0
        async with self._database.connection() as connection:
            rows = await connection.fetch(_BROKEN, source, limit, offset)
        found = [
            BrokenLink(r["id"], r["source"], r["title"], r["place"], r["url"], r["words"], _time(r["checked_at"]))
            for r in rows
        ]
        return found, rows[0]["total"] if rows else 0


async def _changed(connection: asyncpg.Connection, datasets: Sequence[str]) -> None:
    if datasets:
        await rejudge(connection, list(dict.fromkeys(datasets)), datetime.now(UTC).date())


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
