"""The operations on subscriptions, documented: entities' and registrations'. Data only."""

from __future__ import annotations

from collections.abc import Iterator

from broker.web.openapi.model import Answer, Content, Json, Operation

_ID = "urn:ngsi-ld:Subscription:occupancy"
_TEXT: Json = {"type": "string", "minLength": 1}
_TEXTS: Json = {"type": "array", "minItems": 1, "items": {"type": "string"}}
_POSITIVE: Json = {"type": "number", "exclusiveMinimum": 0}
_CONTEXT: Json = {"type": ["string", "array", "object"]}
_EXAMPLE: Json = {
    "id": _ID,
    "type": "Subscription",
    "entities": [{"type": "EvacuationShelter"}],
    "watchedAttributes": ["occupancy"],
    "q": "occupancy>100",
    "throttling": 5,
    "notification": {
        "attributes": ["occupancy"],
        "endpoint": {"uri": "https://service.example.jp/notify", "accept": "application/json"},
    },
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
    "token": {
        "name": "token",
        "in": "path",
        "required": True,
        "description": "Names a subscription's copy at a source.",
        "x-description-ja": "提供元にあるサブスクリプションの写しを示すトークン",
        "schema": {"type": "string", "minLength": 1},
        "example": "0f8fad5bd9cb469fa16570867728950e",
    },
    "subscriptionOptions": {
        "name": "options",
        "in": "query",
        "required": False,
        "description": "sysAttrs: with createdAt and modifiedAt.",
        "x-description-ja": "sysAttrsで作成・更新日時も返す",
        "schema": {"type": "string", "enum": ["sysAttrs"]},
        "example": "sysAttrs",
    },
}

_PAIRS: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["key", "value"],
        "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
        "additionalProperties": False,
    },
}
_MEMBERS: Json = {
    "id": {"type": "string", "format": "uri"},
    "type": {"const": "Subscription"},
    "subscriptionName": _TEXT,
    "description": _TEXT,
    "entities": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    "watchedAttributes": _TEXTS,
    "notificationTrigger": {
        "type": "array",
        "minItems": 1,
        "items": {
            "enum": [
                *("entityCreated", "entityUpdated", "entityDeleted"),
                *("attributeCreated", "attributeUpdated", "attributeDeleted"),
            ]
        },
    },
    "timeInterval": _POSITIVE,
    "q": _TEXT,
    "expandValues": _TEXT,
    "jsonKeys": _TEXT,
    "geoQ": {"type": "object"},
    "scopeQ": _TEXT,
    "csf": _TEXT,
    "temporalQ": {"type": "object"},
    "isActive": {"type": "boolean"},
    "expiresAt": {"type": "string", "format": "date-time"},
    "throttling": _POSITIVE,
    "lang": _TEXT,
    "jsonldContext": {"type": "string", "format": "uri"},
    "datasetId": _TEXTS,
    "localOnly": {"type": "boolean"},
    "splitEntities": {"type": "boolean"},
    "ngsildConformance": {"type": "string", "pattern": r"^[0-9]{1,3}\.[0-9]{1,3}$"},
    "notification": {"$ref": "#/components/schemas/NotificationParams"},
    "@context": _CONTEXT,
}
_SHOWN: Json = {
    "status": {"enum": ["active", "paused", "expired"]},
    "createdAt": {"type": "string", "format": "date-time"},
    "modifiedAt": {"type": "string", "format": "date-time"},
}
_MOMENT: Json = {"type": "string", "format": "date-time"}

SUBSCRIPTION_SCHEMAS: dict[str, Json] = {
    "Subscription": {
        "type": "object",
        "description": "Clause 5.2.12.",
        "required": ["type", "notification"],
        "properties": _MEMBERS,
    },
    "ShownSubscription": {
        "type": "object",
        "description": "Clause 5.2.12, with its status.",
        "required": ["id", "type", "notification", "status"],
        "properties": _MEMBERS | _SHOWN,
    },
    "SubscriptionFragment": {
        "type": "object",
        "description": "Members that replace those that are there; null takes one away (clause 5.8.2.4).",
        "properties": {
            "isActive": {"type": "boolean"},
            "throttling": {"type": ["number", "null"]},
            "expiresAt": {"type": ["string", "null"]},
            "@context": _CONTEXT,
        },
    },
    "RemoteNotification": {
        "type": "object",
        "description": "Clause 5.3.1.",
        "required": ["data"],
        "properties": {"data": {"type": "array", "items": {"type": "object"}}},
    },
    "NotificationParams": {
        "type": "object",
        "description": "Clause 5.2.14. What came of the notifications so far is told by the gateway.",
        "required": ["endpoint"],
        "properties": {
            "attributes": _TEXTS,
            "pick": _TEXTS,
            "omit": _TEXTS,
            "format": {"enum": ["normalized", "concise", "simplified", "keyValues"]},
            "join": {"enum": ["flat", "inline", "@none"]},
            "joinLevel": {"type": "integer", "minimum": 1},
            "showChanges": {"type": "boolean"},
            "sysAttrs": {"type": "boolean"},
            "endpoint": {"$ref": "#/components/schemas/Endpoint"},
            "status": {"enum": ["ok", "failed"]},
            "timesSent": {"type": "integer"},
            "timesFailed": {"type": "integer"},
            "lastNotification": _MOMENT,
            "lastSuccess": _MOMENT,
            "lastFailure": _MOMENT,
        },
    },
    "Endpoint": {
        "type": "object",
        "description": "Clause 5.2.15. `receiverInfo` are headers (MQTT: metadata); `notifierInfo` has MQTT-QoS and "
        "MQTT-Version (clause 7.2); `timeout` and `cooldown` are milliseconds.",
        "required": ["uri"],
        "properties": {
            "uri": {"type": "string", "format": "uri", "pattern": "^(?i:https?|mqtts?)://"},
            "accept": {"enum": ["application/json", "application/ld+json", "application/geo+json"]},
            "timeout": _POSITIVE,
            "cooldown": _POSITIVE,
            "receiverInfo": _PAIRS,
            "notifierInfo": _PAIRS,
        },
        "additionalProperties": False,
    },
}
_DONE = Answer("Done.")
_LISTED = Answer(
    "The subscriptions, in order of creation.",
    (Content("ShownSubscription", many=True),),
    ("Link", "NGSILD-Results-Count"),
)
_ONE = Answer("The subscription.", (Content("ShownSubscription"),), ("Link",))


def _operations(path: str, name: str, ja: str, about: str, about_ja: str) -> Iterator[Operation]:
    collection, one = f"/ngsi-ld/v1/{path}", f"/ngsi-ld/v1/{path}/{{subscription_id}}"
    tenant = ("NGSILD-Tenant",)
    read, write = (400, 401, 404, 406, 503, 504), (400, 401, 403, 411, 413, 415, 503, 504)
    yield Operation(
        "get",
        collection,
        f"query{name}s",
        "subscriptions",
        f"Query {path} / {ja}の一覧",
        "A service sees its own, the administration all.",
        "サービスは自分のもの、管理者はすべてを見られます。",
        {200: _LISTED},
        ("limit", "offset", "count", "subscriptionOptions", "Link", *tenant),
        faults=read,
    )
    yield Operation(
        "post",
        collection,
        f"create{name}",
        "subscriptions",
        f"Create one of {path} / {ja}の作成",
        about,
        about_ja,
        {201: Answer("Made.", (), ("Location",))},
        ("Link", *tenant),
        Content("Subscription", example=_EXAMPLE),
        faults=(*write, 409, 422),
    )
    yield Operation(
        "get",
        one,
        f"retrieve{name}",
        "subscriptions",
        f"Retrieve one of {path} / {ja}の取得",
        "With its status, and when it was last notified, how often, and with what success.",
        "状態と、最後の通知の日時・回数・成否を含みます。",
        {200: _ONE},
        ("subscription_id", "subscriptionOptions", "Link", *tenant),
        faults=read,
    )
    yield Operation(
        "patch",
        one,
        f"update{name}",
        "subscriptions",
        f"Update one of {path} / {ja}の更新",
        "Members that are given replace those that are there; null takes one away.",
        "与えられたメンバーだけを置き換え、nullは削除します。",
        {204: _DONE},
        ("subscription_id", "Link", *tenant),
        Content("SubscriptionFragment", example={"isActive": False}),
        faults=(*write, 404),
    )
    yield Operation(
        "delete",
        one,
        f"delete{name}",
        "subscriptions",
        f"Delete one of {path} / {ja}の削除",
        "Nothing is notified any more.",
        "以後は通知されません。",
        {204: _DONE},
        ("subscription_id", *tenant),
        faults=(400, 401, 404, 503),
    )


SUBSCRIPTION_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/federation/notifications/{token}",
        "receiveNotification",
        "subscriptions",
        "Notify this gateway / このゲートウェイへの通知",
        "For other sources: what they notify of the copies of subscriptions that this gateway made there (clause "
        "5.8.6). The token is known to that source only.",
        "他の提供元用。このゲートウェイが提供元に作成したサブスクリプションの通知を受け取ります（5.8.6節）。",
        {200: Answer("Taken; our own subscriber is notified.")},
        ("token", "Link"),
        Content("RemoteNotification", example={"type": "Notification", "subscriptionId": _ID, "data": []}),
        faults=(400, 404, 411, 413, 415, 503, 504),
        key="",
    ),
    *_operations(
        "subscriptions",
        "Subscription",
        "サブスクリプション",
        "Clause 5.8.1. Changes of local entities are notified as they are made, in the form and @context of the "
        "subscription, at least once; with timeInterval what all sources have is notified periodically. Endpoints "
        "are http(s) and mqtt(s). Every notification is recorded as a flow before it is sent.",
        "ローカルのエンティティの変更を、指定の形式で少なくとも1回通知します。timeIntervalを指定すると、全提供元の該当エンティティを"
        "定期的に通知します。通知先はhttp(s)とmqtt(s)。各通知は送信前にフローとして記録されます。",
    ),
    *_operations(
        "csourceSubscriptions",
        "RegistrationSubscription",
        "登録のサブスクリプション",
        "Clause 5.11.2. Tells of the registrations that fit, at once and whenever one is made, changed or taken away "
        "(newlyMatching, updated, noLongerMatching).",
        "条件に合う登録を、作成時と、登録の追加・変更・削除のたびに通知します。",
    ),
)
