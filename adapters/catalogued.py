"""What a catalogue adapter is. Its module (named by an entry point of group `kakehashi.catalogues`) has two names:
`catalogue: CatalogueManifest` and `async open_catalogue(source, services) -> Catalogued`.

Beside adapters of platforms: a catalogue gives descriptions, not entities. One folder may be both.
Errors are those of `schemas.errors.SourceError`; a record that can't be read is no error but a `Fault` in its batch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

from adapters.contract import Services
from adapters.exchange import SourceContext
from adapters.options import fill
from schemas.catalogue import CatalogueSource
from schemas.dataset import Dataset
from schemas.errors import BadRequestData, SettingsError

GROUP = "kakehashi.catalogues"


@dataclass(frozen=True, slots=True)
class CatalogueManifest:
    """`options_schema`: JSON Schema (a flat object, as of platforms) of `CatalogueSource.options`."""

    kind: str
    title: str
    title_ja: str
    standard: str
    options_schema: Mapping[str, Any] = field(default_factory=dict)
    searchable: bool = False
    """It can be asked with words, so it can be searched without being copied."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One dataset as the source has it. `make` translates it, which is only done where `digest` is a new one."""

    identifier: str
    digest: bytes
    """Of what the source said, whatever the order of members; never of its time stamps alone, which lie."""
    make: Callable[[], Dataset]
    """Raises BadUpstream with words for a record that can't be understood."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that was skipped, and why."""

    identifier: str
    words: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of the catalogue, in the order in which the source gives it."""

    entries: list[Entry]
    cursor: str
    """Where the next batch begins; "" if this was the last."""
    total: int | None = None
    """How many datasets the source says it has."""
    faults: tuple[Fault, ...] = ()
    validator: str = ""
    """What tells this version of the whole catalogue from others (ETag); kept for the next harvest."""
    unchanged: bool = False
    """The whole catalogue is as it was at the validator that was given."""


class Catalogued(Protocol):
    """One catalogue. Instances live for one harvest or search."""

    async def batch(self, cursor: str, validator: str, ctx: SourceContext) -> Batch:
        """The batch at `cursor` ("" is the beginning). An interrupted harvest goes on at the last cursor."""

    async def search(self, words: str, limit: int, ctx: SourceContext) -> list[Entry]:
        """What its own search finds. SourceUnsupported where it has none."""

    async def check(self, ctx: SourceContext) -> str:
        """Talk to it once and say in words what it is."""


class CatalogueModule(Protocol):
    catalogue: CatalogueManifest

    async def open_catalogue(self, source: CatalogueSource, services: Services) -> Catalogued: ...


@lru_cache(maxsize=1)
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def kinds() -> tuple[str, ...]:
    """The kinds of catalogue that are installed, sorted."""
    return tuple(sorted(_points()))


@lru_cache(maxsize=64)
def module(kind: str) -> CatalogueModule:
    """BadRequestData (`kind`) if there is none of that kind; SettingsError if what is installed is no catalogue."""
    point = _points().get(kind)
    if point is None:
        raise BadRequestData(
            f"there is no kind of catalogue {kind!r}; there are: {', '.join(kinds())}", field="kind", value=kind
        )
    try:
        found = point.load()
    except (ImportError, AttributeError) as e:
        raise SettingsError(f"the catalogue {kind!r} ({point.value}) can't be loaded: {e}", field="kind") from e
    if not isinstance(getattr(found, "catalogue", None), CatalogueManifest) or not inspect.iscoroutinefunction(
        getattr(found, "open_catalogue", None)
    ):
        raise SettingsError(f"{point.value} is no catalogue adapter", field="kind")
    return cast(CatalogueModule, found)


def catalogue_options(manifest: CatalogueManifest, options: Any) -> dict[str, Any]:
    """With defaults; BadRequestData names the one at fault (`options.page_size`)."""
    filled = fill(options, manifest.options_schema, "options")
    if not isinstance(filled, dict):
        raise BadRequestData("options are a JSON object", field="options", value=options)
    return filled
