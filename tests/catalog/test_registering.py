from __future__ import annotations

import msgspec
import pytest

from catalog.registering import registration
from schemas.dataset import Access, Agent, Dataset, Distribution
from schemas.errors import BadRequestData

CSV = Distribution("r-1", download_url="https://x.example/a.csv", access_url="https://x.example/a.csv", format="CSV")
DATASET = Dataset(
    "tokyo",
    "1",
    "江東区 避難所一覧",
    name="t131083d0000000001",
    publisher=Agent("江東区"),
    access=Access.OPEN,
    distributions=(Distribution("r-0", access_url="https://x.example/a.pdf", format="PDF"), CSV),
)


def of(*distributions: Distribution) -> Dataset:
    return msgspec.structs.replace(DATASET, distributions=distributions)


def test_a_file() -> None:
    made = registration(DATASET, "https://catalog.example.jp")
    assert made == {
        "id": "t131083d0000000001",
        "name": "江東区 避難所一覧",
        "adapter": "geojson",
        "endpoint": "https://x.example/a.csv",
        "options": {"format": "csv", "type": "EvacuationShelter"},
        "open_data": True,
        "organisation": "江東区",
        "coverage": {"types": ["EvacuationShelter"]},
    }


def test_the_datastore_goes_before_the_file() -> None:
    made = registration(of(msgspec.structs.replace(CSV, service="ckan-datastore")), "https://catalog.example.jp/")
    assert made["endpoint"] == ("https://catalog.example.jp/api/3/action/datastore_search?resource_id=r-1&limit=32000")
    assert made["options"]["records"] == "result.records"


def test_the_metropolitan_api_is_asked_by_post() -> None:
    api = Distribution("api", access_url="https://service.api.metro.tokyo.lg.jp/api/t131083d0000000001-abc-0/json")
    made = registration(of(CSV, api), "")
    assert made["endpoint"].endswith("/api/t131083d0000000001-abc-0/json?limit=10000")
    assert made["options"] == {"format": "json", "records": "hits", "body": {}, "type": "EvacuationShelter"}


def test_what_can_not_be_registered_says_why() -> None:
    with pytest.raises(BadRequestData, match="PDF"):
        registration(of(Distribution("0", access_url="https://x.example/a.pdf", format="PDF")), "")
