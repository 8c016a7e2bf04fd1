"""Options that every kind of catalogue has, as JSON Schema, and the mapping of fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas import loose
from schemas.dataset import Agent, Dataset, Licence
from schemas.licence import access_of, recognise

_TEXTS = (
    "title",
    "description",
    "spatial",
    "frequency",
    "landing_page",
    "provenance",
    "version",
    "series",
    "conforms_to",
)
_LISTS = ("themes", "keywords", "areas", "types")
_AGENTS = ("publisher", "creator", "contact")
_TIMES = ("issued", "modified", "start", "end")
FIELDS = (*_TEXTS, *_LISTS, *_AGENTS, *_TIMES, "licence", "bbox")

COMMON: dict[str, Any] = {
    "delay_ms": {
        "type": "integer",
        "minimum": 0,
        "maximum": 60_000,
        "default": 200,
        "description": "Pause between requests / リクエストの間隔（ミリ秒）",
    },
    "timeout_s": {
        "type": "number",
        "minimum": 0.1,
        "maximum": 600,
        "default": 60,
        "description": "Time for one request / 1リクエストの制限時間（秒）",
    },
    "max_bytes": {
        "type": "integer",
        "minimum": 1024,
        "maximum": 268_435_456,
        "default": 67_108_864,
        "description": "Largest answer / 1回答の最大バイト数",
    },
    "max_datasets": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000,
        "default": 200_000,
        "description": "Most datasets / データセット数の上限",
    },
    "mapping": {
        "type": "object",
        "properties": {name: {"type": "string", "minLength": 1, "maxLength": 200} for name in FIELDS},
        "description": "Field to the dotted path of its value in the record / 項目と元データの位置",
    },
}


def schema(**own: Any) -> dict[str, Any]:
    """The options of a kind: its own and the common ones."""
    return {"type": "object", "properties": {**own, **COMMON}}


def mapped(dataset: Dataset, record: Any, paths: Mapping[str, str]) -> Dataset:
    """The dataset with the fields that the operator says stand elsewhere in the record; what is not there stays."""
    changes: dict[str, Any] = {}
    for name, path in paths.items():
        value = loose.at_path(record, path)
        if value in (None, "", [], {}):
            continue
        if name in _TEXTS:
            changes[name] = loose.text(value)
        elif name in _LISTS:
            changes[name] = loose.texts(value)
        elif name in _AGENTS:
            changes[name] = agent(value)
        elif name in _TIMES:
            changes[name] = loose.instant(value)
        elif name == "bbox":
            changes[name] = loose.box_of(value)
        elif name == "licence":
            licence = recognise(Licence(title=loose.line(value), url=loose.url(value)))
            changes |= {"licence": licence, "access": access_of(licence)}
    return msgspec.structs.replace(dataset, **changes) if changes else dataset


def agent(value: Any) -> Agent:
    """An organisation or person, from its name or an object of the usual members."""
    if isinstance(value, Mapping):
        return Agent(
            name=loose.line(value.get("title") or value.get("name") or value.get("fn") or value.get("display_name")),
            id=loose.line(value.get("name") or value.get("id"), 200),
            url=loose.url(value.get("url") or value.get("homepage")),
            email=loose.line(value.get("email") or value.get("hasEmail"), 200).removeprefix("mailto:"),
        )
    return Agent(name=loose.line(value))
