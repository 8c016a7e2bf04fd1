from __future__ import annotations

import pytest

from catalog.coverage import extent, period
from schemas.dataset import Agent, Dataset
from schemas.tokyo import AREAS, MUNICIPALITIES, within_tokyo


@pytest.mark.parametrize(
    ("title", "first", "last"),
    [
        ("令和5年度 予算", "2023-04-01", "2024-03-31"),
        ("令和元年度決算", "2019-04-01", "2020-03-31"),
        ("平成３０年 人口", "2018-01-01", "2018-12-31"),
        ("2024年度の利用者数", "2024-04-01", "2025-03-31"),
        ("交通量(2019年・2021年)", "2019-01-01", "2021-12-31"),
        ("平成28年度~令和2年度 統計", "2016-04-01", "2021-03-31"),
        ("避難所一覧", None, None),
        ("第12024年", None, None),
        ("令和99年", None, None),
    ],
)
def test_the_years_of_a_title(title: str, first: str | None, last: str | None) -> None:
    assert period(Dataset("s", "1", title)) == (first, last)


def test_what_is_told_goes_before_what_is_guessed() -> None:
    told = Dataset("s", "1", "千代田区 令和5年度", start="2020-01-01", bbox=(139.0, 35.0, 139.1, 35.1))
    assert period(told) == ("2020-01-01", None)
    assert extent(told) == (139.0, 35.0, 139.1, 35.1)


def test_a_place_that_is_named_has_an_extent() -> None:
    koto = extent(Dataset("s", "1", "避難所一覧", spatial="江東区"))
    assert koto is not None
    toyosu = extent(Dataset("s", "1", "豊洲の避難所", publisher=Agent("協議会")))
    assert toyosu is not None
    assert koto[0] <= toyosu[0] < toyosu[2] <= koto[2]
    assert extent(Dataset("s", "1", "題名")) is None


def test_every_municipality_lies_in_tokyo_and_every_area_in_its_ward() -> None:
    boxes = {place.names[0]: place.bbox for place in MUNICIPALITIES}
    assert len(boxes) == 62
    for box in boxes.values():
        assert box is not None
        assert within_tokyo(box)
    for area in AREAS:
        ward = boxes[area.within]
        assert ward is not None
        assert area.bbox is not None
        west, south, east, north = area.bbox
        assert ward[0] <= west
        assert ward[1] <= south
        assert east <= ward[2]
        assert north <= ward[3]
