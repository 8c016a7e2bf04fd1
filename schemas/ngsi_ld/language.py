"""The language filter (clause 4.15): which entry of a languageMap a reader gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from schemas.errors import BadRequestData
from schemas.ngsi_ld.names import printable

CLAUSE = "4.15"
MAX_LENGTH = 1000

_TAG = re.compile(r"(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")


@lru_cache(maxsize=256)
def preferences(lang: str) -> tuple[str, ...]:
    """Language tags in lower case, the most wanted first; `*` for any. Raises BadRequestData that names `lang`."""
    if len(lang) > MAX_LENGTH:
        raise BadRequestData(
            f"lang has more than {MAX_LENGTH} characters.", field="lang", value=printable(lang), clause=CLAUSE
        )
    ranked: list[tuple[float, str]] = []
    for part in lang.split(","):
        seen = _TAG.fullmatch(part.strip())
        if not seen:
            raise BadRequestData(
                "lang is a list of language tags such as ja,en;q=0.8,*;q=0.1.",
                field="lang",
                value=printable(lang),
                clause=CLAUSE,
            )
        quality = 1.0 if seen[2] is None else float(seen[2])
        if quality > 0:
            ranked.append((-quality, seen[1].lower()))
    # Sorting is stable: equal qualities stay in the order in which they were written.
    return tuple(tag for _, tag in sorted(ranked, key=lambda pair: pair[0]))


def read_language(lang: str | None) -> str | None:
    """A language filter that is one, whether there is anything to choose from or not. Raises as `preferences`."""
    if lang is not None:
        preferences(lang)
    return lang


def choose(language_map: Mapping[str, Any], lang: str) -> tuple[str, Any] | None:
    """The tag and text that fit best; any of them rather than none (`@none` first), None only if the map is empty.

    A wanted `fr` is served by `fr-CH`, and a wanted `fr-CH` by `fr`, if nothing exact is there.
    """
    tags = {tag.lower(): tag for tag in language_map}
    for wanted in preferences(lang):
        if wanted == "*":
            break
        found = tags.get(wanted) or _near(wanted, tags)
        if found is not None:
            return found, language_map[found]
    rest = tags.get("@none") or next(iter(language_map), None)
    return None if rest is None else (rest, language_map[rest])


def _near(wanted: str, tags: Mapping[str, str]) -> str | None:
    narrower = next((tag for low, tag in tags.items() if low.startswith(wanted + "-")), None)
    if narrower is not None:
        return narrower
    while "-" in wanted:
        wanted = wanted.rpartition("-")[0]
        if wanted in tags:
            return tags[wanted]
    return None
