"""CKAN's Action API over the catalogue (`/ckan/api/3/action/…`), for CKAN's clients and harvesters as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from broker.web.catalog.ckan_actions import CkanActions
from broker.web.catalog.ckan_asking import Asking, SearchError
from broker.web.catalog.desk import SERVICE, Desk
from schemas.errors import BadRequestData, Forbidden, InvalidRequest, NotFound, Unauthorized

Answer = Callable[[Request, str], Awaitable[JSONResponse]]
_MOST_BODY = 1_000_000
_FAULT: dict[str, Any] = {"content": {"application/json": {}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"description": "Action name not known, or a parameter that can't be read", **_FAULT},
    401: {"description": "Authorization Error", **_FAULT},
    404: {"description": "Not Found Error", **_FAULT},
    409: {"description": "Validation Error or Search Query Error", **_FAULT},
}


def routes(desk: Desk) -> APIRouter:
    """Parameters in the query string or in a JSON body, as CKAN takes them."""
    router = APIRouter(tags=["catalogue"])
    actions = CkanActions(desk.catalogue)

    async def act(request: Request, name: str, given: Mapping[str, Any]) -> JSONResponse:
        base = desk.base(request)
        help_url = f"{base}/ckan/api/3/action/help_show?name={name[:100]}"
        try:
            caller = desk.reads(request)
            asking = Asking(given, base, lambda dataset: desk.state(caller, dataset))
            action = actions.named(name)
            if action is None:
                return _bad(f"Action name not known: {name[:100]}")
            return JSONResponse({"help": help_url, "success": True, "result": await action(asking)})
        except (Unauthorized, Forbidden) as e:
            answer = _refused(help_url, 403, "Authorization Error", f"Access denied: {e.detail}")
            if isinstance(e, Unauthorized):
                answer.status_code, answer.headers["www-authenticate"] = 401, 'Bearer realm="kakehashi"'
            return answer
        except NotFound as e:
            return _refused(help_url, 404, "Not Found Error", e.detail)
        except SearchError as e:
            return _refused(help_url, 409, "Search Query Error", str(e))
        except (BadRequestData, InvalidRequest) as e:
            words = {"__type": "Validation Error", e.field or "message": [e.detail]}
            return JSONResponse({"help": help_url, "success": False, "error": words}, 409)

    async def get(request: Request, action: str) -> JSONResponse:
        """By GET, parameters in the query string. Actions: status_show, site_read, package_search, package_show,
        package_list, current_package_list_with_resources, package_autocomplete, resource_show, organization_list,
        organization_show, organization_autocomplete, group_list, group_show, group_autocomplete, tag_list, tag_show,
        tag_autocomplete, license_list."""
        return await act(request, action, dict(request.query_params))

    async def post(request: Request, action: str) -> JSONResponse:
        """By POST, parameters in a JSON object."""
        try:
            return await act(request, action, await _body(request))
        except InvalidRequest as e:
            return _bad(e.detail)

    for path in ("/ckan/api/3/action", "/ckan/api/action"):
        for method, handler in (("GET", get), ("POST", post)):
            router.add_api_route(
                f"{path}/{{action}}",
                handler,
                methods=[method],
                summary="CKAN Action API",
                operation_id=f"ckan{'3' if '3' in path else ''}{method.title()}",
                responses=_RESPONSES,
                openapi_extra=SERVICE,
            )
    return router


async def _body(request: Request) -> Mapping[str, Any]:
    raw = await request.body()
    if len(raw) > _MOST_BODY:
        raise InvalidRequest("the body is too large", field="body")
    if not raw:
        return {}
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as e:
        raise InvalidRequest(f"JSON Error: {e}", field="body") from None
    if not isinstance(found, dict):
        raise InvalidRequest("the parameters of an action are a JSON object", field="body")
    return found


def _refused(help_url: str, status: int, kind: str, words: str) -> JSONResponse:
    return JSONResponse({"help": help_url, "success": False, "error": {"__type": kind, "message": words}}, status)


def _bad(words: str) -> JSONResponse:
    """CKAN has no envelope for what is no call of an action."""
    return JSONResponse(f"Bad request - {words}", 400)
