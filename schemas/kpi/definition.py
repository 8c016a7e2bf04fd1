"""A KPI's definition: what is counted, for whom, against which targets. A version of it never changes once agreed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
import rfc8785
from msgspec import Meta

from schemas.errors import BadRequestData
from schemas.kpi.reading import dump, read

Slug = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9]([a-z0-9_-]*[a-z0-9])?\Z")]
Word = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[tuple[Word, ...], Meta(max_length=200)]
Prose = Annotated[str, Meta(max_length=4000)]
_MINUTES = frozenset(m for m in range(1, 1441) if (60 % m == 0 if m < 60 else m % 60 == 0 and 1440 % m == 0))


class Measure(StrEnum):
    """What is counted. All but the first three are distinct counts."""

    REQUESTS = "requests"
    """Requests that delivered something: one that several platforms answered counts once."""
    ENTITIES = "entities"
    BYTES = "bytes"
    SERVICES = "services"
    PROVIDERS = "providers"
    """Platforms."""
    TYPES = "types"
    """Entity types that were asked for."""
    ASSETS = "assets"
    """Pairs of platform and entity type; a platform that was only asked without a type counts as one."""
    AREA_PAIRS = "area_pairs"
    DAYS = "days"
    """Days of Tokyo with at least one use."""
    ROLLOUTS = "rollouts"
    """Pairs of areas between which a set-up was carried over (`area apply`): from the project's areas to others
    (scope provider), or in its name (consumer). The one measure that counts no flows."""


ADDITIVE = frozenset({Measure.REQUESTS, Measure.ENTITIES, Measure.BYTES})


class Kind(StrEnum):
    MEASURED = "measured"
    ENTERED = "entered"
    """By the project, with evidence."""


class Scope(StrEnum):
    """Whose flows count for the project."""

    CONSUMER = "consumer"
    """What the project's services took."""
    PROVIDER = "provider"
    """What platforms of the project's areas delivered."""
    ALL = "all"


class Traffic(StrEnum):
    ANY = "any"
    INTERACTIVE = "interactive"
    BATCH = "batch"


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is set must hold. Only what delivered something and repeats no earlier request ever counts."""

    services: Words = ()
    consumer_organisations: Words = ()
    consumer_areas: Words = ()
    platforms: Words = ()
    provider_organisations: Words = ()
    provider_areas: Words = ()
    types: Words = ()
    """IRIs; a flow counts if one of its types is among them."""
    operations: Words = ()
    exclude_services: Words = ()
    """Health checks, synthetic traffic."""
    exclude_platforms: Words = ()
    least_quality: Annotated[int, Meta(ge=1, le=100)] | None = None
    """Only for assets: the score that the catalogue's last judgement up to that day gave it at least. So neither poor
    nor duplicate ones count, nor those that nobody has judged yet."""
    cross_area_only: bool = False
    """Without own-area traffic."""
    traffic: Traffic = Traffic.ANY
    registered_only: bool = True
    """Without anonymous use and the administration's own."""


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A count of the ledger."""

    measure: Measure
    filter: Filter = Filter()
    window_minutes: Annotated[int, Meta(ge=0, le=1440)] = 0
    """De-duplication: requests of one service for the same types count once within each window of so many minutes,
    the first of which begins at midnight in Tokyo. 0: every request counts. Only for requests."""
    cap_per_day: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    """At most so much of one service on one day of Tokyo. Only for requests, entities and bytes."""


class YearTargets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    year: Decimal
    quarters: Annotated[tuple[Decimal, ...], Meta(max_length=4)] = ()
    """What is to be reached from April to the end of each quarter; four of them or none."""


class KpiDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """`targets`: of year 1 and year 2 of the project. `weight`: 評価点, points at full achievement."""

    id: Slug
    name_ja: Word
    unit_ja: Word
    kind: Kind = Kind.MEASURED
    name_en: Annotated[str, Meta(max_length=200)] = ""
    unit_en: Annotated[str, Meta(max_length=200)] = ""
    text_ja: Prose = ""
    text_en: Prose = ""
    scope: Scope = Scope.CONSUMER
    of: Source | None = None
    """What is counted; of a ratio its numerator."""
    per: Source | None = None
    """The denominator of a ratio."""
    scale: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """A ratio is multiplied by it: 100 for per cent."""
    decimals: Annotated[int, Meta(ge=0, le=6)] = 0
    lower_is_better: bool = False
    baseline: Decimal | None = None
    """基準値."""
    targets: Annotated[tuple[YearTargets, ...], Meta(max_length=2)] = ()
    weight: Decimal = Decimal(0)
    most_percent: Annotated[int, Meta(ge=100, le=1000)] = 100
    """Achievement above this earns no more points."""
    valid_from: date | None = None
    """First day of Tokyo on which this version decides; None: from the beginning."""


def read_definition(document: object) -> KpiDefinition:
    """Raises BadRequestData that names the member."""
    found = read(KpiDefinition, document)
    for field, problem in _problems(found):
        raise BadRequestData(problem, field=field)
    return found


def digest(definition: KpiDefinition) -> str:
    """SHA-256 (hex) of its canonical JSON (RFC 8785): what both sides agree to."""
    return hashlib.sha256(rfc8785.dumps(dump(definition))).hexdigest()


def _problems(one: KpiDefinition) -> Iterator[tuple[str, str]]:
    if (one.of is not None) != (one.kind is Kind.MEASURED):
        yield "of", "A measured KPI says what is counted; an entered one does not."
    if one.per is not None and one.of is None:
        yield "per", "A ratio has a numerator, `of`."
    for name, source in (("of", one.of), ("per", one.per)):
        if source is not None:
            yield from _source_problems(name, source)
    if one.weight < 0:
        yield "weight", "A weight is not negative."
    for number, year in enumerate(one.targets):
        if len(year.quarters) not in (0, 4):
            yield f"targets[{number}].quarters", "Four quarters or none."
    if one.lower_is_better and one.targets and one.baseline is None:
        yield "baseline", "Where lower is better, achievement is measured from the 基準値."


def _source_problems(name: str, source: Source) -> Iterator[tuple[str, str]]:
    window = source.window_minutes
    if window and source.measure is not Measure.REQUESTS:
        yield f"{name}.window_minutes", "A window is for requests only."
    if window and window not in _MINUTES:
        yield f"{name}.window_minutes", "Whole minutes that divide an hour, or whole hours that divide a day."
    if source.filter.least_quality is not None and source.measure is not Measure.ASSETS:
        yield f"{name}.filter.least_quality", "A quality is for assets only."
    if source.measure is Measure.ROLLOUTS and source.filter != Filter():
        yield f"{name}.filter", "Roll-outs are no flows: nothing filters them."
    if source.cap_per_day is not None and source.measure not in ADDITIVE:
        yield f"{name}.cap_per_day", "A cap is for requests, entities and bytes only."
