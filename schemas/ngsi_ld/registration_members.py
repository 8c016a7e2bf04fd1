"""Members of a registration beside its information (clauses 5.2.9, 5.2.11, 5.2.22, 5.2.34, 4.3.6.6): checked, and what
they say of how operations are distributed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from schemas.distinguished_name import SUBJECT_HEADER
from schemas.errors import BadRequestData
from schemas.ngsi_ld.geometry import GEOMETRIES, GeometryError, check
from schemas.ngsi_ld.instants import is_datetime, read_datetime
from schemas.ngsi_ld.names import is_scope, is_uri
from schemas.ngsi_ld.operations import AUXILIARY, GROUPS, OPERATIONS
from schemas.platform import Distribution, Mode

MAX_MS: Final = 86_400_000
MAX_PAIRS: Final = 50
HIDDEN: Final = "***"
"""Stands for a value of contextSourceInfo that is a secret."""
FROM_REQUEST: Final = "urn:ngsi-ld:request"
"""A value of contextSourceInfo that is to be had from the request that is sent on (clause 4.3.6.5)."""
READ_ONLY: Final = frozenset(
    {"status", "timesSent", "timesFailed", "lastFailure", "lastSuccess", "createdAt", "modifiedAt"}
)
INTERVALS: Final = ("observationInterval", "managementInterval")
KNOWN: Final = READ_ONLY | {
    *("id", "type", "endpoint", "information", "contextSourceInfo", "contextSourceAlias", "description", "datasetId"),
    *("expiresAt", "location", "management", "mode", "observationSpace", "operations", "operationSpace"),
    *("refreshRate", "registrationName", "scope", "tenant", "@context"),
    *INTERVALS,
}
"""Whatever else a registration has is a property of the Context Source's own."""

_DURATION = re.compile(
    r"P(?=.)(?:(?P<Y>\d{1,4})Y)?(?:(?P<M>\d{1,4})M)?(?:(?P<W>\d{1,5})W)?(?:(?P<D>\d{1,6})D)?"
    r"(?:T(?=.)(?:(?P<h>\d{1,7})H)?(?:(?P<m>\d{1,9})M)?(?:(?P<s>\d{1,10}(?:\.\d{1,6})?)S)?)?"
)
_SECONDS = {"Y": 31_536_000, "M": 2_592_000, "W": 604_800, "D": 86_400, "h": 3600, "m": 60, "s": 1}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PSEUDONYM = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z:\[\]-]+")
_SECRET = re.compile(r"auth|cookie|token|secret|passw|credential|key$", re.IGNORECASE)
_MEDIA = ("application/json", "application/ld+json")
_CONNECTION = frozenset(
    {
        *("host", "connection", "content-length", "content-encoding", "content-type", "transfer-encoding", "te"),
        *("trailer", "upgrade", "keep-alive", "expect", "accept-encoding", "via", "x-request-id", "link"),
        *("ngsild-tenant", "prefer", "range"),
    }
)
"""What sets up a connection or belongs to one exchange is not to be overridden, and ignored (clause 4.3.6.5)."""


def geometry(value: object, field: str) -> dict[str, Any]:
    """A GeoJSON geometry as it was given; BadRequestData names `field`."""
    if isinstance(value, dict) and value.get("type") in GEOMETRIES:
        try:
            check(value["type"], value.get("coordinates"))
        except GeometryError as e:
            raise BadRequestData(f"no GeoJSON geometry: {e}", field=field, clause="4.7") from None
        return value
    raise BadRequestData("no GeoJSON geometry", field=field, clause="4.7")


def text_of(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise BadRequestData("a text that is not empty", field=name, value=value, clause="5.2.9")
    return value


def mode_of(document: Mapping[str, Any]) -> Mode:
    mode = document.get("mode", "inclusive")
    try:
        return Mode(mode)
    except ValueError:
        raise BadRequestData(
            "inclusive, exclusive, redirect or auxiliary", field="mode", value=mode, clause="4.3.6.3"
        ) from None


def distribution_of(document: Mapping[str, Any], mode: Mode, now: datetime | None) -> Distribution:
    """How operations are distributed, by all members that say something of it; and the check of those that say
    something else. `now`: what has expired by then is refused; None where it may have."""
    for member in ("location", "observationSpace", "operationSpace"):
        if document.get(member) is not None:
            geometry(document[member], member)
    for member in INTERVALS:
        _interval(document.get(member), member)
    if document.get("refreshRate") is not None:
        duration_ms(document["refreshRate"], "refreshRate")
    for scope in _listed(document.get("scope")):
        if not is_scope(scope):
            raise BadRequestData("a scope is like /Tokyo/Minato", field="scope", value=scope, clause="4.18")
    management = document.get("management") or {}
    alias = text_of(document, "contextSourceAlias")
    if alias is not None and not _PSEUDONYM.fullmatch(alias):
        raise BadRequestData("a pseudonym as RFC 7230 has it", field="contextSourceAlias", value=alias, clause="5.2.9")
    cooldown = _milliseconds(management, "cooldown")
    cache = management.get("cacheDuration")
    return Distribution(
        operations=_operations(document.get("operations"), mode),
        alias=alias,
        local_only=_boolean(management, "localOnly", "management.localOnly") or _boolean(document, "localOnly"),
        cooldown_ms=cooldown,
        cache_ms=None if cache is None else duration_ms(cache, "management.cacheDuration"),
        expires_at=_expiry(document.get("expiresAt"), now),
        info=tuple((k, v) for k, v in info_of(document.get("contextSourceInfo")) if not is_secret(k)),
        datasets=_datasets(document.get("datasetId")),
        temporal=any(document.get(member) is not None for member in INTERVALS),
    )


def timeout_of(document: Mapping[str, Any], most: int) -> int:
    """Milliseconds that the source has for one request, at most `most`: what is asked for is a recommendation."""
    management = document.get("management")
    if management is not None and not isinstance(management, dict):
        raise BadRequestData("an object", field="management", clause="5.2.34")
    timeout = (management or {}).get("timeout", 3000)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise BadRequestData("milliseconds, more than 0", field="management.timeout", value=timeout, clause="5.2.34")
    return min(max(1, round(timeout)), most)


def info_of(value: object) -> list[tuple[str, str]]:
    """The pairs of a contextSourceInfo that are conveyed, names in lower case (clauses 4.3.6.5, 4.3.6.6)."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_PAIRS:
        raise BadRequestData(f"a list of at most {MAX_PAIRS} pairs", field="contextSourceInfo", clause="5.2.22")
    found: dict[str, str] = {}
    for n, pair in enumerate(value):
        at = f"contextSourceInfo[{n}]"
        key, said = (pair.get("key"), pair.get("value")) if isinstance(pair, dict) else (None, None)
        if not isinstance(key, str) or not _TOKEN.fullmatch(key):
            raise BadRequestData("a key is the name of a header", field=at + ".key", clause="5.2.22")
        if not isinstance(said, str) or not said.isprintable() or not said.isascii() or len(said) > 8192:
            raise BadRequestData("a value is printable ASCII text", field=at + ".value", clause="5.2.22")
        name = key.lower()
        _check_processed(name, said, at + ".value")
        if said == FROM_REQUEST and (is_secret(name) or name == SUBJECT_HEADER):
            raise BadRequestData(
                "the credential of who asks us is never sent on; give the source's own",
                field=at + ".value",
                value=said,
                clause="4.3.6.5",
            )
        if name not in _CONNECTION:
            found[name] = said
    return list(found.items())


def is_secret(name: str) -> bool:
    """Whether a header of this name is likely to hold a credential."""
    return _SECRET.search(name) is not None


def secrets_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The headers of contextSourceInfo that are kept as a credential; not what only stands for one that is kept."""
    return {k: v for k, v in info_of(document.get("contextSourceInfo")) if is_secret(k) and v != HIDDEN}


def shown_info(value: list[dict[str, str]]) -> list[dict[str, str]]:
    """A contextSourceInfo to be stored and shown: without secrets."""
    return [{**pair, "value": HIDDEN} if is_secret(pair["key"]) else pair for pair in value]


def _check_processed(name: str, said: str, field: str) -> None:
    if name in ("accept", "contenttype") and said not in _MEDIA:
        raise BadRequestData(f"one of {', '.join(_MEDIA)}", field=field, value=said, clause="4.3.6.6")
    if name == "jsonldcontext" and not re.fullmatch(r"https?://\S+", said):
        raise BadRequestData("the URL of an @context", field=field, value=said, clause="4.3.6.6")
    if name == "ngsildconformance" and not re.fullmatch(r"\d{1,2}\.\d{1,2}", said):
        raise BadRequestData("major.minor, such as 1.5", field=field, value=said, clause="4.3.6.6")


def _operations(value: object, mode: Mode) -> tuple[str, ...]:
    if value is None:
        return ("retrieveOps",) if mode is Mode.AUXILIARY else ()
    if not isinstance(value, list) or not value:
        raise BadRequestData("a list of names of operations", field="operations", value=value, clause="4.20")
    for name in value:
        if not isinstance(name, str) or (name not in OPERATIONS and name not in GROUPS):
            raise BadRequestData("no such operation or group", field="operations", value=name, clause="4.20")
    if mode is Mode.AUXILIARY and not AUXILIARY.issuperset(value):
        raise BadRequestData(
            f"auxiliary registrations offer {', '.join(sorted(AUXILIARY))} only", field="operations", clause="5.9.2.4"
        )
    return tuple(dict.fromkeys(value))


def _interval(value: object, field: str) -> None:
    if value is None:
        return
    if not isinstance(value, dict) or not is_datetime(value.get("startAt")):
        raise BadRequestData("an object with startAt, a DateTime", field=field, clause="5.2.11")
    if "endAt" in value and not is_datetime(value["endAt"]):
        raise BadRequestData("a DateTime", field=field + ".endAt", value=value["endAt"], clause="5.2.11")


def _expiry(value: object, now: datetime | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not is_datetime(value):
        raise BadRequestData("a DateTime in UTC", field="expiresAt", value=value, clause="5.2.9")
    instant = read_datetime(value)
    if now is not None and instant is not None and instant <= now:
        raise BadRequestData("it is in the past", field="expiresAt", value=value, clause="5.9.2.4")
    return value


def duration_ms(value: object, field: str) -> int:
    """An ISO 8601 duration in milliseconds; months of 30 days, years of 365."""
    seen = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 60 else None
    if seen is None:
        raise BadRequestData("an ISO 8601 duration such as PT5M", field=field, value=value, clause="5.2.9")
    return round(sum(float(n) * _SECONDS[unit] for unit, n in seen.groupdict().items() if n is not None) * 1000)


def _milliseconds(management: object, name: str) -> int | None:
    value = management.get(name) if isinstance(management, dict) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_MS:
        raise BadRequestData(
            f"milliseconds, more than 0 and at most {MAX_MS}", field=f"management.{name}", value=value, clause="5.2.34"
        )
    return max(1, round(value))


def _boolean(holder: object, name: str, field: str = "") -> bool:
    value = holder.get(name, False) if isinstance(holder, Mapping) else False
    if not isinstance(value, bool):
        raise BadRequestData("true or false", field=field or name, value=value, clause="5.2.34")
    return value


def _datasets(value: object) -> frozenset[str]:
    found = _listed(value)
    for one in found:
        if one != "@none" and not is_uri(one):
            raise BadRequestData("URIs and @none", field="datasetId", value=one, clause="5.2.9")
    return frozenset(found)


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
