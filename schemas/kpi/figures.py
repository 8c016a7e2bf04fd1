"""The programme's figures, 連携実績: what `broker/kpi` computes and everyone else shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Uses:
    """API利用回数: requests, not flows, that delivered at least one entity and repeat no earlier request."""

    interactive: int = 0
    batch: int = 0

    @property
    def total(self) -> int:
        return self.interactive + self.batch

    def __add__(self, other: Uses) -> Uses:
        return Uses(self.interactive + other.interactive, self.batch + other.batch)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a month or of the year. Services and assets of the year are not the sum of the months'."""

    uses: Uses = Uses()
    services: int = 0
    """接続サービス数."""
    assets: int = 0
    """連携データアセット数."""


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """What one platform delivered; None for platform and organisation: all platforms of the area.

    `months` has one item for each of the report's months, in their order, as have all `months` here.
    """

    platform: str | None
    organisation: str | None
    area: str | None
    uses: Uses
    entities: int
    months: tuple[Uses, ...]


@dataclass(frozen=True, slots=True)
class AreaPair:
    """Entities that a provider's area delivered to services of a home area. None: the area is not known."""

    provider_area: str | None
    consumer_area: str | None
    entities: int
    uses: int
    months: tuple[int, ...]
    """Entities."""


@dataclass(frozen=True, slots=True)
class Definition:
    """How a figure is defined, in the words of the report (定義)."""

    id: str
    name_ja: str
    name_en: str
    unit_ja: str
    unit_en: str
    text_ja: str
    text_en: str


@dataclass(frozen=True, slots=True)
class KpiReport:
    """A Japanese fiscal year (April to March, Asia/Tokyo)."""

    year: int
    since: datetime
    """Its first instant, UTC."""
    until: datetime
    """The first instant after it, UTC."""
    area: str | None
    """Only what this area's platforms delivered."""
    service: str | None
    """Only what this service used."""
    months: tuple[date, ...]
    """The first days of its twelve months."""
    monthly: tuple[Figures, ...]
    total: Figures
    providers: tuple[ProviderFigures, ...]
    areas: tuple[ProviderFigures, ...]
    pairs: tuple[AreaPair, ...]
    definitions: tuple[Definition, ...]
