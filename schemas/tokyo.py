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
_MUNICIPALITIES = """
13101 千代田区 chiyoda 139.73 35.66 139.79 35.71
13102 中央区 chuo 139.75 35.64 139.80 35.70
13103 港区 minato 139.70 35.62 139.79 35.69
13104 新宿区 shinjuku 139.67 35.67 139.75 35.73
13105 文京区 bunkyo 139.71 35.70 139.78 35.74
13106 台東区 taito 139.76 35.69 139.81 35.74
13107 墨田区 sumida 139.78 35.68 139.85 35.75
13108 江東区 koto 139.77 35.60 139.85 35.71
13109 品川区 shinagawa 139.69 35.58 139.78 35.65
13110 目黒区 meguro 139.66 35.60 139.72 35.67
13111 大田区 ota 139.65 35.52 139.83 35.62
13112 世田谷区 setagaya 139.58 35.59 139.69 35.69
13113 渋谷区 shibuya 139.66 35.64 139.73 35.70
13114 中野区 nakano 139.62 35.67 139.70 35.74
13115 杉並区 suginami 139.58 35.66 139.67 35.73
13116 豊島区 toshima 139.67 35.71 139.76 35.75
13117 北区 kita 139.68 35.73 139.78 35.80
13118 荒川区 arakawa 139.75 35.72 139.82 35.76
13119 板橋区 itabashi 139.62 35.73 139.73 35.81
13120 練馬区 nerima 139.56 35.71 139.69 35.78
13121 足立区 adachi 139.73 35.73 139.86 35.82
13122 葛飾区 katsushika 139.81 35.71 139.90 35.80
13123 江戸川区 edogawa 139.83 35.63 139.92 35.76
13201 八王子市 hachioji 139.16 35.59 139.44 35.72
13202 立川市 tachikawa 139.35 35.68 139.45 35.75
13203 武蔵野市 musashino 139.52 35.69 139.60 35.73
13204 三鷹市 mitaka 139.52 35.66 139.60 35.71
13205 青梅市 ome 139.13 35.75 139.34 35.86
13206 府中市 fuchu 139.42 35.64 139.53 35.71
13207 昭島市 akishima 139.33 35.69 139.40 35.73
13208 調布市 chofu 139.51 35.63 139.60 35.69
13209 町田市 machida 139.26 35.50 139.51 35.63
13210 小金井市 koganei 139.48 35.68 139.54 35.72
13211 小平市 kodaira 139.42 35.70 139.53 35.75
13212 日野市 hino 139.35 35.63 139.45 35.70
13213 東村山市 higashimurayama 139.44 35.73 139.51 35.79
13214 国分寺市 kokubunji 139.42 35.68 139.50 35.73
13215 国立市 kunitachi 139.41 35.67 139.46 35.71
13218 福生市 fussa 139.31 35.71 139.36 35.76
13219 狛江市 komae 139.56 35.61 139.60 35.66
13220 東大和市 higashiyamato 139.39 35.72 139.46 35.77
13221 清瀬市 kiyose 139.49 35.76 139.55 35.81
13222 東久留米市 higashikurume 139.48 35.73 139.55 35.78
13223 武蔵村山市 musashimurayama 139.35 35.73 139.42 35.78
13224 多摩市 tama 139.39 35.60 139.48 35.66
13225 稲城市 inagi 139.46 35.60 139.53 35.66
13227 羽村市 hamura 139.29 35.74 139.35 35.79
13228 あきる野市 akiruno 139.13 35.68 139.33 35.78
13229 西東京市 nishitokyo 139.51 35.71 139.57 35.77
13303 瑞穂町 mizuho 139.31 35.74 139.39 35.80
13305 日の出町 hinode 139.16 35.73 139.29 35.79
13307 檜原村 hinohara 139.01 35.66 139.18 35.78
13308 奥多摩町 okutama 138.94 35.73 139.18 35.90
13361 大島町 oshima 139.34 34.67 139.46 34.80
13362 利島村 toshima-mura 139.26 34.51 139.30 34.54
13363 新島村 niijima 139.19 34.31 139.31 34.48
13364 神津島村 kozushima 139.07 34.18 139.20 34.25
13381 三宅村 miyake 139.37 34.04 139.57 34.13
13382 御蔵島村 mikurajima 139.57 33.85 139.64 33.91
13401 八丈町 hachijo 139.67 33.04 139.86 33.16
13402 青ヶ島村 aogashima 139.75 32.44 139.79 32.48
13421 小笠原村 ogasawara 140.28 24.22 153.99 30.50
"""
# Code, name, romaji, and the extent rounded outwards to a hundredth of a degree (from 地球地図日本 of 国土地理院).


def _municipality(line: str) -> Place:
    code, name, romaji, *edges = line.split()
    west, south, east, north = map(float, edges)
    return Place((name,), (romaji,), code=code, bbox=(west, south, east, north))


MUNICIPALITIES: tuple[Place, ...] = tuple(map(_municipality, _MUNICIPALITIES.split("\n")[1:-1]))
BY_CODE = {place.code: place for place in MUNICIPALITIES} | {
    "13000": Place(("東京都",), ("tokyo",), code="13000"),
}
BY_AREA = {place.area: place for place in AREAS}
_BY_NAME = {name: place for place in (*MUNICIPALITIES, *AREAS) for name in place.names}
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


def extent_named(text: str) -> BBox | None:
    """The extent of the first municipality or area that a text names."""
    place = _BY_NAME.get(place_named(text))
    return place.bbox if place else None


def within_tokyo(box: BBox) -> bool:
    """The box lies in Tokyo, islands included."""
    west, south, east, north = box
    return TOKYO[0] <= west <= east <= TOKYO[2] and TOKYO[1] <= south <= north <= TOKYO[3]
