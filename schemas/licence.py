"""Which licence is meant, and whether it is open (Open Definition 2.1: use, change and share for any purpose)."""

from __future__ import annotations

import re
import unicodedata

from schemas.dataset import Access, Licence

_CC = "https://creativecommons.org/licenses/"
_KNOWN: tuple[tuple[str, str, str, str], ...] = (
    # id, pattern on "id title url" folded, title, url; the first that fits counts
    ("CC-BY-NC-ND", r"by[- ]nc[- ]nd|非営利.*改変禁止", "CC BY-NC-ND", _CC + "by-nc-nd/4.0/"),
    ("CC-BY-NC-SA", r"by[- ]nc[- ]sa", "CC BY-NC-SA", _CC + "by-nc-sa/4.0/"),
    ("CC-BY-NC", r"by[- ]nc|cc[- ]nc|非営利", "CC BY-NC", _CC + "by-nc/4.0/"),
    ("CC-BY-ND", r"by[- ]nd|改変禁止", "CC BY-ND", _CC + "by-nd/4.0/"),
    ("CC-BY-SA-4.0", r"by[- ]sa|表示[- ]*継承", "CC BY-SA 4.0", _CC + "by-sa/4.0/"),
    ("CC0-1.0", r"\bcc[- ]?(0|zero)|publicdomain/zero|パブリックドメイン|public domain", "CC0 1.0",
     "https://creativecommons.org/publicdomain/zero/1.0/"),
    ("CC-BY-2.1-JP", r"by[-/ ]?2\.1|表示 2\.1", "CC BY 2.1 JP", _CC + "by/2.1/jp/"),
    ("CC-BY-4.0", r"\bcc[- ]by|licenses/by/|クリエイティブ・?コモンズ.*表示|attribution", "CC BY 4.0", _CC + "by/4.0/"),
    ("PDL-1.0", r"\bpdl|公共データ利用規約|public data licen[cs]e", "公共データ利用規約 第1.0版",
     "https://www.digital.go.jp/resources/open_data/public_data_license_v1.0"),
    ("GOJ-2.0", r"政府標準利用規約|government of japan standard", "政府標準利用規約 第2.0版",
     "https://www.digital.go.jp/resources/open_data"),
    ("ODbL-1.0", r"\bodbl|open database licen[cs]e", "ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    ("ODC-BY-1.0", r"odc[- ]by", "ODC-By 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    ("PDDL-1.0", r"pddl", "PDDL 1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
    ("MIT", r"\bmit\b", "MIT", "https://opensource.org/license/mit"),
    ("GSI", r"国土地理院コンテンツ利用規約", "国土地理院コンテンツ利用規約",
     "https://www.gsi.go.jp/kikakuchousei/kikakuchousei40182.html"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(pattern), Licence(id_, title, url)) for id_, pattern, title, url in _KNOWN)
_CLOSED = frozenset({"CC-BY-NC", "CC-BY-NC-ND", "CC-BY-NC-SA", "CC-BY-ND"})
_NOTHING = frozenset({"", "notspecified", "not specified", "none", "ライセンス指定なし", "未設定", "その他", "other"})


def recognise(given: Licence) -> Licence:
    """The licence that is meant, under its usual id; as it is where it is none that we know, empty for "not said"."""
    if _fold(given.id) in _NOTHING and _fold(given.title) in _NOTHING and not given.url:
        return Licence()
    text = _fold(f"{given.id} {given.title} {given.url}")
    for pattern, licence in _PATTERNS:
        if pattern.search(text):
            return licence
    return given


def access_of(licence: Licence) -> Access:
    """Open, where the licence (as `recognise` gives it) is one that is known to be."""
    if any(licence.id == known.id for _, known in _PATTERNS) and licence.id not in _CLOSED:
        return Access.OPEN
    return Access.UNKNOWN


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text[:500]).casefold().strip()
