"""How well a dataset can be used: a score with its reasons. Pure; `today` is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from schemas.dataset import Access, Dataset, Quality
from schemas.tokyo import within_tokyo

WORDS: dict[str, tuple[int, str, str]] = {
    # code: points off, Japanese, English
    "no_distribution": (40, "データ本体がない", "There is nothing to download or to query."),
    "unhealthy": (30, "提供元が応答していない", "The platform does not answer."),
    "broken_link": (25, "ファイルを取得できない", "A file can't be had."),
    "no_licence": (25, "ライセンスの記載がない", "No licence is told."),
    "empty": (20, "データが0件", "It holds no entities."),
    "unreadable": (15, "ファイルの中身を読み取れない", "A file can't be read as what it says it is."),
    "late": (15, "更新頻度どおりに更新されていない", "It was not updated as often as it promises."),
    "closed_licence": (10, "オープンなライセンスではない", "Its licence is not an open one."),
    "not_machine_readable": (10, "機械判読できる形式がない", "No format that programs can read."),
    "no_schema": (10, "属性がわからない", "What its entities hold could not be seen."),
    "no_description": (10, "説明がない", "It has no description."),
    "outside_tokyo": (10, "範囲が東京都の外にある", "Its extent lies outside Tokyo."),
    "no_contact": (5, "問い合わせ先がない", "Nobody to ask is named."),
    "duplicate": (5, "同じカタログに同じ公開者・題名のものがある", "Its catalogue has another one of its title."),
    "no_keywords": (5, "キーワードや分野がない", "It has neither keywords nor a theme."),
    "no_date": (5, "更新日がない", "When it was changed is not told."),
    "no_publisher": (5, "公開者がわからない", "Who publishes it is not told."),
}

_READABLE = frozenset(
    [
        "CSV",
        "TSV",
        "JSON",
        "GEOJSON",
        "JSON-LD",
        "XML",
        "KML",
        "GML",
        "RDF",
        "TTL",
        "XLSX",
        "XLS",
        "SHP",
        "GTFS",
        "PARQUET",
        "NGSI-LD",
        "NGSI-V2",
        "API",
        "ZIP",
    ]
)
_PERIODS = (
    ("リアルタイム", 1), ("随時", 0), ("不定期", 0), ("cont", 1), ("hourly", 1), ("毎時", 1), ("daily", 3), ("日", 3),
    ("weekly", 14), ("週", 14), ("monthly", 62), ("月", 62), ("quarterly", 186), ("四半期", 186), ("半年", 370),
    ("biennial", 1460), ("annual", 740), ("yearly", 740), ("年", 740),
)  # fmt: skip
"""Part of the word → days after which an update is missed; 0: it promises nothing."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of a dataset beside what it says: one of its files can't be had, one can't be read, and its own
    catalogue has another dataset of its publisher and title."""

    broken: bool = False
    unreadable: bool = False
    duplicate: bool = False


NOTHING = Findings()


def quality(dataset: Dataset, today: date, found: Findings = NOTHING) -> Quality:
    """0 to 100; reasons in order of their weight."""
    seen = {"broken_link": found.broken, "unreadable": found.unreadable, "duplicate": found.duplicate}
    reasons = [code for code in WORDS if (seen[code] if code in seen else _fault(code, dataset, today))]
    return Quality(max(0, 100 - sum(WORDS[code][0] for code in reasons)), tuple(reasons))


def _fault(code: str, dataset: Dataset, today: date) -> bool:
    live = dataset.live
    match code:
        case "no_distribution":
            return not any(d.url for d in dataset.distributions)
        case "unhealthy":
            return live is not None and not live.healthy
        case "empty":
            return live is not None and live.count == 0
        case "no_schema":
            return live is not None and bool(live.seen and live.count) and not live.attributes
        case "no_licence":
            return not dataset.licence.known
        case "closed_licence":
            return dataset.licence.known and dataset.access is not Access.OPEN
        case "not_machine_readable":
            return bool(dataset.formats) and not _READABLE.intersection(dataset.formats)
        case "late":
            return _late(dataset, today)
        case "outside_tokyo":
            return dataset.bbox is not None and not within_tokyo(dataset.bbox)
        case "no_contact":
            return not (dataset.contact.name or dataset.contact.email)
        case "no_keywords":
            return not dataset.keywords and not dataset.themes
        case "no_date":
            return not dataset.modified
        case "no_publisher":
            return not dataset.publisher.name
        case _:
            return not dataset.description


def promised_days(frequency: str) -> int:
    """Days after which an update is missed, with as much patience again; 0 if nothing is promised."""
    word = frequency.casefold()
    return next((days for part, days in _PERIODS if part in word), 0)


def _late(dataset: Dataset, today: date) -> bool:
    days = promised_days(dataset.frequency)
    if not days or not dataset.modified:
        return False
    try:
        changed = datetime.fromisoformat(dataset.modified).date()
    except ValueError:
        return False
    return today - changed > timedelta(days=days)
