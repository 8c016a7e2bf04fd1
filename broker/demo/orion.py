"""An NGSIv2 server with Orion's behaviour for reads: the Takeshiba platform of the demo, and the tests' NGSIv2 peer.

`python -m broker.demo.orion --port 1026 --data takeshiba.json` serves a file of normalized NGSIv2 entities.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from broker.demo.orion_data import load_file
from broker.demo.orion_store import Refusal, Store, bad_request, normalize, read_scopes
from broker.demo.orion_view import check_parameters, page_of, render, render_attributes, select, types_of

_VERSION = {"orion": {"version": "3.10.1", "uptime": "0 d, 0 h, 0 m, 0 s", "libversions": {}}}
_AMBIGUOUS = "More than one matching entity. Please refine your query"
_NOT_FOUND = "The requested entity has not been found. Check type and id"

Handler = Callable[[Request], Awaitable[Response]]


class Orion:
    """The routes over one store. `api_key`: every request needs it in a lower-case `apikey` header, as behind a
    gateway such as Kong."""

    def __init__(self, store: Store, *, api_key: str | None, max_limit: int | None) -> None:
        self.store = store
        self.api_key = api_key
        self.max_limit = max_limit

    def routes(self, prefix: str) -> list[Route]:
        pairs: list[tuple[str, Handler, list[str]]] = [
            ("/version", self.version, ["GET"]),
            (prefix, self.resources, ["GET"]),
            (prefix + "/entities", self.entities, ["GET"]),
            (prefix + "/entities", self.create, ["POST"]),
            (prefix + "/entities/{id}", self.entity, ["GET"]),
            (prefix + "/entities/{id}/attrs", self.attributes, ["GET"]),
            (prefix + "/types", self.types, ["GET"]),
            (prefix + "/op/update", self.update, ["POST"]),
        ]
        return [Route(path, self._guarded(handler), methods=methods) for path, handler, methods in pairs]

    def _guarded(self, handler: Handler) -> Handler:
        async def endpoint(request: Request) -> Response:
            correlator = request.headers.get("fiware-correlator") or str(uuid4())
            try:
                if self.api_key is not None and request.headers.get("apikey") != self.api_key:
                    raise Refusal(401, "Unauthorized", "No API key found in request or it is invalid")
                response = await handler(request)
            except Refusal as e:
                response = _json({"error": e.error, "description": e.description}, e.status)
            response.headers["Fiware-Correlator"] = correlator
            return response

        return endpoint

    async def version(self, request: Request) -> Response:
        return _json(_VERSION)

    async def resources(self, request: Request) -> Response:
        base = request.url.path.rstrip("/")
        names = ("entities", "types", "subscriptions", "registrations")
        return _json({f"{name}_url": f"{base}/{name}" for name in names})

    async def entities(self, request: Request) -> Response:
        params = _parameters(request)
        offset, limit = page_of(params)
        if self.max_limit is not None:
            limit = min(limit, self.max_limit)
        found = select(self._rows(request), params)
        headers = {"Fiware-Total-Count": str(len(found))} if "count" in params.get("options", "").split(",") else {}
        return _json([render(row, params) for row in found[offset : offset + limit]], headers=headers)

    async def entity(self, request: Request) -> Response:
        params = _parameters(request)
        return _json(render(self._one(request, params), params))

    async def attributes(self, request: Request) -> Response:
        params = _parameters(request)
        return _json(render_attributes(self._one(request, params), params))

    def _one(self, request: Request, params: dict[str, str]) -> Any:
        narrowed = {"id": request.path_params["id"]}
        if "type" in params:
            narrowed["type"] = params["type"]
        found = select(self._rows(request), narrowed)
        if not found:
            raise Refusal(404, "NotFound", _NOT_FOUND)
        if len(found) > 1:
            raise Refusal(409, "TooManyResults", _AMBIGUOUS)
        return found[0]

    async def types(self, request: Request) -> Response:
        params = _parameters(request)
        offset, limit = page_of(params)
        listed = types_of(self._rows(request))
        options = params.get("options", "").split(",")
        headers = {"Fiware-Total-Count": str(len(listed))} if "count" in options else {}
        page = listed[offset : offset + limit]
        return _json([t["type"] for t in page] if "values" in options else page, headers=headers)

    async def create(self, request: Request) -> Response:
        service, path = _place(request)
        entity = normalize(await _body(request))
        upsert = "upsert" in request.query_params.get("options", "").split(",")
        if not upsert and self.store.has(entity["id"], entity["type"], service, path):
            raise Refusal(422, "Unprocessable", "Already Exists")
        self.store.put(entity, service, path)
        location = f"{request.url.path}/{entity['id']}?type={entity['type']}"
        return Response(status_code=204 if upsert else 201, headers={"Location": location})

    async def update(self, request: Request) -> Response:
        service, path = _place(request)
        body = await _body(request)
        if not isinstance(body, dict) or body.get("actionType") not in ("append", "APPEND"):
            raise bad_request("actionType must be append")
        entities = body.get("entities")
        if not isinstance(entities, list) or not entities:
            raise bad_request("empty entities vector")
        for entity in [normalize(e) for e in entities]:
            self.store.put(entity, service, path)
        return Response(status_code=204)

    def _rows(self, request: Request) -> Iterable[Any]:
        scopes = read_scopes(request.headers.get("fiware-servicepath"), update=False)
        return self.store.select(request.headers.get("fiware-service", "").lower(), scopes)


def _place(request: Request) -> tuple[str, str]:
    [path] = read_scopes(request.headers.get("fiware-servicepath"), update=True)
    return request.headers.get("fiware-service", "").lower(), path


def _parameters(request: Request) -> dict[str, str]:
    params = dict(request.query_params)
    check_parameters(params)
    return params


async def _body(request: Request) -> Any:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(415, "UnsupportedMediaType", "not supported content type")
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Refusal(400, "ParseError", "Errors found in incoming JSON buffer") from None


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status_code=status, headers=headers, media_type="application/json")


def create_app(
    entities: Iterable[dict[str, Any]] = (),
    *,
    service: str = "",
    service_path: str = "/",
    prefix: str = "/v2",
    api_key: str | None = None,
    max_limit: int | None = None,
    store: Store | None = None,
) -> Starlette:
    """An ASGI application that holds `entities` (normalized NGSIv2) under a service and service path.

    `prefix`: path of the API (`/orion/v2.0` at some cities). `max_limit`: silently give no more than this a page, as
    some proxies do. `store`: share or prepare one, for several services. The store is at `app.state.store`.
    """
    kept = Store() if store is None else store
    for entity in entities:
        kept.put(entity, service.lower(), service_path, trusted=True)
    app = Starlette(routes=Orion(kept, api_key=api_key, max_limit=max_limit).routes(prefix))
    app.state.store = kept
    return app


def main(argv: list[str] | None = None) -> None:
    """Serve one file on loopback until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m broker.demo.orion", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1026)
    parser.add_argument("--data", type=Path, action="append", help="NGSIv2 entities or shelters as GeoJSON; repeatable")
    parser.add_argument("--service", default="", help="Fiware-Service")
    parser.add_argument("--service-path", default="/", help="Fiware-ServicePath")
    parser.add_argument("--prefix", default="/v2")
    options = parser.parse_args(argv)
    entities = [entity for file in options.data or [None] for entity in load_file(file)]
    app = create_app(
        entities,
        service=options.service,
        service_path=options.service_path,
        prefix=options.prefix,
        # in the environment, because arguments are seen by everyone on the machine
        api_key=os.environ.get("ORION_API_KEY") or None,
    )
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
