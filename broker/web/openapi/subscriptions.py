"""The operations on subscriptions, documented as what they answer. Data only."""

from __future__ import annotations

from collections.abc import Iterator

from broker.web.openapi.model import Answer, Content, Json, Operation

_ID = "urn:ngsi-ld:Subscription:occupancy"
_PROBLEM = (Content("Problem", media=("application/problem+json",)),)
_UNSUPPORTED = {422: Answer("This gateway sends no notifications; nothing is stored.", _PROBLEM)}
_UNKNOWN = {404: Answer("There is no such subscription.", _PROBLEM)}
_EXAMPLE: Json = {
    "type": "Subscription",
    "entities": [{"type": "EvacuationShelter"}],
    "notification": {"endpoint": {"uri": "https://service.example.jp/notify"}},
}

SUBSCRIPTION_PARAMETERS: dict[str, Json] = {
    "subscription_id": {
        "name": "subscription_id",
        "in": "path",
        "required": True,
        "description": "Id of a subscription.",
        "x-description-ja": "サブスクリプションID",
        "schema": {"type": "string", "minLength": 1},
        "example": _ID,
    },
}


def _operations(path: str, name: str, ja: str) -> Iterator[Operation]:
    collection, one = f"/ngsi-ld/v1/{path}", f"/ngsi-ld/v1/{path}/{{subscription_id}}"
    tenant = ("NGSILD-Tenant",)
    read, write = (400, 401, 406, 503), (400, 401, 411, 413, 415, 503, 504)
    yield Operation(
        "get",
        collection,
        f"query{name}s",
        "subscriptions",
        f"Query {path} / {ja}の一覧",
        "There are none: this gateway sends no notifications.",
        "このゲートウェイは通知を行わないため、常に空です。",
        {200: Answer("None.", (Content({"type": "object"}, many=True),), ("Link",))},
        ("limit", "offset", "count", "Link", *tenant),
        faults=(*read, 404, 504),
    )
    yield Operation(
        "post",
        collection,
        f"create{name}",
        "subscriptions",
        f"Create one of {path} / {ja}の作成",
        "OperationNotSupported (clause 5.5.6), so that nobody waits for notifications that never come.",
        "通知は行われないため、受け付けません（5.5.6節）。",
        _UNSUPPORTED,
        ("Link", *tenant),
        Content({"type": "object"}, example=_EXAMPLE),
        faults=write,
    )
    yield Operation(
        "get",
        one,
        f"retrieve{name}",
        "subscriptions",
        f"Retrieve one of {path} / {ja}の取得",
        "There is none.",
        "存在しません。",
        _UNKNOWN,
        ("subscription_id", *tenant),
        faults=read,
    )
    yield Operation(
        "patch",
        one,
        f"update{name}",
        "subscriptions",
        f"Update one of {path} / {ja}の更新",
        "There is none.",
        "存在しません。",
        _UNKNOWN,
        ("subscription_id", "Link", *tenant),
        Content({"type": "object"}, example={"isActive": False}),
        faults=write,
    )
    yield Operation(
        "delete",
        one,
        f"delete{name}",
        "subscriptions",
        f"Delete one of {path} / {ja}の削除",
        "There is none.",
        "存在しません。",
        _UNKNOWN,
        ("subscription_id", *tenant),
        faults=(400, 401, 503),
    )


SUBSCRIPTION_OPERATIONS: tuple[Operation, ...] = (
    *_operations("subscriptions", "Subscription", "サブスクリプション"),
    *_operations("csourceSubscriptions", "RegistrationSubscription", "登録のサブスクリプション"),
)
