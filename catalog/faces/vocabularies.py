"""Concepts of the EU's authority tables, by which DCAT harvesters know languages, themes, formats, … Pure."""

from __future__ import annotations

from schemas.dataset import Access
from schemas.dcat.nodes import Iri, Node, Text, ja

_EU = "http://publications.europa.eu/resource/authority/"
_RIGHTS = {Access.OPEN: "PUBLIC", Access.AGREEMENT: "RESTRICTED"}
_FREQUENCIES = {
    "daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY", "quarterly": "QUARTERLY", "annual": "ANNUAL",
    "continuous": "CONT", "irregular": "IRREG", "年次": "ANNUAL", "毎年": "ANNUAL", "月次": "MONTHLY",
    "毎月": "MONTHLY",
    "日次": "DAILY", "毎日": "DAILY", "週次": "WEEKLY", "随時": "IRREG", "不定期": "IRREG", "四半期": "QUARTERLY",
}  # fmt: skip
_LANGUAGES = {"ja": "JPN", "en": "ENG"}
_FORMATS = {
    "CSV": "CSV", "TSV": "TSV", "JSON": "JSON", "JSON-LD": "JSON_LD", "NGSI-LD": "JSON_LD", "GEOJSON": "GEOJSON",
    "XLSX": "XLSX", "XLS": "XLS", "PDF": "PDF", "XML": "XML", "RDF": "RDF", "TTL": "RDF_TURTLE", "KML": "KML",
    "GML": "GML", "SHP": "SHP", "ZIP": "ZIP", "HTML": "HTML", "TXT": "TXT", "DOCX": "DOCX", "DOC": "DOC",
}  # fmt: skip
_THEMES = (
    ("ENER", "Energy", ("エネルギー", "電力", "energy")),
    ("ENVI", "Environment", ("環境", "気象", "ごみ", "environment", "weather")),
    (
        "JUST",
        "Justice, legal system and public safety",
        ("防災", "防犯", "安全", "災害", "消防", "safety", "disaster"),
    ),
    ("HEAL", "Health", ("保健", "医療", "健康", "衛生", "health")),
    ("TECH", "Science and technology", ("情報通信", "科学", "技術", "デジタル", "technology")),
    ("EDUC", "Education, culture and sport", ("教育", "文化", "スポーツ", "学校", "education", "culture")),
    (
        "SOCI",
        "Population and society",
        ("人口", "世帯", "子育て", "福祉", "生活", "労働", "population"),
    ),
    ("TRAN", "Transport", ("交通", "運輸", "道路", "モビリティ", "transport", "mobility")),
    ("ECON", "Economy and finance", ("産業", "経済", "観光", "商業", "金融", "economy", "tourism")),
    ("AGRI", "Agriculture, fisheries, forestry and food", ("農林", "農業", "水産", "食品", "agriculture")),
    ("INTR", "International issues", ("国際", "international")),
    ("GOVE", "Government and public sector", ("行財政", "行政", "財政", "選挙", "議会", "統計", "government")),
    ("REGI", "Regions and cities", ("都市", "土地", "住宅", "地域", "city", "regional")),
)
"""Concept, its label, and parts of the words that catalogues of Japan use for it; the first that fits."""


def access_right(access: Access) -> Node | None:
    """None if nobody says."""
    return _known("access-right", _RIGHTS.get(access), "dct:RightsStatement")


def frequency(word: str) -> Node | None:
    """Of a frequency as datasets have it."""
    return _known("frequency", _FREQUENCIES.get(word), "dct:Frequency")


def language(tag: str) -> Node | None:
    """Of a language tag."""
    return _known("language", _LANGUAGES.get(tag.lower()[:2]), "dct:LinguisticSystem")


def file_type(format_: str) -> Node | None:
    """Of a format as distributions have it."""
    found = _known("file-type", _FORMATS.get(format_), "dct:MediaTypeOrExtent")
    return found.add("rdfs:label", Text(format_)) if found else None


def theme(word: str) -> Node | None:
    """The theme under which a theme or keyword of a Japanese catalogue falls."""
    folded = word.casefold()
    for code, label, parts in _THEMES:
        if any(part in folded for part in parts):
            found = _concept("data-theme", code, "skos:Concept")
            return found.add("skos:prefLabel", Text(label, language="en"))
    return None


def theme_taxonomy() -> Node:
    """What `theme` gives concepts of."""
    scheme = Node(f"{_EU}data-theme", ("skos:ConceptScheme",))
    return scheme.add("dct:title", Text("Data theme", language="en"))


def japan() -> Node:
    """The country; the tables have no places within it."""
    found = _concept("country", "JPN", "dct:Location")
    return found.add("skos:prefLabel", ja("日本"), Text("Japan", language="en"))


def _known(table: str, code: str | None, kind: str) -> Node | None:
    return _concept(table, code, kind) if code else None


def _concept(table: str, code: str, kind: str) -> Node:
    return Node(f"{_EU}{table}/{code}", (kind,)).add("skos:inScheme", Iri(f"{_EU}{table}"))
