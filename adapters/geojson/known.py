"""Customary column names of Japanese open data, by which headers, ids and coordinates are found without a mapping."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

LATITUDES = ("緯度", "latitude", "lat", "y座標", "緯度(10進)", "緯度(世界測地系)", "北緯")
LONGITUDES = ("経度", "longitude", "lon", "lng", "long", "x座標", "経度(10進)", "経度(世界測地系)", "東経")
IDS = ("共通id", "id", "identifier", "施設id", "管理番号", "整理番号", "no", "no.", "番号")
OTHERS = (
    "名称", "施設名", "施設・場所名", "施設名称", "場所名", "name", "名称_カナ", "名称_かな", "住所", "所在地",
    "address", "所在地_連結表記", "電話番号", "備考", "都道府県名", "市区町村名", "都道府県コード又は市区町村コード",
    "全国地方公共団体コード", "地方公共団体名", "都道府県名及び市町村名", "種別", "type", "想定収容人数", "url",
)  # fmt: skip
_ALL = frozenset((*LATITUDES, *LONGITUDES, *IDS, *OTHERS))


def fold(name: str) -> str:
    """Full-width and half-width, upper and lower case become one."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def is_known(name: str) -> bool:
    return fold(name) in _ALL


def first_of(names: Iterable[str], candidates: tuple[str, ...]) -> list[str]:
    """The names that are candidates, in the candidates' order of preference; the last part of a dotted name counts."""
    ranked = []
    for name in names:
        folded = fold(name)
        if folded not in candidates:
            folded = folded.rpartition(".")[2] if folded.count(".") == 1 and not folded.endswith(".") else ""
            if folded not in candidates:
                continue
            ranked.append((candidates.index(folded) + len(candidates), name))
        else:
            ranked.append((candidates.index(folded), name))
    return [name for _, name in sorted(ranked, key=lambda pair: pair[0])]
