"""The kinds of adapter that are installed: entry points of group `kakehashi.adapters`, loaded on first use."""

from __future__ import annotations

import inspect
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from adapters.contract import AdapterModule, Manifest
from schemas.errors import BadRequestData, SettingsError

GROUP = "kakehashi.adapters"


@lru_cache(maxsize=1)
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def kinds() -> tuple[str, ...]:
    """The names that `platform.adapter` may have, sorted. Loads none of them."""
    return tuple(sorted(_points()))


@lru_cache(maxsize=64)
def module(kind: str) -> AdapterModule:
    """The adapter's module, imported on first use of its kind.

    BadRequestData (`adapter`) if there is none of that kind; SettingsError if what is installed is no adapter.
    """
    point = _points().get(kind)
    if point is None:
        known = ", ".join(kinds())
        raise BadRequestData(f"there is no adapter {kind!r}; there are: {known}", field="adapter", value=kind)
    try:
        found = point.load()
    except (ImportError, AttributeError) as e:
        raise SettingsError(f"the adapter {kind!r} ({point.value}) can't be loaded: {e}", field="adapter") from e
    if not isinstance(getattr(found, "manifest", None), Manifest) or not inspect.iscoroutinefunction(
        getattr(found, "open", None)
    ):
        raise SettingsError(
            f"{point.value} is no adapter: it needs `manifest: Manifest` and `async open(platform, services)`",
            field="adapter",
        )
    return cast(AdapterModule, found)
