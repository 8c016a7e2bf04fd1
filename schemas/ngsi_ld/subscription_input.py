"""Subscriptions as clients send them, to the form in which they are stored: checked, every name an IRI (clauses 5.2.12
to 5.2.14, 5.8.1, 5.8.2). Pure; `subscription.parse` makes of it what matching and notifying need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.instants import is_datetime, read_datetime
from schemas.ngsi_ld.language import read_language
from schemas.ngsi_ld.model import NULL
from schemas.ngsi_ld.names import is_uri
from schemas.ngsi_ld.projection import parse_projection
from schemas.ngsi_ld.q import Q, parse_q
from schemas.ngsi_ld.query_object import read_query_object
from schemas.ngsi_ld.scope import parse_scope_query
from schemas.ngsi_ld.subscription_params import read_notification
from schemas.ngsi_ld.subscription_values import MAX_NAMES, bad, flag_of, names_of, text_of
from schemas.ngsi_ld.temporal_params import PROPERTIES

TYPE: Final = "Subscription"
TRIGGERS: Final = (
    *("entityCreated", "entityUpdated", "entityDeleted"),
    *("attributeCreated", "attributeUpdated", "attributeDeleted"),
)
MAX_SECONDS: Final = 366 * 86_400.0
_TEMPORAL: Final = frozenset({"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "type"})
_OUTPUT: Final = frozenset({"status", "createdAt", "modifiedAt"})
_KEYWORDS: Final = {"@id": "id", "@type": "type"}
_VERSION: Final = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")

Json = dict[str, Any]


def read_subscription(given: object, context: Context, *, now: datetime) -> Json:
    """A whole subscription; without an id where none was given. BadRequestData names the member."""
    stored = _members(given, context, now, nulls=False)
    if "type" not in stored:
        raise bad("type", f"it is {TYPE}", None)
    return _checked(stored)


def apply_fragment(stored: Mapping[str, Any], given: object, context: Context, *, now: datetime) -> Json:
    """The stored subscription as a fragment leaves it (clause 5.8.2.4): members that are given replace those that are
    there, null takes one away. BadRequestData names the member."""
    changed = _members(given, context, now, nulls=True)
    if changed.get("id", stored["id"]) != stored["id"]:
        raise bad("id", "it can't be changed", changed["id"])
    if "q" in changed or "expandValues" in changed or "jsonKeys" in changed:
        # what the values of q mean hangs together
        changed.setdefault("qNamed", None)
    if _ends(stored, now) and "isActive" not in changed and changed.get("expiresAt") is not None:
        # clause 5.8.2.4: with another end it goes on, whatever was said of it while it was over
        changed["isActive"] = None
    merged = {**stored, **changed}
    return _checked({name: value for name, value in merged.items() if value is not None})


def _ends(stored: Mapping[str, Any], now: datetime) -> bool:
    """Whether it has expired."""
    end = read_datetime(str(stored.get("expiresAt", "")))
    return end is not None and end <= now


def _members(given: object, context: Context, now: datetime, *, nulls: bool) -> Json:
    if not isinstance(given, dict):
        raise bad("body", "a subscription is a JSON object", None)
    read: Json = {}
    for name, value in given.items():
        member = str(_KEYWORDS.get(name, name))
        if member == "@context" or member in _OUTPUT:
            continue
        if nulls and (value is None or value == NULL):
            read[member] = None
            continue
        reader = _MEMBERS.get(member)
        if reader is None:
            raise bad(member[:80], "a subscription has no such member", None)
        read[member] = reader(member, value, context)
    ends = read.get("expiresAt")
    if ends is not None and (end := read_datetime(ends)) is not None and end <= now:
        raise bad("expiresAt", "it lies in the past", ends, "5.8.1.4")
    if read.get("q") is not None:
        read["qNamed"] = _named_q(read, context)
    return read


def _named_q(read: Mapping[str, Any], context: Context) -> Json:
    """q with its names as IRIs, which needs no @context to be read again."""
    literal = _listed("jsonKeys", read.get("jsonKeys") or "", context)
    expand = [n for n in _listed("expandValues", read.get("expandValues") or "", context) if n not in literal]
    q = query_in_body(read["q"], context, expand).rename(context.expand)
    return {"text": q.text, "expandValues": sorted(q.expand_values)}


def query_in_body(text: str, context: Context, expand_values: Sequence[str]) -> Q:
    """q as it stands in a body: percent-encoded as in a URI, which is how clause 4.9 has it and what clients send, or
    plain. BadRequestData."""
    decoded = unquote(text)
    if decoded != text:
        try:
            return parse_q(decoded, context=context, expand_values=expand_values)
        except BadRequestData:
            # a name may need its encoding
            pass
    return parse_q(text, context=context, expand_values=expand_values)


def _checked(stored: Json) -> Json:
    if stored.get("type") != TYPE:
        raise bad("type", f"it is {TYPE}", stored.get("type"))
    if "notification" not in stored:
        raise bad("notification", "a subscription says how it notifies", None)
    local = stored.get("localOnly") is True
    if "entities" not in stored and not local and ("watchedAttributes" not in stored or "timeInterval" in stored):
        raise bad("entities", "it or watchedAttributes is needed (with timeInterval: it), or localOnly", None)
    if "timeInterval" in stored:
        for name in ("watchedAttributes", "throttling"):
            if name in stored:
                raise bad(name, "it does not go with timeInterval", None)
    if stored.get("localOnly") is False and any(one["type"] == "*" for one in stored.get("entities", ())):
        raise bad("localOnly", "a type of * is local by itself", None, "5.2.33")
    for name in ("expandValues", "jsonKeys"):
        if name in stored and "q" not in stored:
            raise bad(name, "it goes only with q", None)
    if "q" not in stored:
        stored.pop("qNamed", None)
    elif "qNamed" not in stored:
        raise bad("q", "expandValues and jsonKeys are changed together with q", None)
    return stored


# --- members --------------------------------------------------------------------------------------------------------


def _id(name: str, value: object, context: Context) -> str:
    if not is_uri(value):
        raise bad(name, "it is a URI", value)
    return value


def _type(name: str, value: object, context: Context) -> str:
    if value != TYPE:
        raise bad(name, f"it is {TYPE}", value)
    return TYPE


def _entities(name: str, value: object, context: Context) -> list[Json]:
    _, selectors = read_query_object({"type": "Query", name: value}, context)
    made: list[Json] = []
    for given, selector in zip(value if isinstance(value, list) else (), selectors, strict=True):
        types = selector.types
        one: Json = {"type": "*" if types is None else types.rename(context.expand).text}
        made.append(one | {member: given[member] for member in ("id", "idPattern") if member in given})
    return made


def _triggers(name: str, value: object, context: Context) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one in TRIGGERS for one in value):
        raise bad(name, f"an array of {', '.join(TRIGGERS)}", None)
    return list(dict.fromkeys(value))


def _seconds(name: str, value: object, context: Context) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_SECONDS:
        raise bad(name, "seconds, more than 0 and at most a year", value)
    return value


def _instant(name: str, value: object, context: Context) -> str:
    if not isinstance(value, str) or not is_datetime(value):
        raise bad(name, "it is a DateTime in UTC", value, "4.6.3")
    return value


def _q(name: str, value: object, context: Context) -> str:
    text = text_of(name, value, context)
    query_in_body(text, context, ())
    return text


def _csf(name: str, value: object, context: Context) -> Json:
    text = text_of(name, value, context)
    try:
        named = query_in_body(text, context, ()).rename(context.expand).text
    except BadRequestData as error:
        raise bad(name, error.detail, None, "4.9") from None
    return {"text": text, "named": named}


def _geo(name: str, value: object, context: Context) -> Json:
    params, _ = read_query_object({"type": "Query", "geoQ": value}, context)
    for member in ("georel", "geometry", "coordinates"):
        if member not in params:
            raise bad(f"geoQ.{member}", "a geoquery needs it", None, "5.2.13")
    parse_geo(params["georel"], params["geometry"], params["coordinates"])
    given: Json = dict(value) if isinstance(value, dict) else {}
    given.pop("type", None)
    if "geoproperty" in given:
        given["geoproperty"] = context.expand(params["geoproperty"])
    return given


def _scope(name: str, value: object, context: Context) -> str:
    text = text_of(name, value, context)
    parse_scope_query(text)
    return text


def _temporal(name: str, value: object, context: Context) -> Json:
    if not isinstance(value, dict):
        raise bad(name, "it is an object", None, "5.2.21")
    for member in value:
        if member not in _TEMPORAL:
            raise bad(f"{name}.{member[:80]}", "it has no such member here", None, "5.2.21")
    relation = value.get("timerel")
    if relation not in ("before", "after", "between"):
        raise bad(f"{name}.timerel", "it is before, after or between", relation, "4.11")
    for member in ("timeAt", "endTimeAt") if relation == "between" else ("timeAt",):
        _instant(f"{name}.{member}", value.get(member), context)
    last = value.get("lastN", 1)
    if isinstance(last, bool) or not isinstance(last, int) or last < 1:
        raise bad(f"{name}.lastN", "a whole number, more than 0", last, "5.2.21")
    if value.get("timeproperty", "observedAt") not in PROPERTIES:
        raise bad(f"{name}.timeproperty", f"it is one of {', '.join(PROPERTIES)}", None, "5.2.21")
    return {member: given for member, given in value.items() if member != "type"}


def _datasets(name: str, value: object, context: Context) -> list[str]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_NAMES:
        raise bad(name, "an array of URIs that is not empty", None)
    for one in listed:
        if one != "@none" and not is_uri(one):
            raise bad(name, "each is a URI, or @none", one)
    return listed


def _attribute_list(name: str, value: object, context: Context) -> str:
    """expandValues and jsonKeys: names parted by commas, as in the URI, or an array."""
    text = ",".join(one for one in value if isinstance(one, str)) if isinstance(value, list) else value
    _listed(name, text_of(name, text, context), context)
    return str(text)


def _listed(name: str, text: str, context: Context) -> tuple[str, ...]:
    return parse_projection(text, field=name, context=context) if text else ()


def _address(name: str, value: object, context: Context) -> str:
    if not is_uri(value) or not value.lower().startswith(("http://", "https://")):
        raise bad(name, "it is the http(s) address of an @context", value)
    return value


def _language(name: str, value: object, context: Context) -> str:
    return read_language(text_of(name, value, context)) or ""


def _conformance(name: str, value: object, context: Context) -> str:
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise bad(name, "a version such as 1.9", value)
    return value


Reader = Callable[[str, object, Context], Any]

_MEMBERS: Final[Mapping[str, Reader]] = {
    "id": _id,
    "type": _type,
    "subscriptionName": text_of,
    "description": text_of,
    "entities": _entities,
    "watchedAttributes": names_of,
    "notificationTrigger": _triggers,
    "timeInterval": _seconds,
    "q": _q,
    "expandValues": _attribute_list,
    "jsonKeys": _attribute_list,
    "geoQ": _geo,
    "scopeQ": _scope,
    "csf": _csf,
    "temporalQ": _temporal,
    "isActive": flag_of,
    "expiresAt": _instant,
    "throttling": _seconds,
    "lang": _language,
    "jsonldContext": _address,
    "datasetId": _datasets,
    "localOnly": flag_of,
    "splitEntities": flag_of,
    "ngsildConformance": _conformance,
    "notification": read_notification,
}
