"""Links to other pages of an answer (clauses 5.5.9.1, 6.3.10), for every list of the NGSI-LD API."""

from __future__ import annotations

from urllib.parse import quote

from broker.web.endpoint import Call, Headers
from broker.web.negotiation import Media

_LITERAL = "&=%,;:|!~()[].*'+$@/?"
"""What is not ASCII or could end the reference is encoded; what is encoded already stays."""


def page_links(call: Call, *, offset: int, limit: int, more: bool, media: Media) -> Headers:
    """The Link header with `next` and `prev`, as far as there are such pages: where the question was put, with
    everything else as it was asked. `more`: there is something behind this page."""
    found = []
    if limit and more:
        found.append(_link(call, offset + limit, limit, "next", media))
    if limit and offset:
        found.append(_link(call, max(0, offset - limit), limit, "prev", media))
    return [(b"link", ", ".join(found).encode("latin-1"))] if found else []


def _link(call: Call, offset: int, limit: int, rel: str, media: Media) -> str:
    raw = call.scope["query_string"].decode("latin-1")
    kept = [p for p in raw.split("&") if p and p.partition("=")[0] not in ("offset", "limit")]
    query = quote("&".join([*kept, f"limit={limit}", f"offset={offset}"]), safe=_LITERAL)
    return f'<{call.scope["path"].rstrip("/")}?{query}>; rel="{rel}"; type="{media}"'
