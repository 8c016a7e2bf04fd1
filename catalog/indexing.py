"""What a dataset is found by: lexemes, facets, the keys by which other catalogues' copies are known, its rank. Pure."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from urllib.parse import urlsplit

import msgspec

from catalog.coverage import extent, period
from catalog.quality import quality
from catalog.search.fold import fold, lexemes
from catalog.search.synonyms import labels
from schemas.dataset import Access, BBox, Dataset, encode
from schemas.tokyo import BY_AREA

INDEX_VERSION = 2
"""Of what `index` makes of a dataset: another one, and what is stored is made anew by the next harvest."""
_PORTAL_ID = re.compile(r"t\d{6}d\d{10}")
_MOST_LEXEMES = 4000
_DESCRIBED = 4000
"""Characters of a description that are indexed."""


class DatasetRow(msgspec.Struct, frozen=True):
    """A dataset with what it is found by; names are those of the columns. `document` is what `schemas.dataset.encode`
    makes; `head` and `words` are lexemes; `modified`, `start`, `until` are RFC 3339 or dates, None if unknown."""

    id: str
    source: str
    identifier: str
    document: str
    keys: tuple[str, ...]
    name: str
    title: str
    head: tuple[str, ...]
    words: tuple[str, ...]
    areas: tuple[str, ...]
    publisher: str
    themes: tuple[str, ...]
    keywords: tuple[str, ...]
    formats: tuple[str, ...]
    licence: str
    access: str
    types: tuple[str, ...]
    live: bool
    extent: BBox | None
    start: str | None
    until: str | None
    modified: str | None
    usable: float
    score: int


def index(dataset: Dataset, today: date) -> DatasetRow:
    """The row of a dataset."""
    judged = quality(dataset, today)
    head = lexemes(" ".join((dataset.title, *dataset.translations.values(), *dataset.keywords, *_called(dataset))))
    said = (
        dataset.name,
        dataset.publisher.name,
        dataset.publisher.id,
        dataset.creator.name,
        dataset.spatial,
        *dataset.themes,
        *dataset.areas,
        *(name for area in dataset.areas if area in BY_AREA for name in BY_AREA[area].names),
        *(d.title for d in dataset.distributions[:50]),
        *dataset.formats,
        *(column.name for d in dataset.distributions[:10] for column in d.columns[:100]),
        *(column.name for column in (dataset.live.attributes if dataset.live else ())[:100]),
        dataset.description[:_DESCRIBED],
    )
    start, until = period(dataset)
    words = list(dict.fromkeys((*head, *lexemes(" ".join(said)))))[:_MOST_LEXEMES]
    return DatasetRow(
        id=dataset.id,
        source=dataset.source,
        identifier=dataset.identifier,
        document=encode(dataset).decode(),
        keys=keys(dataset),
        name=dataset.name,
        title=fold(dataset.title),
        head=tuple(head[:_MOST_LEXEMES]),
        words=tuple(words),
        areas=dataset.areas,
        publisher=dataset.publisher.name,
        themes=dataset.themes,
        keywords=dataset.keywords,
        formats=dataset.formats,
        licence=dataset.licence.id or dataset.licence.title,
        access=dataset.access.value,
        types=dataset.types,
        live=dataset.live is not None,
        extent=extent(dataset),
        start=start,
        until=until,
        modified=dataset.modified or None,
        usable=usable(dataset, judged.score),
        score=judged.score,
    )


def usable(dataset: Dataset, score: int) -> float:
    """What goes before others of the same relevance: live and healthy data, then what is open and well described."""
    rank = score / 100
    if dataset.live is not None and dataset.live.healthy and dataset.live.count != 0:
        rank += 2.0
    if dataset.access is Access.OPEN:
        rank += 0.3
    return rank


def keys(dataset: Dataset) -> tuple[str, ...]:
    """By which the same dataset is known in another catalogue: the portal's own id, where its files lie, title and
    publisher. Live data is the same only if its platform is registered twice."""
    if dataset.live is not None:
        origin = dataset.live.origin
        return (f"l:{_short(f'{origin} {dataset.identifier}')}",) if origin else ()
    found: dict[str, None] = {}
    for text in (dataset.name, dataset.identifier):
        if _PORTAL_ID.fullmatch(text):
            found[f"n:{text}"] = None
    for url in (dataset.landing_page, *(d.download_url for d in dataset.distributions[:20])):
        if url and len(urlsplit(url).path) > 1:
            found[f"u:{_short(url.partition('#')[0].partition('://')[2])}"] = None
    if dataset.publisher.name:
        found[f"t:{_short(fold(dataset.title) + '|' + fold(dataset.publisher.name))}"] = None
    return tuple(found)


def _called(dataset: Dataset) -> list[str]:
    """What its entity types are called by people."""
    short = [re.split(r"[/#]", one)[-1] for one in dataset.types]
    return [*short, *(word for one in short for word in labels(one))]


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
