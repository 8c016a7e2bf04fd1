"""A stored subscription as clients see it, in their own @context (clauses 5.2.12, 5.2.14.2). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.errors import KakehashiError
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.model import ENTITY_MEMBERS
from schemas.ngsi_ld.projection import Projection, parse_projection
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.subscription import Status, projection_of
from schemas.ngsi_ld.subscription_input import query_in_body
from schemas.ngsi_ld.types import parse_type_selection

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of the notifications so far. `status`: "ok" or "failed"."""

    times_sent: int = 0
    times_failed: int = 0
    last_notification: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    status: str | None = None


def show(stored: Mapping[str, Any], delivered: Delivered, context: Context, now: datetime, *, triggers: bool) -> Json:
    """The document of a subscription. `triggers`: its default notificationTrigger is shown where none was given."""
    shown: Json = {}
    for name, value in stored.items():
        if name == "qNamed":
            continue
        present = _PRESENT.get(name)
        shown[name] = value if present is None else present(value, context)
    if "q" in stored:
        shown |= _q(stored, context)
    if triggers:
        shown.setdefault("notificationTrigger", ["attributeCreated", "attributeUpdated"])
    shown["notification"] = _notification(stored["notification"], delivered, context)
    shown["status"] = _status(stored, now).value
    return shown


def _status(stored: Mapping[str, Any], now: datetime) -> Status:
    ends = read_datetime(stored["expiresAt"]) if "expiresAt" in stored else None
    if ends is not None and ends <= now:
        return Status.EXPIRED
    return Status.ACTIVE if stored.get("isActive", True) else Status.PAUSED


def _notification(stored: Mapping[str, Any], delivered: Delivered, context: Context) -> Json:
    shown: Json = {}
    for name, value in stored.items():
        if name == "attributes":
            shown[name] = _names(value, context)
        elif name in ("pick", "omit"):
            shown[name] = _projection(projection_of(value), context)
        else:
            shown[name] = value
    for name, count in (("timesSent", delivered.times_sent), ("timesFailed", delivered.times_failed)):
        if count:
            shown[name] = count
    for name, moment in (
        ("lastNotification", delivered.last_notification),
        ("lastSuccess", delivered.last_success),
        ("lastFailure", delivered.last_failure),
    ):
        if moment is not None:
            shown[name] = instant(moment)
    if delivered.status is not None:
        shown["status"] = delivered.status
    return shown


def instant(moment: datetime) -> str:
    """As clause 4.6.3 writes it, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _q(stored: Mapping[str, Any], context: Context) -> Json:
    """q as it was given, unless its names mean something else in this context."""
    named = stored["qNamed"]
    parsed = parse_q(named["text"], expand_values=named["expandValues"])
    try:
        literal = _listed(stored.get("jsonKeys"))
        expand = [name for name in _listed(stored.get("expandValues")) if name not in literal]
        if query_in_body(stored["q"], context, expand).rename(context.expand) == parsed:
            return {"q": stored["q"]}
    except KakehashiError:
        pass
    shown = {"q": parsed.rename(context.compact).text}
    if named["expandValues"]:
        shown["expandValues"] = ",".join(context.compact(name) for name in named["expandValues"])
    return shown


def _listed(given: Any) -> tuple[str, ...]:
    return parse_projection(given, field="expandValues") if given else ()


def _names(value: Sequence[str], context: Context) -> list[str]:
    return [context.compact(name) for name in value]


def _projection(projection: Projection, context: Context) -> list[str]:
    found = []
    for iri in projection.names:
        name = iri if iri in ENTITY_MEMBERS else context.compact(iri)
        inner = _projection(projection.of(iri), context)
        found.append(f"{name}{{{','.join(inner)}}}" if inner else name)
    return found


def _entities(value: Sequence[Mapping[str, Any]], context: Context) -> list[Json]:
    return [{**one, "type": one["type"] if one["type"] == "*" else _types(one["type"], context)} for one in value]


def _types(text: str, context: Context) -> str:
    return parse_type_selection(text).rename(context.compact).text


def _geo(value: Mapping[str, Any], context: Context) -> Json:
    shown = dict(value)
    if "geoproperty" in shown:
        shown["geoproperty"] = context.compact(shown["geoproperty"])
    return shown


def _csf(value: Mapping[str, Any], context: Context) -> str:
    named = parse_q(value["named"])
    try:
        if query_in_body(value["text"], context, ()).rename(context.expand) == named:
            return str(value["text"])
    except KakehashiError:
        pass
    return named.rename(context.compact).text


_PRESENT: Final[Mapping[str, Callable[[Any, Context], Any]]] = {
    "entities": _entities,
    "watchedAttributes": _names,
    "geoQ": _geo,
    "csf": _csf,
}
