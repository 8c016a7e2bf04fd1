"""Subscriptions at an NGSI-LD platform (clause 5.8): made, changed and ended under an id that we choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from adapters.contract import SourceContext
from adapters.status import raise_for_status
from adapters.upstream import Upstream


async def subscribe(
    upstream: Upstream, root: str, headers: Mapping[str, str], document: Mapping[str, Any], ctx: SourceContext
) -> None:
    """Make it; one that is there already is changed, so that it may be asked again."""
    body = orjson.dumps(document)
    answer = await upstream.request("POST", root, ctx=ctx, headers=_said(headers), body=body, again=True)
    if answer.status == 409:
        fragment = orjson.dumps({name: value for name, value in document.items() if name not in ("id", "type")})
        target = f"{root}/{quote(document['id'], safe=':')}"
        answer = await upstream.request("PATCH", target, ctx=ctx, headers=_said(headers), body=fragment, again=True)
    raise_for_status(answer)


async def unsubscribe(upstream: Upstream, root: str, headers: Mapping[str, str], name: str, ctx: SourceContext) -> None:
    """End it; that it is not there is as good."""
    target = f"{root}/{quote(name, safe=':')}"
    answer = await upstream.request("DELETE", target, ctx=ctx, headers=headers, again=True)
    if answer.status != 404:
        raise_for_status(answer)


def _said(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "content-type": "application/json"}
