"""The adapter against a real NGSIv2 server: tenants, prefixes, paging, what a city's platform looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters import ngsi_v2
from adapters.contract import Services, SourceContext
from adapters.exchange import Access
from adapters.ngsi_v2.adapter import NgsiV2Adapter
from broker.demo.orion import create_app
from broker.demo.orion_store import Store
from schemas.errors import BadUpstream, SourceAuth, SourceNotFound, SourceTooLarge, SourceUnsupported
from schemas.ngsi_ld.context import CORE, Context, build
from schemas.ngsi_ld.geo import parse_geo
from schemas.ngsi_ld.q import parse_q
from schemas.ngsi_ld.query import EntityQuery
from schemas.ngsi_ld.types import parse_type_selection
from schemas.platform import Platform

Ask = Callable[[NgsiV2Adapter, EntityQuery], Awaitable[list[dict[str, Any]]]]
Open = Callable[..., Awaitable[NgsiV2Adapter]]
NewContext = Callable[..., SourceContext]


class Recorded:
    """Middleware that notes the parameters and headers of every request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.params: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.params.append(parse_qs(scope["query_string"].decode()))
            self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
            self.paths.append(scope["path"])
        await self.app(scope, receive, send)


def rooms(count: int, type_: str = "Room") -> list[dict[str, Any]]:
    return [{"id": f"urn:x:{type_}:{n:04}", "type": type_, "n": {"type": "Number", "value": n}} for n in range(count)]


def typed(text: str, **changes: Any) -> EntityQuery:
    return EntityQuery(types=parse_type_selection(text), **changes)


# --- cities -----------------------------------------------------------------------------------------------------------


async def test_yaizu(opened: Open, ask: Ask, new_context: NewContext) -> None:
    """A lower-case apikey header, one Fiware-ServicePath per dataset."""
    store = Store()
    for type_ in ("Aed", "EvacuationShelter"):
        for n in range(3):
            entity = {
                "id": f"jp.smartcity-yaizu.{type_}.{n:03}",
                "type": type_,
                "Name": {"type": "Text", "value": f"{type_} {n}"},
                "location": {"type": "geo:point", "value": f"34.86{n},138.32{n}"},
            }
            store.put(entity, "smartcity_yaizu", f"/{type_}")
    app = Recorded(create_app(store=store, api_key="k-123"))
    adapter = await opened(
        app,
        tenant="smartcity_yaizu",
        options={"service_paths": ["Aed:/Aed", "EvacuationShelter:/EvacuationShelter"]},
    )
    ctx = new_context(access=Access({"apikey": "k-123"}))
    pushdown = adapter.plan(typed("Aed"))
    assert pushdown is not None
    pages = [page async for page in adapter.fetch(pushdown.request, ctx)]
    assert [e["id"] for page in pages for e in page.entities or ()] == [
        f"urn:ngsi-ld:Aed:v2:jp.smartcity-yaizu.Aed.{n:03}" for n in range(3)
    ]
    assert app.headers[0]["fiware-service"] == "smartcity_yaizu"
    assert app.headers[0]["fiware-servicepath"] == "/Aed"
    assert len(app.headers) == 1
    assert await adapter.types(ctx) == (CORE.expand("Aed"), CORE.expand("EvacuationShelter"))
    with pytest.raises(SourceAuth) as e:
        await ask(adapter, typed("Aed"))
    assert e.value.field == "credential"


async def test_sendai(opened: Open, ask: Ask) -> None:
    """The path /orion/v2.0, dotted types, ids that are no URIs, misspelt names."""
    entity = {
        "id": "jp.sendai.Blesensor.per3600.105",
        "type": "Blesensor.per3600",
        "identifcation": {"type": "Text", "value": "sendai2023.105"},
        "peopleCount_immedate": {
            "type": "number",
            "value": None,
            "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-03-15T15:00:00+09:00"}},
        },
        "peopleCount_far": {
            "type": "number",
            "value": 430,
            "metadata": {"TimeInstant": {"type": "DateTime", "value": "2026-03-15T15:00:00+09:00"}},
        },
    }
    adapter = await opened(
        create_app([entity], prefix="/orion/v2.0"),
        options={"prefix": "/orion/v2.0", "names": {"Blesensor.per3600": "BleSensorHourly"}},
    )
    [found] = await ask(adapter, typed("BleSensorHourly", q=parse_q("peopleCount_far>400", context=CORE)))
    assert found == {
        "id": "urn:ngsi-ld:Blesensor.per3600:v2:jp.sendai.Blesensor.per3600.105",
        "type": "BleSensorHourly",
        "identifcation": {"type": "Property", "value": "sendai2023.105"},
        "peopleCount_far": {"type": "Property", "value": 430, "observedAt": "2026-03-15T06:00:00.000Z"},
    }
    assert await ask(adapter, EntityQuery(ids=(found["id"],), retrieve=True)) == [found]
    assert await ask(adapter, EntityQuery(ids=(found["id"], "urn:x:other"))) == [found]
    # the name that the platform has is another name now
    assert await ask(adapter, typed("Blesensor_x2E_per3600")) == []


async def test_a_platforms_context(services: Services, opened: Open, ask: Ask) -> None:
    theirs = build({"Room": "https://example.org/Raum", "n": "https://example.org/nummer"}, {})
    working = build({"部屋": "https://example.org/Raum", "番号": "https://example.org/nummer"}, {})
    asked: list[str] = []

    async def context_of(url: str) -> Context:
        asked.append(url)
        return theirs

    endpoint = (await opened(create_app(rooms(2)))).platform.endpoint
    platform = Platform("urn:x:p", "ngsi_v2", endpoint, context="https://example.org/context.jsonld")
    adapter = await ngsi_v2.open(platform, Services(services.upstream, context_of))
    assert asked == ["https://example.org/context.jsonld"]
    assert isinstance(adapter, NgsiV2Adapter)
    query = EntityQuery(context=working, types=parse_type_selection("部屋", context=working))
    [first, _] = await ask(adapter, query)
    assert first == {"id": "urn:x:Room:0000", "type": "部屋", "番号": {"type": "Property", "value": 0}}
    assert adapter.plan(typed("Room")) is None


# --- paging -----------------------------------------------------------------------------------------------------------


async def test_all_pages_are_followed(opened: Open, ask: Ask) -> None:
    app = Recorded(create_app(rooms(95)))
    adapter = await opened(app, page_limit=20)
    found = await ask(adapter, typed("Room", q=parse_q("n", context=CORE)))
    assert [e["id"] for e in found] == [e["id"] for e in rooms(95)]
    assert [p["limit"] for p in app.params] == [["20"]] * 5


async def test_a_proxy_that_cuts_pages_short(opened: Open, ask: Ask) -> None:
    adapter = await opened(create_app(rooms(95), max_limit=7))
    found = await ask(adapter, typed("Room", q=parse_q("n", context=CORE)))
    assert len({e["id"] for e in found}) == 95


async def test_only_the_page_is_fetched_where_the_platform_filters_all(opened: Open, new_context: NewContext) -> None:
    app = Recorded(create_app([*rooms(50), *rooms(50, "Hall")]))
    adapter = await opened(app, page_limit=20)
    pushdown = adapter.plan(typed("Room", limit=30, offset=5, count=True))
    assert pushdown is not None
    assert pushdown.limit_guaranteed
    pages = [page async for page in adapter.fetch(pushdown.request, new_context())]
    assert [e["id"] for page in pages for e in page.entities or ()] == [e["id"] for e in rooms(50)[5:35]]
    assert pages[0].total == 50
    assert [(p["limit"], p["offset"]) for p in app.params] == [(["20"], ["5"]), (["10"], ["25"])]


async def test_a_count_alone(opened: Open, new_context: NewContext) -> None:
    adapter = await opened(create_app(rooms(12)))
    pushdown = adapter.plan(typed("Room", limit=0, count=True))
    assert pushdown is not None
    [page] = [page async for page in adapter.fetch(pushdown.request, new_context())]
    assert (page.entities, page.total) == ([], 12)


async def test_several_service_paths_at_once(opened: Open, ask: Ask) -> None:
    store = Store()
    for n, entity in enumerate(rooms(9)):
        store.put(entity, "", f"/p{n % 3}")
    app = Recorded(create_app(store=store))
    adapter = await opened(app, options={"service_paths": ["/p0", "/p1", "/p2", "/none"]})
    found = await ask(adapter, typed("Room"))
    assert sorted(e["id"] for e in found) == [e["id"] for e in rooms(9)]
    assert sorted(h["fiware-servicepath"] for h in app.headers) == ["/none", "/p0", "/p1", "/p2"]
    assert len(await ask(adapter, EntityQuery(ids=("urn:x:Room:0004",), retrieve=True))) == 1


async def test_one_bad_service_path_fails_the_whole(opened: Open, ask: Ask) -> None:
    adapter = await opened(create_app(rooms(3)), options={"service_paths": ["/", "/not-a-path"]})
    before = asyncio.all_tasks()
    with pytest.raises(SourceUnsupported):
        await ask(adapter, typed("Room"))
    # what is left is the server's
    assert not [t for t in asyncio.all_tasks() - before if "fetch" in repr(t) or "_all" in repr(t)]


# --- one entity -------------------------------------------------------------------------------------------------------


async def test_retrieve_an_id_with_several_types(opened: Open, ask: Ask) -> None:
    store = Store()
    for id_, type_ in (("urn:x:1", "A"), ("urn:x:1", "B"), ("7", "A"), ("7", "B")):
        store.put({"id": id_, "type": type_, "of": {"value": type_}}, "", "/")
    app = Recorded(create_app(store=store))
    adapter = await opened(app)
    found = await ask(adapter, EntityQuery(ids=("urn:x:1",), retrieve=True))
    assert sorted(e["type"] for e in found) == ["A", "B"]
    [one] = await ask(adapter, EntityQuery(ids=("urn:ngsi-ld:B:v2:7",), retrieve=True))
    assert one["of"]["value"] == "B"
    assert app.params[-1] == {"type": ["B"]}


async def test_retrieve_nothing_and_the_wrong_path(opened: Open, ask: Ask) -> None:
    assert await ask(await opened(create_app()), EntityQuery(ids=("urn:x:1",), retrieve=True)) == []
    wrong = await opened(create_app(), options={"prefix": "/v3"})
    with pytest.raises(SourceNotFound) as e:
        await ask(wrong, EntityQuery(ids=("urn:x:1",), retrieve=True))
    assert e.value.field == "options.prefix"


# --- what is asked ----------------------------------------------------------------------------------------------------


async def test_what_goes_over_the_wire(opened: Open, ask: Ask) -> None:
    app = Recorded(create_app(rooms(9)))
    adapter = await opened(app, tenant="t", service_path="/", options={"headers": {"X-Area": "takeshiba"}})
    query = typed(
        "Room",
        q=parse_q('n>3;name=="a(b)"', context=CORE),
        geo=parse_geo("near;maxDistance==1000", "Point", "[139.757,35.655]"),
        attrs=("n",),
    )
    await ask(adapter, query)
    assert app.params[0] == {
        "type": ["Room"],
        "q": ["n>3"],
        "georel": ["near;maxDistance:1011"],
        "geometry": ["point"],
        "coords": ["35.655,139.757"],
        "attrs": ["location,n,name,TimeInstant,dateObserved"],
        "limit": ["1000"],
        "offset": ["0"],
        "orderBy": ["id"],
        "options": ["count"],
    }
    assert app.headers[0]["x-area"] == "takeshiba"
    assert app.headers[0]["fiware-servicepath"] == "/"


async def test_a_platform_that_was_never_probed_is_asked_the_least(opened: Open, ask: Ask) -> None:
    app = Recorded(create_app(rooms(9)))
    adapter = await opened(app, verified=None)
    assert not adapter.capabilities.by_type
    assert not adapter.capabilities.q_operators
    assert len(await ask(adapter, typed("Room", q=parse_q("n>3", context=CORE), attrs=("n",)))) == 9
    assert app.params[0] == {"type": ["Room"], "limit": ["1000"], "offset": ["0"]}


async def test_system_attributes(opened: Open, ask: Ask) -> None:
    adapter = await opened(create_app(rooms(1)))
    [entity] = await ask(adapter, typed("Room", sys_attrs=True))
    assert entity["createdAt"] == entity["modifiedAt"] == entity["n"]["createdAt"]
    [entity] = await ask(adapter, typed("Room", q=parse_q("createdAt>2020-01-01T00:00:00Z", context=CORE)))
    assert "createdAt" in entity
    [entity] = await ask(adapter, typed("Room"))
    assert entity.keys() == {"id", "type", "n"}


async def test_an_endpoint_with_its_path(opened: Open, ask: Ask, services: Services) -> None:
    endpoint = (await opened(create_app(rooms(2)))).platform.endpoint
    for written in (endpoint + "/", endpoint + "/v2", endpoint + "/v2/"):
        adapter = await ngsi_v2.open(Platform("urn:x:p", "ngsi_v2", written), services)
        assert isinstance(adapter, NgsiV2Adapter)
        assert len(await ask(adapter, typed("Room"))) == 2


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{"a": 1}, "text", [1], [{"id": "a"}, {"id": 1, "type": "T"}], [{"id": "a", "b": 1}]])
async def test_answers_that_are_no_entities(opened: Open, ask: Ask, body: object) -> None:
    async def answer(request: Request) -> JSONResponse:
        return JSONResponse(body)

    adapter = await opened(Starlette(routes=[Route("/v2/entities", answer)]))
    with pytest.raises(BadUpstream):
        await ask(adapter, EntityQuery())


async def test_types_are_scanned_where_they_are_not_listed(opened: Open, new_context: NewContext) -> None:
    inner = create_app([*rooms(2), *rooms(2, "Hall")])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/v2/types":
            await PlainTextResponse("no", 404)(scope, receive, send)
        else:
            await inner(scope, receive, send)

    adapter = await opened(app)
    assert await adapter.types(new_context()) == (CORE.expand("Hall"), CORE.expand("Room"))


async def test_the_byte_budget_holds(opened: Open, new_context: NewContext) -> None:
    adapter = await opened(create_app(rooms(500)))
    pushdown = adapter.plan(typed("Room"))
    assert pushdown is not None
    with pytest.raises(SourceTooLarge):
        async for _ in adapter.fetch(pushdown.request, new_context(budget=100)):
            pass
