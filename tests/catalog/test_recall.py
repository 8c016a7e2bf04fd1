"""Sixty questions as people ask them, and the datasets that must be among the first ten that are found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from catalogue_corpus import corpus, stored
from module_database import fresh, run

from broker.store.catalog_search import CatalogSearch, Filter
from broker.store.database import Database
from catalog.search.question import parse

QUESTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("避難所 豊洲", ("避難所 (豊洲)", "江東区 避難所一覧")),
    ("江東区の避難場所", ("江東区 避難所一覧", "江東区 指定緊急避難場所一覧")),
    ("シェルター 新宿区", ("新宿区 避難所一覧",)),
    ("evacuation shelters in Toyosu", ("避難所 (豊洲)", "江東区 避難所一覧")),
    ("shelter Minato ward", ("港区 避難所一覧",)),
    ("ＡＥＤ　千代田区", ("千代田区 AED設置箇所一覧",)),
    ("aed設置場所 渋谷", ("渋谷区 AED設置箇所一覧",)),
    ("defibrillator Shinjuku", ("新宿区 AED設置箇所一覧",)),
    ("港区のトイレはどこ", ("港区 公衆トイレ一覧",)),
    ("といれ 中央区", ("中央区 公衆トイレ一覧",)),
    ("public toilets in Koto", ("江東区 公衆トイレ一覧",)),
    ("お手洗い 台東区", ("台東区 公衆トイレ一覧",)),
    ("車いす トイレ 大手町", ("多目的トイレ (大手町)", "千代田区 バリアフリー施設情報")),
    ("フリーWi-Fi 品川区", ("品川区 公衆無線LANアクセスポイント一覧",)),
    ("free wifi Meguro", ("目黒区 公衆無線LANアクセスポイント一覧",)),
    ("無線ＬＡＮ 豊島区", ("豊島区 公衆無線LANアクセスポイント一覧",)),
    ("病院 大田区", ("大田区 医療機関一覧",)),
    ("hospitals in Setagaya", ("世田谷区 医療機関一覧",)),
    ("クリニック 杉並区", ("杉並区 医療機関一覧",)),
    ("保育所 練馬区", ("練馬区 保育園・幼稚園一覧",)),
    ("nursery schools Adachi", ("足立区 保育園・幼稚園一覧",)),
    ("人口 葛飾区", ("葛飾区 人口(年齢別・町丁目別)",)),
    ("population of Edogawa", ("江戸川区 人口(年齢別・町丁目別)",)),
    ("町丁目別の人口を知りたい 北区", ("北区 人口(年齢別・町丁目別)",)),
    ("洪水ハザードマップ 荒川区", ("荒川区 ハザードマップ(洪水浸水想定区域)",)),
    ("flood map Sumida", ("墨田区 ハザードマップ(洪水浸水想定区域)",)),
    ("浸水 板橋区", ("板橋区 ハザードマップ(洪水浸水想定区域)",)),
    ("川の水位 江戸川区", ("江戸川区 水位観測データ",)),
    ("人流 竹芝", ("人流 (竹芝)", "港区 人流データ(メッシュ別滞在人口)")),
    ("people flow Takeshiba", ("人流 (竹芝)",)),
    ("混雑 新宿区", ("新宿区 人流データ(メッシュ別滞在人口)",)),
    ("crowd in Otemachi", ("人流 (大手町)",)),
    ("シェアサイクル 西新宿", ("シェアサイクル (西新宿)", "新宿区 シェアサイクルポート一覧")),
    ("bike sharing Nishi-Shinjuku", ("シェアサイクル (西新宿)",)),
    ("自転車 駐輪場 文京区", ("文京区 駐輪場一覧",)),
    ("気温 豊洲", ("気象 (豊洲)", "江東区 気象観測データ")),
    ("weather data Toyosu", ("気象 (豊洲)",)),
    ("大気汚染 PM2.5 中野区", ("中野区 大気環境測定結果",)),
    ("air quality Nerima", ("練馬区 大気環境測定結果",)),
    ("EV充電スタンド 港区", ("港区 電気自動車充電施設一覧",)),
    ("ev charging stations Shibuya", ("渋谷区 電気自動車充電施設一覧",)),
    ("ゴミの収集日 目黒区", ("目黒区 ごみ収集日カレンダー",)),
    ("garbage collection Toshima", ("豊島区 ごみ収集日カレンダー",)),
    ("コミュニティバスの時刻表 台東区", ("台東区 コミュニティバス時刻表(GTFS)",)),
    ("bus timetable Taito", ("台東区 コミュニティバス時刻表(GTFS)",)),
    ("観光スポット 墨田区", ("墨田区 観光施設一覧",)),
    ("図書館 杉並区", ("杉並区 図書館の蔵書と利用統計",)),
    ("公園 緑地 世田谷", ("世田谷区 公園一覧",)),
    ("犯罪 件数 足立区", ("足立区 犯罪発生件数(町丁目別)",)),
    ("crime statistics Kita", ("北区 犯罪発生件数(町丁目別)",)),
    ("交通事故 大田区", ("大田区 交通事故発生状況",)),
    ("高齢者 介護施設 板橋区", ("板橋区 介護サービス事業所一覧",)),
    ("障がい者 サービス 中野区", ("中野区 障害福祉サービス事業所一覧",)),
    ("授乳室 中央区", ("中央区 赤ちゃん・ふらっと(授乳室)一覧",)),
    ("予算 千代田区", ("千代田区 予算・決算",)),
    ("選挙の投票所 品川区", ("品川区 選挙投票所一覧",)),
    ("ＰＬＡＴＥＡＵ　文京区", ("文京区 3D都市モデル(PLATEAU)",)),
    ("外国人 国籍別 新宿区", ("新宿区 外国人人口",)),
    ("帰宅困難者 一時滞在施設 千代田区", ("千代田区 帰宅困難者一時滞在施設一覧",)),
    ("給水拠点 葛飾區", ("葛飾区 給水拠点一覧",)),
)


@pytest.fixture(scope="module")
def database_of_wards(postgres_url: str) -> Iterator[str]:
    """The 60 topics of the 23 wards, and what the areas hold live."""
    with fresh(postgres_url) as url:
        run(_fill(url))
        yield url


async def _fill(url: str) -> None:
    database = await Database.open(url, max_size=2)
    await stored(database, corpus(23 * 60, date(2026, 11, 1)))
    await database.close()


async def test_what_must_be_found_is_among_the_first_ten(database_of_wards: str) -> None:
    assert len(QUESTIONS) == 60
    database = await Database.open(database_of_wards, max_size=2)
    search = CatalogSearch(database)
    missed: list[Any] = []
    wanted = found = 0
    for question, titles in QUESTIONS:
        hits = (await search.search(Filter(parse(question)), limit=10, offset=0)).hits
        shown = [hit.dataset.title for hit in hits]
        wanted += len(titles)
        found += sum(title in shown for title in titles)
        missed += [(question, title, shown[:4]) for title in titles if title not in shown]
    await database.close()
    assert found / wanted >= 0.95, missed


async def test_live_data_comes_first(database_of_wards: str) -> None:
    database = await Database.open(database_of_wards, max_size=2)
    search = CatalogSearch(database)
    for question in ("避難所 豊洲", "人流 竹芝", "気温 豊洲"):
        assert (await search.search(Filter(parse(question)), limit=1, offset=0)).hits[0].dataset.live is not None
    await database.close()
