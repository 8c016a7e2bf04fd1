"""Local entities of one type in order of id, so that a page of a type, and how many there are, come from an index."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

_STATEMENTS = (
    # The type of an entity that has one only, which nearly all are. A GIN index over `types` gives no order, and its
    # rows all have to be visited. An index's entry has an end, so a long one counts as one of several.
    """ALTER TABLE entities ADD COLUMN kind text COLLATE "C" GENERATED ALWAYS AS
        (CASE WHEN cardinality(types) = 1 AND octet_length(types[1]) <= 500 THEN types[1] END) STORED""",
    "CREATE INDEX entities_kind ON entities (tenant, kind, id) INCLUDE (expires_at)",
    "CREATE INDEX entities_several ON entities USING gin (types) WHERE kind IS NULL",
    # A list of what is still to be entered would be read by every query that looks for a value.
    "ALTER INDEX entities_content SET (fastupdate = off)",
    "ALTER INDEX entities_types SET (fastupdate = off)",
    # Boxes that stand together are rows that don't: their ids come from the index.
    "DROP INDEX entity_boxes_bounds",
    "CREATE INDEX entity_boxes_bounds ON entity_boxes USING gist (bounds) INCLUDE (tenant, attribute, id)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
