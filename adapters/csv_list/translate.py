"""Rows of a list as datasets: rows with the same id (or title) are the distributions of one. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from adapters.catalogued import Fault
from adapters.cataloguing.formats import format_of
from adapters.cataloguing.options import mapped
from adapters.geojson.reading.table import Table
from schemas import loose
from schemas.catalogue import CatalogueSource
from schemas.dataset import Agent, Dataset, Distribution, Licence
from schemas.errors import BadUpstream
from schemas.licence import access_of, recognise
from schemas.tokyo import BY_CODE, areas_named, place_named

Rows = list[Mapping[str, str]]
_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "データセット_id", "データセットid", "識別子", "identifier", "no", "no."),
    "title": ("データ名称", "データセット_名称", "データセット名", "データセット名称", "名称", "タイトル", "title",
              "name"),
    "description": ("データ概要", "データセット_概要", "概要", "説明", "description", "notes"),
    "format": ("データ形式", "リソース_形式", "ファイル形式", "形式", "format"),
    "theme": ("分類", "データセット_分類", "カテゴリ", "分野", "theme", "category"),
    "keyword": ("キーワード", "データセット_キーワード", "タグ", "keyword", "keywords", "tags"),
    "frequency": ("更新頻度", "データセット_更新頻度", "frequency"),
    "url": ("url", "リソース_url", "ダウンロードurl", "データurl", "アクセスurl", "downloadurl", "download_url"),
    "page": ("データセット_url", "ページurl", "掲載ページ", "landingpage", "landing_page"),
    "licence": ("ライセンス", "データセット_ライセンス", "利用規約", "license", "licence"),
    "issued": ("登録日", "データ登録日", "公開日", "データセット_公開日", "issued"),
    "modified": ("最終更新日", "データ最終更新日", "更新日", "リソース_最終更新日", "modified"),
    "publisher": ("地方公共団体名", "市区町村名", "データセット_公開者", "公開者", "提供組織",
                  "組織", "publisher", "organization"),
    "contact": ("問い合わせ先", "データセット_問い合わせ先", "担当課", "contact"),
    "code": ("全国地方公共団体コード", "都道府県コード又は市区町村コード", "市区町村コード"),
    "resource": ("リソース_名称", "ファイル名", "リソース名", "resource"),
    "note": ("備考", "note"),
}  # fmt: skip


def grouped(table: Table) -> tuple[dict[str, Rows], list[Fault]]:
    """The rows of each dataset under its identifier. Those without title and id are faults."""
    rows: dict[str, Rows] = {}
    faults: list[Fault] = []
    for record in table.records:
        values = {k: str(v) for k, v in record.values.items() if v not in (None, "")}
        known = _known(values)
        code = known.get("code", "")
        title = known.get("title", "")
        name = f"{code}-{known['id']}" if code and "id" in known else known.get("id") or title
        if not name or not title:
            faults.append(Fault(f"row {record.row}", "it has no title"))
            continue
        rows.setdefault(loose.line(name, 300), []).append(values)
    return rows, faults


def translate(name: str, rows: Rows, source: CatalogueSource, paths: Mapping[str, str]) -> Dataset:
    """BadUpstream if there is no title."""
    first = _known(rows[0])
    title = loose.line(first.get("title"))
    if not title:
        raise BadUpstream("it has no title")
    place = BY_CODE.get(first.get("code", "")[:5])
    publisher = loose.line(first.get("publisher")) or (place.names[0] if place else "")
    said = first.get("licence", "")
    licence = recognise(Licence(title="" if loose.url(said) else loose.line(said), url=loose.url(said)))
    known = {c for names in _COLUMNS.values() for c in names}
    dataset = Dataset(
        source.id,
        name,
        title,
        description=loose.text(first.get("description")),
        publisher=Agent(publisher, first.get("code", "")[:6]),
        contact=Agent(loose.line(first.get("contact"))),
        licence=licence,
        access=access_of(licence),
        themes=loose.texts(first.get("theme")),
        keywords=loose.texts(first.get("keyword")),
        areas=(source.area,) if source.area else areas_named(f"{title} {publisher}"),
        spatial=place.names[0] if place else place_named(f"{publisher} {title}"),
        issued=loose.instant(first.get("issued")),
        modified=max((loose.instant(_known(row).get("modified")) for row in rows), default=""),
        frequency=loose.line(first.get("frequency"), 60),
        landing_page=loose.url(first.get("page")),
        distributions=tuple(_distribution(_known(row), n, licence) for n, row in enumerate(rows[:1000])),
        extras={k[:100]: loose.text(v, 2000) for k, v in rows[0].items() if _fold(k) not in known},
    )
    return mapped(dataset, rows[0], paths)


def _distribution(row: Mapping[str, str], place: int, licence: Licence) -> Distribution:
    url = loose.url(row.get("url"))
    kind, media = format_of(loose.line(row.get("format"), 60), "", url)
    return Distribution(
        id=str(place),
        title=loose.line(row.get("resource")),
        access_url=url,
        download_url=url,
        format=kind,
        media_type=media,
        licence=licence,
        modified=loose.instant(row.get("modified")),
    )


def _known(values: Mapping[str, str]) -> dict[str, str]:
    """The values under our names for them."""
    folded = {_fold(name): value for name, value in values.items()}
    found = {}
    for ours, names in _COLUMNS.items():
        for name in names:
            if name in folded:
                found[ours] = folded[name]
                break
    return found


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
