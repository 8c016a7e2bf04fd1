"""The text of an entry of the ledger, in SQL: canonical JSON (RFC 8785), as `schemas.ledger.entry` reads it.

A text is made of the row at the time of sequencing and again whenever it is read, so a row that was changed in between
no longer has the leaf that stands in the tree. A form that was in use is never changed: entries of it would no longer
be what was signed. What changes about flows gets a new form, with a new number.
"""

from __future__ import annotations

EVENT = 0
FLOW = 1


def _text(column: str) -> str:
    """JSON of a text that may be null. PostgreSQL escapes just what RFC 8785 does, in the same way."""
    return f"coalesce(to_json({column})::text, 'null')"


def _plain(column: str) -> str:
    """JSON of a number or truth value that may be null."""
    return f"coalesce({column}::text, 'null')"


def _time(column: str) -> str:
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def _joined(*parts: str) -> str:
    return " || ".join(parts)


# A latency is a float in the row. Numbers in the text are whole: a float has as many spellings as there are writers.
_LATENCY = "CASE WHEN f.latency_ms BETWEEN 0 AND 1e12 THEN round(f.latency_ms * 1000)::bigint::text ELSE 'null' END"

FLOW_HEAD = _joined(
    """'{"agreement":'""", _text("f.agreement"),
    """',"agreement_version":'""", _plain("f.agreement_version"),
    """',"batch":'""", "f.batch::text",
    """',"bytes":'""", "f.bytes::text",
    """',"cache_hit":'""", "f.cache_hit::text",
    """',"consumer_area":'""", _text("f.consumer_area"),
    """',"consumer_organisation":'""", _text("f.organisation"),
    """',"consumer_project":'""", _text("f.project"),
    """',"consumer_service":'""", "to_json(f.service)::text",
    """',"cross_area":'""", "f.cross_area::text",
    """',"entities":'""", "f.entities::text",
    """',"form":1,"id":"'""", "f.id::text",
    """'","kind":"flow","latency_us":'""", _LATENCY,
    """',"operation":'""", "to_json(f.operation)::text",
    """',"outcome":'""", "to_json(f.outcome)::text",
    """',"platform":'""", "to_json(f.platform)::text",
    """',"provider_area":'""", _text("f.provider_area"),
    """',"provider_organisation":'""", _text("f.provider_organisation"),
    """',"replay_of":'""", _text("f.replay_of"),
    """',"request":"'""", "f.request::text",
    """'","seq":'""",
)  # fmt: skip
"""What comes before the entry's number, of a flow `f`."""

FLOW_TAIL = _joined(
    """',"time":"'""", _time("f.time"),
    """'","types":'""", "array_to_json(f.types)::text",
    "'}'",
)  # fmt: skip
"""What comes behind it."""

EVENT_HEAD = _joined(
    """'{"actor":'""", "to_json(e.actor)::text",
    """',"body":'""", "convert_from(e.body, 'UTF8')",
    """',"event":'""", "to_json(e.kind)::text",
    """',"form":1,"id":"'""", "e.id::text",
    """'","kind":"event","seq":'""",
)  # fmt: skip
EVENT_TAIL = _joined(
    """',"subject":'""", "to_json(e.subject)::text",
    """',"time":"'""", _time("e.time"),
    """'"}'""",
)  # fmt: skip


def leaf(text: str) -> str:
    """SQL of the leaf of an entry with this text."""
    return rf"sha256('\x00'::bytea || convert_to({text}, 'UTF8'))"
