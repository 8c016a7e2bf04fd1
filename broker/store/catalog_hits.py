"""Datasets as they are shown: with their origins, their series and the state of their files; read by id."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import msgspec

from broker.store.catalog_judged import DUPLICATE
from catalog.hit import Hit, LinkState, Origin
from schemas.dataset import decode

_links = msgspec.json.Decoder(tuple[LinkState, ...])


async def read_hits(connection: asyncpg.Connection, rows: Sequence[asyncpg.Record]) -> list[Hit]:
    """Of rows with `id` and `score`, in their order."""
    if not rows:
        return []
    told = await connection.fetch(
        f"SELECT d.id, d.document, d.changed_at, d.cluster, {DUPLICATE} AS duplicate,"  # noqa: S608
        " (SELECT json_agg(json_build_array(place, alive, checked_at AT TIME ZONE 'UTC', words, unreadable)"
        " ORDER BY place)::text"
        " FROM catalog_links l WHERE l.dataset = d.id AND checked_at IS NOT NULL) AS links,"
        " o.ids, o.sources, o.identifiers"
        " FROM catalog_datasets d JOIN LATERAL (SELECT array_agg(id ORDER BY id) AS ids,"
        " array_agg(source ORDER BY id) AS sources, array_agg(identifier ORDER BY id) AS identifiers"
        " FROM catalog_datasets c WHERE c.cluster = d.cluster) AS o ON true WHERE d.id = ANY($1::text[])",
        [row["id"] for row in rows],
    )
    by_id = {row["id"]: row for row in told}
    hits = []
    for place, row in enumerate(rows):
        if place % 100 == 99:
            # a thousand documents take longer to read than other requests should wait
            await asyncio.sleep(0)
        if row["id"] in by_id:
            hits.append(_hit(by_id[row["id"]], row["score"]))
    return await _with_series(connection, hits)


async def _with_series(connection: asyncpg.Connection, hits: list[Hit]) -> list[Hit]:
    """The hits, those of a series with it."""
    wanted = list({(h.dataset.source, h.dataset.series) for h in hits if h.dataset.series})
    if not wanted:
        return hits
    rows = await connection.fetch(
        "SELECT d.source, d.identifier, d.document FROM catalog_datasets d"
        " JOIN unnest($1::text[], $2::text[]) AS w (source, identifier) USING (source, identifier)",
        [source for source, _ in wanted],
        [identifier for _, identifier in wanted],
    )
    known = {(row["source"], row["identifier"]): decode(row["document"]) for row in rows}
    return [replace(h, series=known.get((h.dataset.source, h.dataset.series))) for h in hits]


def _hit(row: asyncpg.Record, score: float) -> Hit:
    origins = [Origin(*three) for three in zip(row["ids"], row["sources"], row["identifiers"], strict=True)]
    origins.sort(key=lambda origin: origin.id != row["id"])
    changed = row["changed_at"].isoformat(timespec="seconds").replace("+00:00", "Z")
    links = _links.decode(row["links"]) if row["links"] else ()
    return Hit(
        decode(row["document"]),
        round(score, 3),
        tuple(origins),
        changed,
        links,
        row["cluster"],
        duplicate=row["duplicate"],
    )
