"""A CKAN in the shape of Tokyo's portal for tests and benchmarks: synthetic datasets, the Action API over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from adapters.testing.serving import Reply, Request
from schemas.tokyo import MUNICIPALITIES

MIGRATED = "2024-03-27T05:01:02.000000"
"""The time that most datasets bear since a migration, whatever happened to them."""

TOPICS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # title, group, tags, formats
    ("避難所一覧", "防災", ("避難所", "災害"), "CSV GEOJSON"),
    ("指定緊急避難場所一覧", "防災", ("避難場所", "災害"), "CSV"),
    ("AED設置箇所一覧", "保健・医療", ("AED", "救急"), "CSV XLSX"),
    ("公衆トイレ一覧", "生活環境", ("トイレ",), "CSV"),
    ("公衆無線LANアクセスポイント一覧", "情報通信", ("Wi-Fi",), "CSV"),
    ("公共施設一覧", "行財政", ("施設",), "CSV"),
    ("医療機関一覧", "保健・医療", ("病院", "診療所"), "CSV"),
    ("保育園・幼稚園一覧", "子育て", ("保育所", "認可"), "CSV"),
    ("小学校・中学校一覧", "教育", ("学校",), "CSV"),
    ("人口(年齢別・町丁目別)", "人口・世帯", ("人口", "世帯数"), "CSV XLSX"),
    ("ハザードマップ(洪水浸水想定区域)", "防災", ("洪水", "浸水"), "SHP PDF"),
    ("水位観測データ", "防災", ("河川", "水位"), "CSV JSON"),
    ("消防水利施設一覧", "防災", ("消火栓", "防火水槽"), "CSV"),
    ("観光施設一覧", "観光", ("観光",), "CSV"),
    ("文化財一覧", "文化", ("文化財",), "CSV"),
    ("イベント一覧", "観光", ("イベント",), "CSV"),
    ("図書館の蔵書と利用統計", "教育", ("図書館",), "CSV"),
    ("公園一覧", "都市", ("公園", "緑地"), "CSV GEOJSON"),
    ("ごみ収集日カレンダー", "生活環境", ("ごみ", "リサイクル"), "CSV"),
    ("コミュニティバス時刻表(GTFS)", "交通", ("バス", "時刻表"), "GTFS"),
    ("シェアサイクルポート一覧", "交通", ("自転車", "シェアサイクル"), "CSV JSON"),
    ("駐輪場一覧", "交通", ("自転車", "駐輪場"), "CSV"),
    ("駐車場一覧", "交通", ("駐車場",), "CSV"),
    ("交通量調査結果", "交通", ("交通量",), "XLSX"),
    ("交通事故発生状況", "交通", ("事故",), "CSV"),
    ("犯罪発生件数(町丁目別)", "防犯", ("犯罪", "防犯"), "CSV"),
    ("防犯カメラ設置場所", "防犯", ("防犯カメラ",), "CSV"),
    ("大気環境測定結果", "環境", ("大気", "PM2.5"), "CSV"),
    ("騒音測定結果", "環境", ("騒音",), "XLSX"),
    ("気象観測データ", "環境", ("気温", "降水量"), "CSV JSON"),
    ("電気自動車充電施設一覧", "環境", ("EV", "充電"), "CSV"),
    ("再生可能エネルギー導入状況", "環境", ("太陽光", "エネルギー"), "XLSX"),
    ("介護サービス事業所一覧", "福祉", ("介護", "高齢者"), "CSV"),
    ("障害福祉サービス事業所一覧", "福祉", ("障害者",), "CSV"),
    ("バリアフリー施設情報", "福祉", ("バリアフリー", "車椅子"), "CSV"),
    ("赤ちゃん・ふらっと(授乳室)一覧", "子育て", ("授乳", "おむつ"), "CSV"),
    ("予算・決算", "行財政", ("予算", "決算"), "XLSX PDF"),
    ("入札結果", "行財政", ("入札", "契約"), "CSV"),
    ("選挙投票所一覧", "行財政", ("選挙", "投票"), "CSV"),
    ("都市計画用途地域", "都市", ("都市計画", "用途地域"), "SHP"),
    ("地価調査結果", "都市", ("地価", "土地"), "CSV"),
    ("3D都市モデル(PLATEAU)", "都市", ("3D", "建物"), "ZIP"),
    ("空き家実態調査", "都市", ("空き家", "住宅"), "XLSX"),
    ("事業所数・従業者数", "産業", ("事業所", "経済"), "CSV"),
    ("商店街一覧", "産業", ("商店街",), "CSV"),
    ("食品営業許可施設一覧", "産業", ("飲食店", "許可"), "CSV XLSX"),
    ("人流データ(メッシュ別滞在人口)", "観光", ("人流", "滞在人口"), "CSV"),
    ("街路樹一覧", "都市", ("街路樹", "緑"), "CSV"),
    ("橋梁点検結果", "都市", ("橋", "インフラ"), "CSV"),
    ("下水道管路情報", "都市", ("下水道",), "SHP"),
    ("感染症発生動向", "保健・医療", ("感染症", "インフルエンザ"), "CSV"),
    ("ワクチン接種状況", "保健・医療", ("ワクチン", "予防接種"), "CSV"),
    ("統計書", "行財政", ("統計",), "XLSX PDF"),
    ("地域防災計画", "防災", ("防災計画",), "PDF"),
    ("帰宅困難者一時滞在施設一覧", "防災", ("帰宅困難者",), "CSV"),
    ("給水拠点一覧", "防災", ("給水", "断水"), "CSV"),
    ("喫煙所一覧", "生活環境", ("喫煙",), "CSV"),
    ("町会・自治会一覧", "生活環境", ("町会",), "CSV"),
    ("外国人人口", "人口・世帯", ("外国人", "国籍"), "CSV"),
    ("学童クラブ一覧", "子育て", ("学童",), "CSV"),
)
_YEARS = ("", "令和5年度", "令和4年度", "令和3年度")


def packages(count: int) -> list[dict[str, Any]]:
    """`count` packages of the portal: every topic of every municipality, then those of earlier years."""
    made: list[dict[str, Any]] = []
    for year in _YEARS:
        for municipality in MUNICIPALITIES:
            for number, topic in enumerate(TOPICS):
                if len(made) == count:
                    return made
                made.append(_package(len(made), municipality.code, municipality.names[0], number, topic, year))
    return made


def _package(
    place: int, code: str, owner: str, number: int, topic: tuple[str, str, tuple[str, ...], str], year: str
) -> dict[str, Any]:
    title, group, tags, formats = topic
    check = int(code) % 10
    name = f"t{code}{check}d{place:010d}"
    shown = f"{owner} {year} {title}".replace("  ", " ")
    resources = [
        {
            "id": f"{place:08x}-0000-4000-8000-{n:012d}",
            "name": f"{shown}({kind})",
            "description": "",
            "format": kind,
            "mimetype": None,
            "url": f"https://www.opendata.metro.tokyo.lg.jp/{owner}/{code}_{number}_{year}.{kind.lower()}",
            "size": 1000 + place if n == 0 else None,
            "last_modified": None,
            "datastore_active": kind == "CSV" and place % 10 == 0,
            "position": n,
        }
        for n, kind in enumerate(formats.split())
    ]
    return {
        "id": f"{place:08x}-aaaa-4000-8000-000000000000",
        "name": name,
        "title": shown,
        "notes": f"{owner}が公開する{title}です。{'、'.join(tags)}に関するデータを掲載しています。",
        "organization": {"id": f"org-{code}", "name": f"t{code}{check}", "title": owner, "type": "organization"},
        "groups": [{"name": group, "title": group, "display_name": group}],
        "tags": [{"name": tag, "display_name": tag} for tag in tags],
        "license_id": "CC-BY-4.0" if place % 23 else "notspecified",
        "license_title": "クリエイティブ・コモンズ 表示 4.0" if place % 23 else "ライセンス指定なし",
        "license_url": "https://creativecommons.org/licenses/by/4.0/" if place % 23 else None,
        "metadata_created": "2020-04-01T00:00:00.000000",
        "metadata_modified": MIGRATED if place % 4 else f"2025-0{1 + place % 9}-15T00:00:00.000000",
        "maintainer": f"{owner} 情報システム課",
        "maintainer_email": f"opendata@{code}.example.lg.jp",
        "author": None,
        "url": "",
        "version": None,
        "private": False,
        "state": "active",
        "isopen": bool(place % 23),
        "num_resources": len(resources),
        "num_tags": len(tags),
        "extras": [{"key": "更新頻度", "value": "年次"}, {"key": "対象地域", "value": owner}],
        "resources": resources,
    }


@dataclass
class Portal:
    """What a `Server` answers with. `records` may be changed while it is served; `most` is the largest page.

    `spoil(start)` may take the reply's place for the page that begins there; `key`: the API key that is asked for.
    """

    records: list[Any] = field(default_factory=list)
    most: int = 1000
    key: str | None = None
    spoil: Callable[[int], Reply | None] | None = None
    starts: list[int] = field(default_factory=list)
    """The beginnings of the pages that were asked for."""

    def __call__(self, request: Request) -> Reply:
        if self.key is not None and request.headers.get("authorization") != self.key:
            return _json({"success": False, "error": {"message": "Access denied"}}, 403)
        path, _, query = request.target.partition("?")
        asked = dict(parse_qsl(query))
        match path.rpartition("/")[2]:
            case "package_search" | "catalog":
                return self._search(asked)
            case "package_show":
                found = [r for r in self.records if asked.get("id") in (r.get("id"), r.get("name"))]
                if not found:
                    return _json({"success": False, "error": {"message": "Not found"}}, 404)
                return _json({"success": True, "result": found[0]})
            case "status_show":
                return _json({"success": True, "result": {"ckan_version": "2.11.4", "site_title": "Portal"}})
        return Reply(b"<!DOCTYPE html><title>404</title>", 404, {"content-type": "text/html"})

    def _search(self, asked: dict[str, str]) -> Reply:
        start = int(asked.get("start", "0"))
        self.starts.append(start)
        if self.spoil is not None and (spoilt := self.spoil(start)) is not None:
            return spoilt
        found = self.records
        words = asked.get("q", "*:*")
        if words != "*:*":
            found = [r for r in found if isinstance(r, dict) and words in f"{r.get('title')}{r.get('notes')}"]
        page = found[start : start + min(int(asked.get("rows", "10")), self.most)]
        return _json({"success": True, "result": {"count": len(found), "results": page}})


def _json(document: Any, status: int = 200) -> Reply:
    return Reply(orjson.dumps(document), status, {"content-type": "application/json;charset=utf-8"})


def names(records: Iterable[dict[str, Any]]) -> list[str]:
    """The ids of packages."""
    return [record["id"] for record in records]
