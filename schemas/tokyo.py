"""Places of Tokyo that datasets and questions name: the programme's areas, wards and cities."""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.dataset import BBox

TOKYO: BBox = (136.0, 20.2, 154.1, 36.0)
"""With the islands."""


@dataclass(frozen=True, slots=True)
class Place:
    """`names`: Japanese spellings, `romaji`: in small letters; `within`: the place that it is a part of."""

    names: tuple[str, ...]
    romaji: tuple[str, ...]
    code: str = ""
    """全国地方公共団体コード without its check digit."""
    area: str = ""
    within: str = ""
    bbox: BBox | None = None


AREAS: tuple[Place, ...] = (
    Place(("大手町", "丸の内", "有楽町", "大丸有"), ("otemachi", "marunouchi", "yurakucho"), area="otemachi",
          within="千代田区", bbox=(139.755, 35.672, 139.773, 35.691)),
    Place(("竹芝",), ("takeshiba",), area="takeshiba", within="港区", bbox=(139.754, 35.650, 139.766, 35.660)),
    Place(("豊洲",), ("toyosu",), area="toyosu", within="江東区", bbox=(139.780, 35.640, 139.806, 35.664)),
    Place(("西新宿",), ("nishi-shinjuku", "nishishinjuku"), area="nishi-shinjuku", within="新宿区",
          bbox=(139.683, 35.681, 139.702, 35.700)),
)  # fmt: skip
_MUNICIPALITIES = (
    "13101 千代田区 chiyoda,13102 中央区 chuo,13103 港区 minato,13104 新宿区 shinjuku,13105 文京区 bunkyo,"
    "13106 台東区 taito,13107 墨田区 sumida,13108 江東区 koto,13109 品川区 shinagawa,13110 目黒区 meguro,"
    "13111 大田区 ota,13112 世田谷区 setagaya,13113 渋谷区 shibuya,13114 中野区 nakano,13115 杉並区 suginami,"
    "13116 豊島区 toshima,13117 北区 kita,13118 荒川区 arakawa,13119 板橋区 itabashi,13120 練馬区 nerima,"
    "13121 足立区 adachi,13122 葛飾区 katsushika,13123 江戸川区 edogawa,13201 八王子市 hachioji,"
    "13202 立川市 tachikawa,13203 武蔵野市 musashino,13204 三鷹市 mitaka,13205 青梅市 ome,13206 府中市 fuchu,"
    "13207 昭島市 akishima,13208 調布市 chofu,13209 町田市 machida,13210 小金井市 koganei,"
    "13211 小平市 kodaira,13212 日野市 hino,13213 東村山市 higashimurayama,13214 国分寺市 kokubunji,"
    "13215 国立市 kunitachi,13218 福生市 fussa,13219 狛江市 komae,13220 東大和市 higashiyamato,"
    "13221 清瀬市 kiyose,13222 東久留米市 higashikurume,13223 武蔵村山市 musashimurayama,13224 多摩市 tama,"
    "13225 稲城市 inagi,13227 羽村市 hamura,13228 あきる野市 akiruno,13229 西東京市 nishitokyo,"
    "13303 瑞穂町 mizuho,13305 日の出町 hinode,13307 檜原村 hinohara,13308 奥多摩町 okutama,"
    "13361 大島町 oshima,13362 利島村 toshima-mura,13363 新島村 niijima,13364 神津島村 kozushima,"
    "13381 三宅村 miyake,13382 御蔵島村 mikurajima,13401 八丈町 hachijo,13402 青ヶ島村 aogashima,"
    "13421 小笠原村 ogasawara"
)
MUNICIPALITIES: tuple[Place, ...] = tuple(
    Place((name,), (romaji,), code=code) for code, name, romaji in (m.split() for m in _MUNICIPALITIES.split(","))
)
BY_CODE = {place.code: place for place in MUNICIPALITIES} | {
    "13000": Place(("東京都",), ("tokyo",), code="13000"),
}
BY_AREA = {place.area: place for place in AREAS}
_ID = re.compile(r"t(\d{5})\dd\d{10}")
_ALL = re.compile("|".join(sorted((n for p in (*AREAS, *MUNICIPALITIES) for n in p.names), key=len, reverse=True)))


def municipality(identifier: str) -> str:
    """The name behind an identifier of the metropolitan portal (`t131016d…` → 千代田区); empty if it is none."""
    found = _ID.fullmatch(identifier)
    place = BY_CODE.get(found.group(1)) if found else None
    return place.names[0] if place else ""


def areas_named(text: str) -> tuple[str, ...]:
    """The programme's areas that a text names outright; a ward is no area, as it is larger."""
    return tuple(dict.fromkeys(place.area for place in AREAS for name in place.names if name in text))


def place_named(text: str) -> str:
    """The first municipality or area that a text names; empty if none."""
    found = _ALL.search(text)
    return found.group() if found else ""


def within_tokyo(box: BBox) -> bool:
    """The box lies in Tokyo, islands included."""
    west, south, east, north = box
    return TOKYO[0] <= west <= east <= TOKYO[2] and TOKYO[1] <= south <= north <= TOKYO[3]
