"""The query parameters of a search. Pure; every fault is an InvalidRequest or BadRequestData that names it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.store.catalog_search import FACETS, Filter
from catalog.search.question import parse
from schemas import loose
from schemas.dataset import BBox
from schemas.errors import BadRequestData, InvalidRequest

MOST = 100
_MOST_OFFSET = 100_000
_MOST_VALUES = 20
_SINGLE = frozenset({"q", "bbox", "start", "end", "modified_since", "kind", "sort", "limit", "offset", "facets", "ask"})
SORTS = ("relevance", "modified", "title")


@dataclass(frozen=True, slots=True)
class CatalogQuestion:
    """What is asked of the catalogue. `ask`: also sources that can't be copied."""

    where: Filter
    words: str
    limit: int
    offset: int
    sort: str
    facets: tuple[str, ...]
    ask: bool


def parse_search(parameters: Iterable[tuple[str, str]]) -> CatalogQuestion:
    """An unknown parameter is refused, as a misspelt filter would quietly show everything."""
    single: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in parameters:
        if "\0" in value:
            raise InvalidRequest("a parameter has a NUL character", field=name)
        if name in FACETS:
            values.setdefault(name, []).append(value)
            if len(values[name]) > _MOST_VALUES:
                raise InvalidRequest(f"at most {_MOST_VALUES} values are taken", field=name)
        elif name not in _SINGLE:
            raise InvalidRequest("there is no such parameter", field=name, value=value)
        elif name in single:
            raise InvalidRequest("this parameter may be given once", field=name)
        else:
            single[name] = value
    words = single.get("q", "")
    where = Filter(
        question=parse(words),
        values={name: tuple(given) for name, given in values.items()},
        bbox=_bbox(single),
        start=_time(single, "start", day=True),
        end=_time(single, "end", day=True),
        since=_time(single, "modified_since"),
        live=_live(single),
    )
    if where.start and where.end and where.start > where.end:
        raise BadRequestData("it begins after its end", field="start", value=where.start)
    return CatalogQuestion(
        where=where,
        words=words,
        limit=number(single.get("limit"), "limit", 20, 1, MOST),
        offset=number(single.get("offset"), "offset", 0, 0, _MOST_OFFSET),
        sort=_one_of(single, "sort", SORTS, "relevance"),
        facets=_facets(single),
        ask=_one_of(single, "ask", ("true", "false"), "true") == "true",
    )


def number(text: str | None, name: str, default: int, least: int, most: int) -> int:
    """A whole number within its bounds. InvalidRequest names the parameter."""
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise InvalidRequest(f"a whole number from {least} to {most}", field=name, value=text)
    return int(text)


def _bbox(given: dict[str, str]) -> BBox | None:
    if "bbox" not in given:
        return None
    box = loose.box_of(given["bbox"])
    west, south, east, north = (given["bbox"].split(",") + [""] * 4)[:4]
    if box is None or [float(west), float(south), float(east), float(north)] != list(box):
        raise BadRequestData("a bbox is west,south,east,north in degrees of WGS 84", field="bbox", value=given["bbox"])
    return box


def _time(given: dict[str, str], name: str, *, day: bool = False) -> str | None:
    if name not in given:
        return None
    found = loose.instant(given[name])
    if not found:
        raise BadRequestData("a date (2026-04-01) or a time (RFC 3339)", field=name, value=given[name])
    return found[:10] if day else found


def _live(given: dict[str, str]) -> bool | None:
    kind = _one_of(given, "kind", ("live", "file", "any"), "any")
    return None if kind == "any" else kind == "live"


def _facets(given: dict[str, str]) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(name for name in given.get("facets", "").split(",") if name))
    unknown = [name for name in asked if name not in FACETS]
    if unknown:
        raise BadRequestData(f"there are the facets {', '.join(FACETS)}", field="facets", value=unknown[0])
    return asked


def _one_of(given: dict[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in allowed:
        raise BadRequestData(f"one of {', '.join(allowed)}", field=name, value=value)
    return value
