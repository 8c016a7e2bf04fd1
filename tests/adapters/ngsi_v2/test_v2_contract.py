"""The shipped contract suite against the NGSIv2 server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson
from v2_serving import serving

from adapters.testing.fixtures import NeutralEntity, to_ngsi_ld
from adapters.testing.suite import AdapterContract, Serving
from broker.demo.orion import create_app

_KINDS = {
    "number": "Number",
    "text": "Text",
    "boolean": "Boolean",
    "datetime": "DateTime",
    "relationship": "Relationship",
    "json": "StructuredValue",
}


def to_v2(entity: NeutralEntity) -> dict[str, Any]:
    document: dict[str, Any] = {"id": entity.id, "type": entity.type}
    for a in entity.attributes:
        metadata: dict[str, Any] = {}
        if a.unit_code is not None:
            metadata["unitCode"] = {"type": "Text", "value": a.unit_code}
        if a.observed_at is not None:
            metadata["TimeInstant"] = {"type": "DateTime", "value": a.observed_at}
        document[a.name] = {"type": _KINDS[a.kind], "value": a.value, "metadata": metadata}
    if entity.location is not None:
        document["location"] = {"type": "geo:json", "value": entity.location, "metadata": {}}
    return document


class TestNgsiV2Contract(AdapterContract):
    kind = "ngsi_v2"

    def serve(self, entities: Sequence[NeutralEntity]) -> Serving:
        return serving(create_app(map(to_v2, entities)))

    def expected(self, entity: NeutralEntity) -> dict[str, Any]:
        """Orion writes every date with milliseconds, and an entity's `dateObserved` is the time of what was counted."""
        text = re.sub(rb"(T\d\d:\d\d:\d\d)Z", rb"\1.000Z", orjson.dumps(to_ngsi_ld(entity)))
        document: dict[str, Any] = orjson.loads(text)
        return document
