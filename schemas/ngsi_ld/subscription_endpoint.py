"""Where notifications go: the Endpoint of a subscription (clauses 5.2.15, 5.2.22, 6.3.8, 7.2). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from schemas.errors import BadRequestData
from schemas.ngsi_ld.names import encodable, is_uri, printable

CLAUSE: Final = "5.2.15"
MAX_URI: Final = 2048
MAX_PAIRS: Final = 64
MAX_MILLISECONDS: Final = 3_600_000
MEDIA: Final = ("application/json", "application/ld+json", "application/geo+json")
_HTTP: Final = frozenset({"http", "https"})
_MQTT: Final = frozenset({"mqtt", "mqtts"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE: Final = re.compile(r"[\t -~\x80-\xff]{0,8192}")
_OURS: Final = frozenset(
    {
        *("host", "content-length", "content-type", "transfer-encoding", "connection", "keep-alive", "upgrade"),
        *("te", "trailer", "expect", "proxy-connection", "accept-encoding", "via", "ngsild-tenant"),
    }
)
"""Headers that the exchange itself has: whoever could set them could say two things at once to the receiver."""
QOS: Final = "MQTT-QoS"
VERSION: Final = "MQTT-Version"
_NOTIFIER: Final = {QOS: ("0", "1", "2"), VERSION: ("mqtt3.1.1", "mqtt5.0")}


class MqttTarget(NamedTuple):
    """`tls`: mqtts. `version`: "mqtt3.1.1" or "mqtt5.0"."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None
    topic: str
    qos: int
    version: str


def read_endpoint(given: object) -> dict[str, Any]:
    """The Endpoint as it is stored. BadRequestData names the member."""
    if not isinstance(given, dict):
        raise _bad("", "a notification has an endpoint, an object with a uri", None)
    stored: dict[str, Any] = {}
    for name, value in given.items():
        if name == "uri":
            continue
        reader = _MEMBERS.get(name)
        if reader is None:
            raise _bad(name[:80], "an endpoint has no such member", None)
        stored[name] = reader(name, value)
    uri = given.get("uri")
    scheme = uri.partition(":")[0].lower() if isinstance(uri, str) else ""
    if not is_uri(uri) or len(uri) > MAX_URI or scheme not in _HTTP | _MQTT:
        raise _bad("uri", "it is a URI that begins with http, https, mqtt or mqtts", uri)
    if scheme in _HTTP:
        _check_http(uri, stored)
    else:
        _check_mqtt(uri, stored)
    return {"uri": uri, **stored}


def is_mqtt(endpoint: Mapping[str, Any]) -> bool:
    return str(endpoint["uri"]).partition(":")[0].lower() in _MQTT


def mqtt_target(endpoint: Mapping[str, Any]) -> MqttTarget:
    """What clause 7.2 makes of an endpoint that `read_endpoint` has passed: `mqtt[s]://[user[:password]@]host[:port]/topic`,
    QoS 0 and version 5 by default."""
    parts = urlsplit(str(endpoint["uri"]))
    info = pairs(endpoint.get("notifierInfo"))
    tls = parts.scheme.lower() == "mqtts"
    return MqttTarget(
        host=parts.hostname or "",
        port=parts.port or (8883 if tls else 1883),
        tls=tls,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        topic=unquote(parts.path.removeprefix("/")),
        qos=int(info.get(QOS, "0")),
        version=info.get(VERSION, "mqtt5.0"),
    )


def pairs(given: Any) -> dict[str, str]:
    """An array of KeyValuePair as a mapping; of equal keys the last stays."""
    return {one["key"]: one["value"] for one in given or ()}


def _check_http(uri: str, stored: Mapping[str, Any]) -> None:
    try:
        parts = urlsplit(uri)
        good = bool(parts.hostname) and parts.port != 0 and uri.isascii()
    except ValueError:
        good = False
    if not good:
        raise _bad("uri", "it names no host, or has characters that must be percent-encoded", uri)
    if parts.username is not None:
        raise _bad("uri", "it has no user name; send authorization as receiverInfo", None)
    for one in stored.get("receiverInfo", ()):
        if not _TOKEN.fullmatch(one["key"]) or one["key"].lower() in _OURS:
            raise _bad("receiverInfo.key", "it is no header's name, or one that can't be set", one["key"])
        if not _VALUE.fullmatch(one["value"]):
            raise _bad("receiverInfo.value", f"it can't stand in the header {one['key']}", None)


def _check_mqtt(uri: str, stored: Mapping[str, Any]) -> None:
    try:
        parts = urlsplit(uri)
        topic = unquote(parts.path.removeprefix("/"), errors="strict")
        good = bool(parts.hostname) and parts.port != 0 and bool(topic)
    except ValueError:
        good, topic = False, ""
    if not good or not encodable(topic) or any(sign in topic for sign in "+#\0") or len(topic.encode()) > 65_535:
        raise _bad("uri", "it is mqtt[s]://[user[:password]@]host[:port]/topic, without wildcards", None)
    info = pairs(stored.get("notifierInfo"))
    for name, values in _NOTIFIER.items():
        if info.get(name, values[0]) not in values:
            raise _bad(f"notifierInfo.{name}", f"it is one of {', '.join(values)}", info[name], "7.2")


def _accept(name: str, value: object) -> str:
    if value not in MEDIA:
        raise _bad(name, f"it is one of {', '.join(MEDIA)}", value)
    return str(value)


def _milliseconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_MILLISECONDS:
        raise _bad(name, f"milliseconds, more than 0 and at most {MAX_MILLISECONDS}", value)
    return value


def _pairs(name: str, value: object) -> list[dict[str, str]]:
    if not isinstance(value, list) or len(value) > MAX_PAIRS:
        raise _bad(name, f"an array of at most {MAX_PAIRS} objects with key and value", None, "5.2.22")
    for one in value:
        if not isinstance(one, dict) or one.keys() != {"key", "value"}:
            raise _bad(name, "each is an object with key and value", None, "5.2.22")
        for member in ("key", "value"):
            if not isinstance(one[member], str) or "\0" in one[member] or not encodable(one[member]):
                raise _bad(f"{name}.{member}", "it is a text", None, "5.2.22")
    return value


_MEMBERS: Final = {
    "accept": _accept,
    "timeout": _milliseconds,
    "cooldown": _milliseconds,
    "receiverInfo": _pairs,
    "notifierInfo": _pairs,
}


def _bad(name: str, what: str, value: object, clause: str = CLAUSE) -> BadRequestData:
    field = "notification.endpoint" + (f".{name}" if name else "")
    shown = printable(value) if isinstance(value, str) else value
    return BadRequestData(f"{field}: {what}.", field=field, value=shown, clause=clause)
