"""The notification of a subscription (clause 5.2.14) as it is stored: checked, names as IRIs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.linked import MAX_LEVEL
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.projection import Projection, parse_linked_projection
from schemas.ngsi_ld.subscription import projection_of
from schemas.ngsi_ld.subscription_endpoint import read_endpoint
from schemas.ngsi_ld.subscription_values import bad, flag_of, names_of

FORMATS: Final = ("normalized", "concise", "simplified", "keyValues")
_OUTPUT: Final = frozenset({"lastFailure", "lastNotification", "lastSuccess", "status", "timesFailed", "timesSent"})
_FIXED: Final = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS

Json = dict[str, Any]


def read_notification(name: str, value: object, context: Context) -> Json:
    if not isinstance(value, dict):
        raise bad(name, "it is an object", value, "5.2.14")
    read: Json = {}
    for member, given in value.items():
        if member in _OUTPUT or member in ("type", "@type"):
            continue
        reader = _PARAMS.get(member)
        if reader is None:
            raise bad(f"{name}.{member[:80]}", "a notification has no such member", None, "5.2.14")
        if member != "endpoint":
            read[member] = reader(f"{name}.{member}", given, context)
    read["endpoint"] = read_endpoint(value.get("endpoint"))
    _check_notification(read)
    return read


def _check_notification(read: Mapping[str, Any]) -> None:
    if "attributes" in read and ("pick" in read or "omit" in read):
        raise bad("notification.attributes", "it excludes pick and omit", None, "4.21")
    both = set(projection_of(read.get("pick")).names) & set(projection_of(read.get("omit")).plain)
    if both:
        raise bad("notification.omit", "a member is both picked and omitted", min(both), "4.21")
    if read.get("showChanges") and read.get("format") in ("keyValues", "simplified"):
        raise bad("notification.showChanges", "it does not go with a simplified format", None, "5.2.14.1")
    level = read.get("joinLevel", 1) if read.get("join", "@none") != "@none" else 0
    for member in ("pick", "omit"):
        if projection_of(read.get(member)).depth > level:
            raise bad(f"notification.{member}", "it goes further along Relationships than join does", None, "4.21")


def _plain_names(name: str, value: object, context: Context) -> list[str]:
    names = names_of(name, value, context)
    if isinstance(value, list) and not ENTITY_MEMBERS.isdisjoint(value):
        raise bad(name, "id, type, scope and timestamps are no attributes", None, "5.2.14.1")
    return names


def _projection(name: str, value: object, context: Context) -> Json:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise bad(name, "an array of members that is not empty", None, "4.21")
    return _expanded(parse_linked_projection(",".join(value), field=name), context)


def _expanded(projection: Projection, context: Context) -> Json:
    """As `projection_of` reads it. Text would do if sub-attributes of an IRI could be told from its dots."""

    def expand(name: str) -> str:
        return name if name in _FIXED else context.expand(name)

    made: Json = {"names": list(map(expand, projection.names))}
    if projection.inner:
        made["inner"] = {expand(name): _expanded(inner, context) for name, inner in projection.inner}
    if projection.paths:
        made["paths"] = [list(map(expand, path)) for path in projection.paths]
    return made


def _format(name: str, value: object, context: Context) -> str:
    if value not in FORMATS:
        raise bad(name, f"it is one of {', '.join(FORMATS)}", value, "5.2.14.1")
    return str(value)


def _join(name: str, value: object, context: Context) -> str:
    if value not in ("flat", "inline", "@none"):
        raise bad(name, "it is flat, inline or @none", value, "5.2.14.1")
    return str(value)


def _level(name: str, value: object, context: Context) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LEVEL:
        raise bad(name, f"a whole number from 1 to {MAX_LEVEL}", value, "5.2.14.1")
    return value


def _endpoint(name: str, value: object, context: Context) -> Json:
    return read_endpoint(value)


_PARAMS: Final[Mapping[str, Callable[[str, object, Context], Any]]] = {
    "attributes": _plain_names,
    "pick": _projection,
    "omit": _projection,
    "format": _format,
    "join": _join,
    "joinLevel": _level,
    "showChanges": flag_of,
    "sysAttrs": flag_of,
    "endpoint": _endpoint,
}
