"""Datasets as plain JSON, the catalogue's own form."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from catalog.hit import AgreementState, Hit
from catalog.quality import WORDS, quality
from schemas.dataset import Dataset, Distribution


def absolute(url: str, base: str) -> str:
    """An address; one that begins with a slash is at this gateway."""
    return base + url if url.startswith("/") else url


def address(dataset: Dataset, base: str) -> str:
    """Where the catalogue shows it."""
    return f"{base}/catalog/datasets/{dataset.id}"


def file_address(dataset: Dataset, place: int, base: str) -> str:
    """Where a distribution can be fetched through the gateway."""
    return f"{address(dataset, base)}/distributions/{place}/download"


def shown(hit: Hit, base: str, state: AgreementState, today: date) -> dict[str, Any]:
    """With absolute addresses, its quality with reasons in words, its origins and whether it may be used."""
    dataset = hit.dataset
    made: dict[str, Any] = {"id": dataset.id, **msgspec.to_builtins(dataset)}
    judged = quality(dataset, today, hit.findings)
    made["distributions"] = [_distribution(dataset, d, n, base) for n, d in enumerate(dataset.distributions)]
    for link in hit.links:
        if link.place < len(made["distributions"]):
            checked = link.checked.isoformat(timespec="seconds") + "Z"
            made["distributions"][link.place]["link"] = {"alive": link.alive, "checked": checked, "words": link.words}
            if link.unreadable:
                made["distributions"][link.place]["link"]["unreadable"] = link.unreadable
    made["quality"] = {
        "score": judged.score,
        "reasons": [{"code": code, "ja": WORDS[code][1], "en": WORDS[code][2]} for code in judged.reasons],
    }
    made["origins"] = [{"id": o.id, "source": o.source, "identifier": o.identifier} for o in hit.origins]
    made["agreement"] = state.value
    made["url"] = address(dataset, base)
    made["score"] = hit.score
    live = made.get("live")
    if live:
        live.pop("origin", None)
    if live and state not in (AgreementState.NOT_NEEDED, AgreementState.AGREED):
        # values are data: whoever may not read it is not shown examples of it
        live["attributes"] = [{k: v for k, v in a.items() if k != "example"} for a in live.get("attributes", ())]
    if hit.changed:
        made["catalogued"] = hit.changed
    return made


def _distribution(dataset: Dataset, one: Distribution, place: int, base: str) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(one)
    if one.access_url:
        made["access_url"] = absolute(one.access_url, base)
    if one.download_url:
        made["download_url"] = absolute(one.download_url, base)
        made["gateway_url"] = file_address(dataset, place, base)
        made["preview_url"] = f"{address(dataset, base)}/distributions/{place}/preview"
    return made
