"""What the owner of a platform is told, and which filters are believed afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.contract import SourceContext
from adapters.exchange import Access
from adapters.ngsi_v2.adapter import NgsiV2Adapter
from broker.demo.orion import create_app
from broker.demo.orion_data import load_file
from broker.demo.orion_store import Store
from schemas.ngsi_ld.context import CORE
from schemas.platform import ProbeResult

Open = Callable[..., Awaitable[NgsiV2Adapter]]
NewContext = Callable[..., SourceContext]
EVERYTHING = {"type", "id", "idPattern", "q", "geo", "attrs", "count", "limit", "order"}


async def probed(opened: Open, new_context: NewContext, app: ASGIApp, **platform: Any) -> ProbeResult:
    headers = platform.pop("credential", {})
    adapter = await opened(app, verified=None, **platform)
    return await adapter.probe(new_context(access=Access(headers)))


# --- a sound platform -------------------------------------------------------------------------------------------------


async def test_takeshiba(opened: Open, new_context: NewContext) -> None:
    result = await probed(opened, new_context, create_app(load_file(None)))
    assert result.ok, result.problem
    assert result.dialect == "Orion 3.10.1 (NGSIv2)"
    assert result.types == tuple(
        sorted(CORE.expand(t) for t in ("CrowdFlowObserved", "EvacuationShelter", "AccessibleToilet"))
    )
    assert result.verified == EVERYTHING
    assert result.page_limit == 1000
    assert result.clock_offset is not None
    assert abs(result.clock_offset) < 5
    words = " ".join(result.findings)
    assert "3 entity types in 17 entities" in words
    assert "urn:ngsi-ld:CrowdFlowObserved:v2:jp.takeshiba.CrowdFlowObserved.pier" in words
    assert "options.datetime_attributes" in words


async def test_names_that_are_none(opened: Open, new_context: NewContext) -> None:
    entity = {"id": "1", "type": "Blesensor.per3600", "n": {"type": "Number", "value": 1}}
    result = await probed(opened, new_context, create_app([entity]))
    assert any("Blesensor_x2E_per3600" in finding for finding in result.findings)
    renamed = await probed(
        opened, new_context, create_app([entity]), options={"names": {"Blesensor.per3600": "BleSensor"}}
    )
    assert not any("no NGSI-LD name" in finding for finding in renamed.findings)
    assert renamed.types == (CORE.expand("BleSensor"),)


async def test_an_empty_tenant_is_said(opened: Open, new_context: NewContext) -> None:
    app = create_app(load_file(None), service="takeshiba")
    result = await probed(opened, new_context, app, tenant="takesiba", service_path="/")
    assert result.ok
    assert result.verified == frozenset()
    assert any("no entity under Fiware-Service takesiba, Fiware-ServicePath /" in f for f in result.findings)


async def test_datasets_in_service_paths(opened: Open, new_context: NewContext) -> None:
    store = Store()
    for n in range(5):
        store.put({"id": f"urn:x:{n}", "type": "Aed", "n": {"value": n}}, "", "/Aed")
    options = {"service_paths": ["Aed:/Aed", "Shelter:/Shelter"]}
    result = await probed(opened, new_context, create_app(store=store), options=options)
    assert result.ok
    assert result.types == (CORE.expand("Aed"),)
    assert "q" in result.verified
    assert any("Fiware-ServicePath /Shelter" in f for f in result.findings)


# --- platforms that do less than they seem to -------------------------------------------------------------------------


def altered(inner: ASGIApp, change: Callable[[dict[str, str]], dict[str, str]]) -> ASGIApp:
    """The platform behind a proxy that changes the parameters."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            params = change(dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)))
            scope = {**scope, "query_string": urlencode(params).encode()}
        await inner(scope, receive, send)

    return app


@pytest.mark.parametrize(
    ("ignored", "unbelieved"),
    [
        ({"type"}, {"type", "count"}),
        ({"id"}, {"id"}),
        ({"idPattern"}, {"idPattern"}),
        ({"q"}, {"q"}),
        ({"georel", "geometry", "coords"}, {"geo"}),
        ({"attrs"}, {"attrs"}),
        ({"offset"}, {"limit"}),
        ({"orderBy"}, {"order"}),
        ({"options"}, {"count"}),
    ],
    ids=lambda names: ",".join(sorted(names)),
)
async def test_what_is_ignored_is_not_believed(
    opened: Open, new_context: NewContext, ignored: set[str], unbelieved: set[str]
) -> None:
    # in another order than that of their ids
    data = sorted(load_file(None), key=lambda entity: str(entity["id"])[::-1])
    app = altered(create_app(data), lambda params: {k: v for k, v in params.items() if k not in ignored})
    result = await probed(opened, new_context, app)
    assert result.ok
    assert EVERYTHING - result.verified == unbelieved
    spoken = unbelieved - {"idPattern", "count", "order"}
    assert all(name in " ".join(result.findings) for name in spoken)


async def test_a_filter_that_loses_entities_is_not_believed(opened: Open, new_context: NewContext) -> None:
    """q that finds nothing at all passes every test of ignoring."""
    app = altered(create_app(load_file(None)), lambda params: {**params, "q": "nothing"} if "q" in params else params)
    result = await probed(opened, new_context, app)
    assert "q" not in result.verified


async def test_locations_that_the_platform_does_not_look_at(opened: Open, new_context: NewContext) -> None:
    data = load_file(None)
    # a location in a type that Orion has no index for
    data[3]["location"] = {"type": "StructuredValue", "value": {"type": "Point", "coordinates": [139.76, 35.65]}}
    result = await probed(opened, new_context, create_app(data))
    assert "geo" not in result.verified
    assert "q" in result.verified


async def test_page_limits_are_learnt(opened: Open, new_context: NewContext) -> None:
    data = [{"id": f"urn:x:{n:04}", "type": "T", "n": {"value": n}} for n in range(130)]
    cut = await probed(opened, new_context, create_app(data, max_limit=30))
    assert cut.page_limit == 30
    assert any("at most 30 entities" in f for f in cut.findings)

    inner = create_app(data)

    async def strict(scope: Scope, receive: Receive, send: Send) -> None:
        params = dict(parse_qsl(scope["query_string"].decode())) if scope["type"] == "http" else {}
        if int(params.get("limit", "20")) > 100:
            refusal = JSONResponse({"error": "BadRequest", "description": "limit"}, 400)
            await refusal(scope, receive, send)
        else:
            await inner(scope, receive, send)

    refused = await probed(opened, new_context, strict)
    assert refused.page_limit == 100
    assert {"q", "type", "limit", "count"} <= refused.verified


async def test_a_clock_that_is_wrong(opened: Open, new_context: NewContext) -> None:
    inner = create_app(load_file(None))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
                message["headers"] = [*message["headers"], (b"date", told.encode())]
            await send(message)

        await inner(scope, receive, dated)

    result = await probed(opened, new_context, app)
    assert result.clock_offset == pytest.approx(90, abs=5)
    assert any("ahead of ours" in f for f in result.findings)


async def test_time_runs_out_while_verifying(opened: Open, new_context: NewContext) -> None:
    """What was seen so far holds."""
    inner = create_app(load_file(None))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and b"georel" in scope["query_string"]:
            await Response("try later", 503)(scope, receive, send)
        else:
            await inner(scope, receive, send)

    result = await probed(opened, new_context, app)
    assert result.ok
    assert {"type", "id", "q"} <= result.verified
    assert "geo" not in result.verified
    assert any("ended early" in f for f in result.findings)


# --- no platform of this kind -----------------------------------------------------------------------------------------


def answering(response: Callable[[], Response], path: str = "/{rest:path}") -> Starlette:
    async def answer(request: Request) -> Response:
        return response()

    return Starlette(routes=[Route(path, answer)])


NGSI_LD = Starlette(
    routes=[
        Route(
            "/ngsi-ld/v1/types",
            lambda request: JSONResponse({"id": "urn:x", "type": "EntityTypeList", "typeList": ["Room"]}),
        )
    ]
)


@pytest.mark.parametrize(
    ("app", "options", "field", "words"),
    [
        (answering(lambda: HTMLResponse("<html>Portal</html>")), {}, "endpoint", "a web page"),
        (answering(lambda: JSONResponse({"a": 1})), {}, "endpoint", "not a list"),
        (answering(lambda: JSONResponse([{"id": 1}])), {}, "endpoint", "can't be read"),
        (answering(lambda: JSONResponse([], 401)), {}, "credential", "API key"),
        (answering(lambda: JSONResponse([], 403)), {}, "credential", "API key"),
        (answering(lambda: JSONResponse([], 503)), {}, "endpoint", "can't be read"),
        (Starlette(), {}, "options.prefix", "/orion/v2.0"),
        (create_app(), {"prefix": "/orion/v2.0"}, "options.prefix", "leave options.prefix out"),
        (NGSI_LD, {}, "adapter", "ngsi_ld"),
        (
            answering(
                lambda: JSONResponse([{"id": "urn:x:1", "type": "T", "n": {"type": "Property", "value": 1}}]),
                "/v2/{rest:path}",
            ),
            {},
            "adapter",
            "ngsi_ld",
        ),
    ],
    ids=["page", "object", "rows", "401", "403", "503", "nothing", "prefix", "broker", "dialect"],
)
async def test_a_problem_names_the_field(
    opened: Open, new_context: NewContext, app: ASGIApp, options: dict[str, Any], field: str, words: str
) -> None:
    result = await probed(opened, new_context, app, options=options)
    assert not result.ok
    assert result.field == field
    assert words in result.problem
    assert result.probed_at.endswith("Z")


async def test_a_wrong_key_then_the_right_one(opened: Open, new_context: NewContext) -> None:
    app = create_app(load_file(None), api_key="right")
    refused = await probed(opened, new_context, app, credential={"apikey": "wrong"})
    assert (refused.ok, refused.field) == (False, "credential")
    assert "wrong" not in refused.problem
    assert (await probed(opened, new_context, app, credential={"apikey": "right"})).ok


async def test_a_wrong_service_path(opened: Open, new_context: NewContext) -> None:
    result = await probed(opened, new_context, create_app(), service_path="/with space")
    assert (result.ok, result.field) == (False, "service_path")
    assert "Fiware-ServicePath" in result.problem
