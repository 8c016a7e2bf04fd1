"""What the catalogue knows of a dataset: DCAT 3 in one plain structure, whatever dialect its source speaks.

Fields that a source has beyond DCAT (`caddec_*`, `ngsi_*`, those of 自治体標準) are kept in `extras` under their own
names. Every field may be empty but source, identifier and title: catalogues in the wild leave out anything.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import msgspec

BBox = tuple[float, float, float, float]
"""West, south, east, north; degrees, WGS 84 (JGD2011 differs by less than a metre)."""

LIVE = "live"
"""Prefix of the source under which the types of platforms stand: `live:PLATFORM`."""


class Access(StrEnum):
    """Whether it may be had without asking anybody."""

    OPEN = "open"
    AGREEMENT = "agreement"
    """An agreement with its provider is needed first."""
    UNKNOWN = "unknown"
    """Its licence says nothing."""


class Agent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A publisher, creator or contact."""

    name: str = ""
    id: str = ""
    """The source's own id of the organisation, in CKAN its short name."""
    url: str = ""
    email: str = ""
    phone: str = ""


class Licence(msgspec.Struct, frozen=True, omit_defaults=True):
    """`id` in CKAN's spelling where known (`CC-BY-4.0`); `url` of the text."""

    id: str = ""
    title: str = ""
    url: str = ""

    @property
    def known(self) -> bool:
        return bool(self.id or self.title or self.url)


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """An attribute of entities or a column of a table."""

    name: str
    kind: str = ""
    """Property, GeoProperty, … for entities, else the type that the source names."""
    unit: str = ""
    """UN/CEFACT code, or as the source has it."""
    example: str = ""
    description: str = ""


class Distribution(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way to have the data (dcat:Distribution); `access_url` beginning with a slash is at this gateway."""

    id: str
    """Unique in its dataset: the source's id, else its place in the list."""
    title: str = ""
    description: str = ""
    access_url: str = ""
    download_url: str = ""
    format: str = ""
    """In capitals: CSV, GEOJSON, XLSX, NGSI-LD; empty if nobody says."""
    media_type: str = ""
    bytes: int | None = None
    licence: Licence = Licence()
    modified: str = ""
    service: str = ""
    """The protocol, if it is a query and no file: ngsi-ld, ngsi-v2, ckan-datastore, tokyo-api."""
    conforms_to: str = ""
    columns: tuple[Column, ...] = ()
    extras: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Where the bytes come from, the file before the page about it."""
        return self.download_url or self.access_url


class Live(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was seen of data that a platform holds now."""

    platform: str
    tenant: str = ""
    types: tuple[str, ...] = ()
    """IRIs."""
    count: int | None = None
    attributes: tuple[Column, ...] = ()
    observed: str = ""
    """The newest time of observation or change that was seen."""
    healthy: bool = True
    problem: str = ""
    seen: str = ""
    origin: str = ""
    """A digest of where it is asked: the same for two registrations of one platform."""


class Dataset(msgspec.Struct, frozen=True, omit_defaults=True):
    """Keyed by (source, identifier). Times are RFC 3339 or dates, as the source has them but normalised."""

    source: str
    identifier: str
    title: str
    name: str = ""
    """The source's short name for addresses, in CKAN unique there."""
    description: str = ""
    translations: dict[str, str] = {}
    """Titles in other languages, by language tag."""
    language: tuple[str, ...] = ("ja",)
    publisher: Agent = Agent()
    creator: Agent = Agent()
    contact: Agent = Agent()
    licence: Licence = Licence()
    access: Access = Access.UNKNOWN
    themes: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    """Ids of the programme's areas: otemachi, takeshiba, toyosu, nishi-shinjuku, or others that platforms are of."""
    types: tuple[str, ...] = ()
    """Entity types (IRIs or short names) that it is about."""
    spatial: str = ""
    bbox: BBox | None = None
    start: str = ""
    end: str = ""
    """Temporal coverage."""
    issued: str = ""
    modified: str = ""
    frequency: str = ""
    """As the source says it, or a code of the EU's frequency list in small letters: daily, monthly, annual."""
    landing_page: str = ""
    provenance: str = ""
    version: str = ""
    series: str = ""
    """Identifier, in the same source, of the series that it belongs to."""
    is_series: bool = False
    conforms_to: str = ""
    distributions: tuple[Distribution, ...] = ()
    live: Live | None = None
    extras: dict[str, str] = {}

    @property
    def id(self) -> str:
        """The catalogue's own id: the same for the same (source, identifier) for ever, and fit for addresses."""
        return dataset_id(self.source, self.identifier)

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(d.format for d in self.distributions if d.format))


class Quality(msgspec.Struct, frozen=True, omit_defaults=True):
    """How well it can be used: 0 to 100, and what took points off or could not be seen."""

    score: int
    reasons: tuple[str, ...] = ()
    """Codes, in words at `catalog.quality.WORDS`."""


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Dataset)


def dataset_id(source: str, identifier: str) -> str:
    """25 characters of a–z and 2–7: 120 bits of a digest, none of which meets another's."""
    digest = hashlib.blake2b(f"{source}\0{identifier}".encode("utf-8", "surrogatepass"), digest_size=15).digest()
    return _base32(digest)


def _base32(digest: bytes) -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    number = int.from_bytes(digest, "big")
    return "d" + "".join(alphabet[(number >> shift) & 31] for shift in range(115, -1, -5))


def encode(dataset: Dataset) -> bytes:
    """JSON in which equal datasets are equal bytes."""
    return _encoder.encode(dataset)


def decode(document: bytes | str) -> Dataset:
    """What `encode` made."""
    return _decoder.decode(document)
