"""EntityMaps, documented: the parameters of a query that have to do with them, and their own operations. Data only."""

from __future__ import annotations

from dataclasses import replace

from broker.web.openapi.model import Answer, Content, Json, Operation

_MAPS = "/ngsi-ld/v1/entityMaps"
_ID = "urn:ngsi-ld:entitymap:0f8fad5bd9cb469fa16570867728950e"
_FAULTS = (400, 401, 403, 503)
_SHELTER = "urn:ngsi-ld:EvacuationShelter:takeshiba-01"
_HOLDERS: Json = {"type": "array", "items": {"type": "string"}}

MAPPED = ("entityMap", "entityMapLifetime", "NGSILD-EntityMap")
"""Parameters of a query."""

ENTITY_MAP_HEADER: Json = {
    "description": "Path of the EntityMap that the answer is a page of.",
    "schema": {"type": "string"},
}

ENTITY_MAP_PARAMETERS: dict[str, Json] = {
    "entityMap": {
        "name": "entityMap",
        "in": "query",
        "required": False,
        "description": "Write down what the query finds, for paging over exactly that: 201, see NGSILD-EntityMap.",
        "x-description-ja": "trueで検索結果の一覧（EntityMap）を作り、以後のページングの対象を固定する",
        "schema": {"type": "boolean", "default": False},
        "example": False,
    },
    "entityMapLifetime": {
        "name": "entityMapLifetime",
        "in": "query",
        "required": False,
        "description": "How long the EntityMap is wanted, an ISO 8601 duration; an hour by default, at most 24.",
        "x-description-ja": "EntityMapの希望有効期間（ISO 8601）。既定は1時間、最長24時間",
        "schema": {"type": "string", "minLength": 1},
        "example": "PT2H",
    },
    "NGSILD-EntityMap": {
        "name": "NGSILD-EntityMap",
        "in": "header",
        "required": False,
        "description": "Page over this EntityMap, with the parameters that made it; an expired one is made anew: 201.",
        "x-description-ja": "このEntityMapの範囲でページングする（作成時と同じ検索条件で）。期限切れなら作り直す",
        "schema": {"type": "string", "minLength": 1},
    },
    "map_id": {
        "name": "map_id",
        "in": "path",
        "required": True,
        "description": "Id of an EntityMap.",
        "x-description-ja": "EntityMapのID",
        "schema": {"type": "string", "minLength": 1},
        "example": _ID,
    },
}

ENTITY_MAP_SCHEMAS: dict[str, Json] = {
    "EntityMap": {
        "type": "object",
        "description": "Clause 5.2.39. `@none` is the local store.",
        "required": ["id", "type", "expiresAt", "entityMap"],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "EntityMap"},
            "linkedMaps": {"type": "object", "additionalProperties": {"type": "string"}},
            "expiresAt": {"type": "string", "format": "date-time"},
            "entityMap": {"type": "object", "additionalProperties": _HOLDERS},
        },
    },
    "EntityMapFragment": {
        "type": "object",
        "description": "Clause 5.14.2: only expiresAt is taken.",
        "properties": {"type": {"const": "EntityMap"}, "expiresAt": {"type": "string", "format": "date-time"}},
    },
}

_MAP = Content(
    "EntityMap",
    example={
        "id": _ID,
        "type": "EntityMap",
        "expiresAt": "2026-04-01T10:00:00Z",
        "entityMap": {_SHELTER: ["urn:ngsi-ld:ContextSourceRegistration:takeshiba"]},
    },
)
_NOT_OF_POSTED = frozenset({"entityMap", "NGSILD-EntityMap", "geometryProperty", "Prefer"})
_NOT_OF_MAPS = ("geometryProperty", "join", "joinLevel", "containedBy")
_FLOWS = ("Kakehashi-Flow", "Kakehashi-Replay-Of", "NGSILD-Warning", "Server-Timing")


def temporal_map_operations(query: tuple[str, ...], posted: Operation) -> tuple[Operation, ...]:
    """`query`: the parameters of a temporal query. `posted`: the query by POST."""
    made = Operation(
        "get",
        "/ngsi-ld/v1/temporal/entityMaps",
        "createTemporalEntityMap",
        "entities",
        "Make an EntityMap of what a temporal query finds / 時系列検索のEntityMapを作る",
        "Clause 5.14.5: which evolutions match and who has each. limit, offset and count change nothing.",
        "条件に合う時系列と、それぞれの提供元の一覧を作ります。",
        {201: Answer("The map.", (_MAP,), ("Link", "NGSILD-EntityMap", *_FLOWS))},
        (*query, "entityMapLifetime"),
        faults=(*_FAULTS, 406, 422, 504, 508),
    )
    return made, _posted(made, posted)


def _posted(made: Operation, posted: Operation) -> Operation:
    """The same, the question in the body (clauses 6.34.3.2, 6.35.3.2)."""
    summary, ja = made.summary.split(" / ")
    return replace(
        made,
        method="post",
        id=f"{made.id}ByPost",
        summary=f"{summary} by POST / POSTで{ja}",
        parameters=tuple(name for name in posted.parameters if name not in _NOT_OF_POSTED),
        body=posted.body,
        faults=posted.faults,
    )


def entity_map_operations(query: tuple[str, ...], posted: Operation) -> tuple[Operation, ...]:
    """`query`: the parameters of a query. `posted`: the query by POST."""
    made = Operation(
        "get",
        _MAPS,
        "createEntityMap",
        "entities",
        "Make an EntityMap of what a query finds / 検索結果のEntityMapを作る",
        "Clause 5.14.4: which entities match and who holds each. limit, offset and count change nothing.",
        "条件に合うエンティティと、それぞれの提供元の一覧を作ります。",
        {201: Answer("The map.", (_MAP,), ("Link", "NGSILD-EntityMap", *_FLOWS))},
        (*(name for name in query if name not in _NOT_OF_MAPS), "entityMapLifetime"),
        faults=(*_FAULTS, 406, 422, 504, 508),
    )
    return (
        made,
        _posted(made, posted),
        Operation(
            "get",
            f"{_MAPS}/{{map_id}}",
            "retrieveEntityMap",
            "entities",
            "One EntityMap / EntityMapを取得する",
            "Clause 5.14.1.",
            "EntityMapの内容と有効期限を返します。",
            {200: Answer("The map.", (_MAP,), ("Link",))},
            ("map_id", "NGSILD-Tenant"),
            faults=(*_FAULTS, 404, 406),
        ),
        Operation(
            "patch",
            f"{_MAPS}/{{map_id}}",
            "updateEntityMap",
            "entities",
            "Change when an EntityMap ends / EntityMapの有効期限を変える",
            "Clause 5.14.2: at most 24 hours ahead; a time that has passed ends it.",
            "有効期限を変更します。最長で24時間先までです。",
            {204: Answer("Changed.")},
            ("map_id", "NGSILD-Tenant"),
            Content("EntityMapFragment", example={"expiresAt": "2036-04-01T12:00:00Z"}),
            (*_FAULTS, 404, 411, 413, 415),
        ),
        Operation(
            "delete",
            f"{_MAPS}/{{map_id}}",
            "deleteEntityMap",
            "entities",
            "Delete an EntityMap / EntityMapを削除する",
            "Clause 5.14.3.",
            "EntityMapを削除します。",
            {204: Answer("Deleted.")},
            ("map_id", "NGSILD-Tenant"),
            faults=(*_FAULTS, 404),
        ),
    )
