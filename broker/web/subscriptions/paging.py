"""Pages of subscriptions (clauses 5.5.9.1, 6.3.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from broker.web.endpoint import Call
from broker.web.negotiation import Media
from schemas.errors import BadRequestData, InvalidRequest
from schemas.ngsi_ld.params import MAX_LIMIT, MAX_OFFSET


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    offset: int
    count: bool


def page_of(params: Mapping[str, str]) -> Page:
    """BadRequestData and InvalidRequest name the parameter."""
    count = params.get("count", "false")
    if count not in ("true", "false"):
        raise InvalidRequest("count is true or false", field="count", value=count)
    limit = _whole(params, "limit", 20, MAX_LIMIT)
    if limit == 0 and count != "true":
        raise BadRequestData("limit=0 goes only with count=true", field="limit", value="0", clause="6.3.10")
    return Page(limit, _whole(params, "offset", 0, MAX_OFFSET), count == "true")


def page_links(call: Call, page: Page, total: int, media: Media) -> str:
    """`next` and `prev`, with everything else as it was asked."""
    links = []
    if page.limit and page.offset + page.limit < total:
        links.append(_link(call, page.offset + page.limit, page.limit, "next", media))
    if page.offset > 0 and page.limit:
        links.append(_link(call, max(0, page.offset - page.limit), page.limit, "prev", media))
    return ", ".join(links)


def _link(call: Call, offset: int, limit: int, rel: str, media: Media) -> str:
    raw = call.scope["query_string"].decode("latin-1")
    kept = [p for p in raw.split("&") if p and p.partition("=")[0] not in ("offset", "limit")]
    # what is not ASCII or could end the reference is encoded; what is encoded already stays
    query = quote("&".join([*kept, f"limit={limit}", f"offset={offset}"]), safe="&=%,;:|!~()[].*'+$@/?")
    return f'<{call.scope["path"].rstrip("/")}?{query}>; rel="{rel}"; type="{media}"'


def _whole(params: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12) or int(text) > most:
        raise BadRequestData(f"{name} is a whole number from 0 to {most}", field=name, value=text, clause="6.3.10")
    return int(text)
