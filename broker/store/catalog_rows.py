"""Rows of datasets: how they are written, many at once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catalog.indexing import DatasetRow

_COLUMNS = (
    "keys", "name", "title", "areas", "publisher", "themes", "keywords", "formats", "licence", "access", "types",
    "live", "usable", "score",
)  # fmt: skip
_MADE = {
    "document": "g.document",
    "head": "array_to_tsvector(g.head)",
    "words": "array_to_tsvector(g.words)",
    "extent": "CASE WHEN g.extent IS NOT NULL THEN"
    " box(point(g.extent[1], g.extent[2]), point(g.extent[3], g.extent[4])) END",
    "covers": "CASE WHEN g.start IS NOT NULL OR g.until IS NOT NULL THEN daterange("
    "least(left(g.start, 10)::date, left(g.until, 10)::date), left(g.until, 10)::date, '[]') END",
    "modified": "g.modified::timestamptz",
} | {name: f"g.{name}" for name in _COLUMNS}

_REPLACED = ", ".join(f"{name} = excluded.{name}" for name in _MADE)

UPSERT = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS r (
        id text, source text, identifier text, document text, keys text[], name text, title text, head text[],
        words text[], areas text[], publisher text, themes text[], keywords text[], formats text[], licence text,
        access text, types text[], live boolean, extent double precision[], start text, until text, modified text,
        usable real, score smallint)
), stored AS (
    INSERT INTO catalog_datasets AS d (id, source, identifier, cluster, {", ".join(_MADE)})
    SELECT g.id, g.source, g.identifier, g.id, {", ".join(_MADE.values())} FROM given g
    ON CONFLICT (id) DO UPDATE SET
        changed_at = CASE WHEN d.document = excluded.document THEN d.changed_at ELSE now() END, {_REPLACED}
    RETURNING d.id, d.source, d.identifier, d.title, (d.xmax = 0) AS added,
        d.changed_at = now() AS changed
), logged AS (
    INSERT INTO catalog_changes (source, run, kind, dataset, identifier, title)
    SELECT source, $2::bigint, CASE WHEN added THEN 'added' ELSE 'changed' END, id, identifier, title FROM stored
    WHERE added OR (changed AND $2::bigint > 0)
), unlinked AS (
    INSERT INTO catalog_unlinked SELECT id FROM given WHERE NOT live ON CONFLICT DO NOTHING
)
SELECT id, added, changed FROM stored"""  # noqa: S608
"""Store rows and log them: $1 is `payload`, $2 the run; run 0 logs no changes, as live
data changes all the time. Gives each id, whether it is new, and whether its document is another one than it was."""

REMOVED = """
WITH gone AS (
    DELETE FROM catalog_records WHERE source = $1 AND run < $2 RETURNING identifier
), removed AS (
    DELETE FROM catalog_datasets d USING gone WHERE d.source = $1 AND d.identifier = gone.identifier
    RETURNING d.id, d.identifier, d.title
), logged AS (
    INSERT INTO catalog_changes (source, run, kind, dataset, identifier, title)
    SELECT $1, $2, 'removed', id, identifier, title FROM removed
)
SELECT count(*) FROM removed"""

_encoder = msgspec.json.Encoder()


def payload(rows: Sequence[DatasetRow]) -> str:
    """The rows as the one JSON argument of `UPSERT`; of equal ids the last."""
    return _encoder.encode(list({row.id: row for row in rows}.values())).decode()
