"""A small NGSIv2 server that takes writes as Orion does: for tests of what is sent there."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Json = dict[str, Any]
_MISSING = JSONResponse({"error": "NotFound", "description": "The requested entity has not been found"}, 404)
_THERE = JSONResponse({"error": "Unprocessable", "description": "Already Exists"}, 422)


class V2Store:
    """`entities` by id; `asked` are the requests that change something."""

    def __init__(self) -> None:
        self.entities: dict[str, Json] = {}
        self.asked: list[tuple[str, str, str, str]] = []
        one = "/v2/entities/{id:path}"
        self.app = Starlette(
            routes=[
                Route("/v2/entities", self.create, methods=["POST"]),
                Route(one + "/attrs", self.attributes, methods=["POST", "PUT"]),
                Route(one + "/attrs/{name}", self.attribute, methods=["PUT", "DELETE"]),
                Route(one, self.entity, methods=["GET", "DELETE"]),
            ]
        )

    def _note(self, request: Request) -> None:
        headers = request.headers
        where = (headers.get("fiware-service", ""), headers.get("fiware-servicepath", ""))
        self.asked.append((request.method, str(request.url).partition("/v2")[2], *where))

    async def create(self, request: Request) -> Response:
        self._note(request)
        given = await request.json()
        if given["id"] in self.entities:
            return _THERE
        self.entities[given["id"]] = given
        return Response(status_code=201)

    async def entity(self, request: Request) -> Response:
        found = self.entities.get(request.path_params["id"])
        if found is None:
            return _MISSING
        if request.method == "DELETE":
            self._note(request)
            del self.entities[request.path_params["id"]]
            return Response(status_code=204)
        filled = {n: a if n in ("id", "type") else {"metadata": {}} | a for n, a in found.items()}
        return JSONResponse(filled)

    async def attributes(self, request: Request) -> Response:
        self._note(request)
        found = self.entities.get(request.path_params["id"])
        if found is None:
            return _MISSING
        given = await request.json()
        if request.method == "PUT":
            found = {"id": found["id"], "type": found["type"]}
        elif request.query_params.get("options") == "append" and not found.keys().isdisjoint(given):
            return _THERE
        self.entities[found["id"]] = found | given
        return Response(status_code=204)

    async def attribute(self, request: Request) -> Response:
        self._note(request)
        found, name = self.entities.get(request.path_params["id"], {}), request.path_params["name"]
        if name not in found:
            return _MISSING
        if request.method == "DELETE":
            del found[name]
        else:
            found[name] = await request.json()
        return Response(status_code=204)
