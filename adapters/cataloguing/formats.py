"""Formats by their usual name, from whatever a catalogue says: a word, a media type, or only an address. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

_MEDIA = {
    "CSV": "text/csv",
    "TSV": "text/tab-separated-values",
    "JSON": "application/json",
    "GEOJSON": "application/geo+json",
    "JSON-LD": "application/ld+json",
    "XML": "application/xml",
    "KML": "application/vnd.google-earth.kml+xml",
    "KMZ": "application/vnd.google-earth.kmz",
    "GML": "application/gml+xml",
    "RDF": "application/rdf+xml",
    "TTL": "text/turtle",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "XLS": "application/vnd.ms-excel",
    "PDF": "application/pdf",
    "ZIP": "application/zip",
    "SHP": "application/x-shapefile",
    "GTFS": "application/zip",
    "HTML": "text/html",
    "DOCX": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "TXT": "text/plain",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "PARQUET": "application/vnd.apache.parquet",
}
_ALIASES = {
    "EXCEL": "XLSX",
    "JPG": "JPEG",
    "SHAPE": "SHP",
    "SHAPEFILE": "SHP",
    "ESRI SHAPEFILE": "SHP",
    "TURTLE": "TTL",
    "JSONLD": "JSON-LD",
    "LD+JSON": "JSON-LD",
    "TEXT": "TXT",
    "HTM": "HTML",
    "RDF/XML": "RDF",
    "GEO+JSON": "GEOJSON",
    "GTFS/GTFS-JP": "GTFS",
    "GTFS-JP": "GTFS",
}
_BY_MEDIA = {media: name for name, media in reversed(_MEDIA.items())} | {"application/zip": "ZIP"}


def format_of(word: str, media: str, url: str) -> tuple[str, str]:
    """The format's usual name in capitals and its media type; both empty if nobody says."""
    media = media.partition(";")[0].strip().lower()
    name = word.rpartition("/file-type/")[2].strip().lstrip(".").upper()[:40]
    if "/" in name and name.lower() in _BY_MEDIA:
        name = _BY_MEDIA[name.lower()]
    name = _ALIASES.get(name, name) or _BY_MEDIA.get(media, "") or _suffix(url)
    return name, _MEDIA.get(name, media if "/" in media else "")


def _suffix(url: str) -> str:
    try:
        last = urlsplit(url).path.rpartition("/")[2]
    except ValueError:
        return ""
    _, dot, suffix = last.rpartition(".")
    name = _ALIASES.get(suffix.upper(), suffix.upper())
    return name if dot and name in _MEDIA else ""
