"""The forms of a credential, as `POST /platforms` takes them and as they lie encrypted in the store.

`{"kind": "header", "name", "value"}`, `{"kind": "bearer", "token"}`, `{"kind": "basic", "username", "password"}`,
`{"kind": "oauth2", "token_url", "client_id", "client_secret", …}` (RFC 6749 §4.4, §4.3),
`{"kind": "keystone", "url", "username", "password", "domain", …}` (OpenStack Identity v3, as FIWARE platforms have it),
`{"kind": "certificate", "certificate", "key", …}` (mutual TLS, PEM), `{"kind": "headers", "headers": {name: value}}`
(several headers, as a contextSourceInfo may have them).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.exchange import NO_ACCESS, Access
from adapters.upstream import Upstream
from schemas.errors import BadRequestData

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Form:
    """The members of a kind of credential; those of `in_header` stand in a request header as they are."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    in_header: tuple[str, ...] = ()
    lines: bool = False
    """Members may have line breaks (PEM)."""


FORMS: Mapping[str, Form] = {
    "header": Form(("name", "value"), in_header=("value",)),
    "bearer": Form(("token",), in_header=("token",)),
    "basic": Form(("username", "password")),
    "oauth2": Form(
        ("token_url", "client_id", "client_secret"),
        ("scope", "audience", "username", "password", "client_auth", "header"),
    ),
    "keystone": Form(("url", "username", "password", "domain"), ("project",)),
    "certificate": Form(("certificate", "key"), ("password",), lines=True),
    "headers": Form(("headers",)),
}
_MOST_HEADERS = 50
_WITH = "with"
"""A certificate may have another credential beside it."""


def check(credential: Mapping[str, Any] | None, field: str = "credential") -> None:
    """BadRequestData names what is missing, wrong or unknown; never with its value."""
    if not credential:
        return
    kind = str(credential.get("kind"))
    form = FORMS.get(kind)
    if form is None:
        kinds = "; ".join(f"{k} ({', '.join(f.needed)})" for k, f in FORMS.items())
        raise BadRequestData(f"a credential is of kind {kinds}", field=f"{field}.kind", value=kind)
    if kind == "headers":
        _check_headers(credential, field)
        return
    for name in (*form.needed, *(o for o in form.optional if o in credential)):
        _check_value(kind, form, name, credential.get(name), field)
    known = {"kind", *form.needed, *form.optional, *([_WITH] if kind == "certificate" else [])}
    unknown = sorted(set(credential) - known)
    if unknown:
        raise BadRequestData(f"a {kind} credential has no such member", field=f"{field}.{unknown[0]}")
    for name in ("name", "header"):
        if name in credential and not _TOKEN.fullmatch(credential[name]):
            raise BadRequestData(f"the {name} can't stand in a request header", field=f"{field}.{name}")
    for name in ("token_url", "url"):
        if name in form.needed and not credential[name].startswith(("http://", "https://")):
            raise BadRequestData("an address begins with http:// or https://", field=f"{field}.{name}")
    if credential.get("client_auth", "basic") not in ("basic", "post"):
        raise BadRequestData("client_auth is basic or post", field=f"{field}.client_auth")
    if kind == "oauth2" and ("username" in credential) != ("password" in credential):
        raise BadRequestData("username and password come together", field=f"{field}.password")
    if kind == "certificate":
        _check_certificate(credential, field)


def _check_value(kind: str, form: Form, name: str, value: object, field: str) -> None:
    good = isinstance(value, str) and 0 < len(value) <= _LONGEST and (form.lines or value.isprintable())
    if not good:
        article = "an" if kind == "oauth2" else "a"
        raise BadRequestData(f"{article} {kind} credential needs a printable {name}", field=f"{field}.{name}")
    if name in form.in_header and not str(value).isascii():
        raise BadRequestData(f"the {name} can't stand in a request header", field=f"{field}.{name}")


def _check_headers(credential: Mapping[str, Any], field: str) -> None:
    given = credential.get("headers")
    if not isinstance(given, Mapping) or not 0 < len(given) <= _MOST_HEADERS or set(credential) != {"kind", "headers"}:
        raise BadRequestData("a headers credential has an object of headers, no more", field=f"{field}.headers")
    for name, value in given.items():
        check({"kind": "header", "name": name, "value": value}, f"{field}.headers")


def _check_certificate(credential: Mapping[str, Any], field: str) -> None:
    from adapters.credentials.certificate import context_of

    context_of(credential, None, field)
    beside = credential.get(_WITH)
    if beside is None:
        return
    if not isinstance(beside, Mapping) or beside.get("kind") == "certificate":
        raise BadRequestData("beside a certificate stands a credential of another kind", field=f"{field}.{_WITH}")
    check(beside, f"{field}.{_WITH}")


def access_of(credential: Mapping[str, Any] | None, upstream: Upstream) -> Access:
    """What goes along with requests to the platform. BadRequestData as of `check`; nothing is asked of anybody yet."""
    check(credential)
    return _access(credential, upstream) if credential else NO_ACCESS


def _access(credential: Mapping[str, Any], upstream: Upstream) -> Access:
    match credential["kind"]:
        case "header":
            return Access({credential["name"].lower(): credential["value"]})
        case "headers":
            return Access({name.lower(): value for name, value in credential["headers"].items()})
        case "bearer":
            return Access({"authorization": f"Bearer {credential['token']}"})
        case "basic":
            pair = f"{credential['username']}:{credential['password']}"
            return Access({"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"})
        case "oauth2":
            # Authlib is loaded only where a platform wants it
            from adapters.credentials.oauth2 import OAuth2Grant
            from adapters.credentials.tokens import Tokens

            return Access(login=Tokens(OAuth2Grant(credential, upstream)))
        case "keystone":
            from adapters.credentials.keystone import KeystoneGrant
            from adapters.credentials.tokens import Tokens

            return Access(login=Tokens(KeystoneGrant(credential, upstream)))
        case _:
            from adapters.credentials.certificate import context_of

            beside = credential.get(_WITH)
            other = _access(beside, upstream) if beside else NO_ACCESS
            return Access(other.headers, other.login, context_of(credential, upstream.ca_file))
