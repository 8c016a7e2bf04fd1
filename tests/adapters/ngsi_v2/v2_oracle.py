"""A platform without a network: the server's own selection, and the query evaluated over all that it holds."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import parse_qsl

from adapters.ngsi_v2.asking import Platformed, Request, Scope, plan
from adapters.ngsi_v2.names import Names
from adapters.ngsi_v2.translate import Translator
from adapters.ngsi_v2.values import Clock
from adapters.query_memory import EntityTable, fits
from broker.demo.orion_store import Store
from broker.demo.orion_view import check_parameters, render, select
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.query import EntityQuery

ALL = frozenset({"type", "id", "idPattern", "q", "geo", "attrs", "count", "limit"})


def platformed(verified: frozenset[str] = ALL, **changes: Any) -> Platformed:
    settings: dict[str, Any] = {
        "names": Names(CORE, {}),
        "scopes": (Scope(None),),
        "verified": verified,
        "whole": True,
        "datetimes": frozenset(),
        "observed": ("TimeInstant",),
        **changes,
    }
    return Platformed(**settings)


def translated(store: Store, rows: list[Any]) -> list[dict[str, Any]]:
    translator = Translator(Names(CORE, {}), CORE, Clock("Asia/Tokyo"), observed=("TimeInstant",))
    return translator.entities(copy.deepcopy(rows))


def answered(store: Store, query: EntityQuery, platform: Platformed) -> list[dict[str, Any]]:
    """What comes for the pushed question and passes the residual filters."""
    pushdown = plan(query, platform)
    if pushdown is None:
        return []
    request: Request = pushdown.request
    came: list[dict[str, Any]] = []
    for ask in request.asks:
        params = dict(parse_qsl(ask.params, keep_blank_values=True, strict_parsing=bool(ask.params)))
        check_parameters(params)
        rows = select(store.select("", ["/#"]), params)
        came += translated(store, [render(row, params) for row in rows])
    return [entity for entity in came if fits(entity, query, pushdown.residual)]


def truth(store: Store, query: EntityQuery) -> set[str]:
    """The ids of all that match, by the evaluators of `schemas` alone."""
    everything = translated(store, [render(row, {}) for row in store.select("", ["/#"])])
    table = EntityTable(everything)
    return {table.entities[i]["id"] for i in table.select(query.alter(limit=10_000, offset=0)).positions}
