"""The shipped contract suite on the adapter for files, with a FeatureCollection over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from adapters.testing.fixtures import NeutralEntity
from adapters.testing.serving import Server, static
from adapters.testing.suite import AdapterContract
from schemas.platform import Platform

OPTIONS: dict[str, Any] = {
    "mapping": {
        "type": "{種別}",
        "id": "識別子",
        "attributes": {
            "name": "名称",
            "capacity": {"from": "収容人数", "type": "number"},
            "accessible": {"from": "バリアフリー", "type": "boolean"},
            "openedOn": {"from": "開設日時", "type": "datetime"},
            "managedBy": {"from": "管理者", "type": "relationship"},
            "floorArea": {"from": "床面積", "type": "number", "unitCode": "MTK"},
            "contact": "連絡先",
            "peopleCount": {"from": "人数", "type": "number", "observedAt": "観測日時"},
            "averageSpeed": {"from": "平均速度", "type": "number", "unitCode": "MTS", "observedAt": "観測日時"},
        },
    }
}
COLUMNS = {
    name: rule if isinstance(rule, str) else rule["from"] for name, rule in OPTIONS["mapping"]["attributes"].items()
}


def feature(entity: NeutralEntity) -> dict[str, Any]:
    properties: dict[str, Any] = {"識別子": entity.id, "種別": entity.type}
    for attribute in entity.attributes:
        properties[COLUMNS[attribute.name]] = attribute.value
        if attribute.observed_at is not None:
            properties["観測日時"] = attribute.observed_at
    return {"type": "Feature", "geometry": entity.location, "properties": properties}


class TestGeoJsonContract(AdapterContract):
    kind = "geojson"

    @asynccontextmanager
    async def serve(self, entities: Sequence[NeutralEntity]) -> AsyncIterator[str]:
        document = {"type": "FeatureCollection", "features": [feature(entity) for entity in entities]}
        async with Server(static({"/all.geojson": ("application/geo+json", orjson.dumps(document))})) as server:
            yield server.url + "/all.geojson"

    def platform(self, endpoint: str) -> Platform:
        return Platform("urn:x:contract", "geojson", endpoint, options=OPTIONS)

    def faulty_platform(self, endpoint: str) -> Platform:
        return Platform("urn:x:contract", "geojson", endpoint, options={**OPTIONS, "max_bytes": 1_000_000})
