"""Gateways that register each other: each node is a tenant of a running gateway, reached over HTTP by the others."""

from __future__ import annotations

from typing import Any

import httpx2
from gateway import ENTITIES, Gateway, Space

REGISTRATIONS = "/ngsi-ld/v1/csourceRegistrations"
EVERYTHING = [
    "federationOps",
    "redirectionOps",
    "createBatch",
    "upsertBatch",
    "updateBatch",
    "deleteBatch",
    "mergeBatch",
]
TEMPORAL = [
    "upsertTemporal",
    "appendAttrsTemporal",
    "deleteAttrsTemporal",
    "updateAttrInstanceTemporal",
    "deleteAttrInstanceTemporal",
    "deleteTemporal",
    "retrieveTemporal",
    "queryTemporal",
]
Json = dict[str, Any]


class Node(Space):
    """`register` makes another node one of its sources."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.registered: list[str] = []

    @property
    def headers(self) -> dict[str, str]:
        return {"ngsild-tenant": self.tenant}

    def register(
        self, other: Node, mode: str = "inclusive", *, at: str | None = None, probed: bool = True, **members: Any
    ) -> str:
        """The id of the registration, with `probed` once it has been looked at. By default it is for entities of type
        Room, and for every operation. `at`: another address than the node's own."""
        document = {
            "type": "ContextSourceRegistration",
            "endpoint": at or other.gateway.url,
            "tenant": other.tenant,
            "mode": mode,
            "information": [{"entities": [{"type": "Room"}]}],
            "operations": ["retrieveOps"] if mode == "auxiliary" else EVERYTHING,
            **members,
        }
        answer = self.client.post(REGISTRATIONS, json=document, headers=self.headers)
        assert answer.status_code == 201, answer.text
        made = answer.headers["location"].rpartition("/")[2]
        self.registered.append(made)
        if probed:
            self.client.post(f"/platforms/{made}/probe")
        return made

    def forget(self) -> None:
        """All registrations of this node."""
        for made in self.registered:
            self.client.delete(f"{REGISTRATIONS}/{made}", headers=self.headers)
        self.registered.clear()

    def send(self, method: str, path: str, body: Any = None, **params: str) -> httpx2.Response:
        return self.client.request(method, path, json=body, params=params, headers=self.headers)

    def create(self, entity: Json, **params: str) -> httpx2.Response:
        return self.send("POST", ENTITIES, entity, **params)

    def held(self, entity_id: str) -> Json | None:
        """Values by name of what it holds itself; None if it holds nothing."""
        return values(self.get(f"{ENTITIES}/{entity_id}", local="true"))

    def seen(self, entity_id: str) -> Json | None:
        """Values by name of what it gives as a whole."""
        return values(self.get(f"{ENTITIES}/{entity_id}"))

    def flows(self, operation: str) -> list[Json]:
        """Those of this node's sources, of one operation."""
        found = self.client.get("/flows", params={"operation": operation, "limit": 1000}).json()
        return [f for f in found if f["provider"]["platform"] in self.registered]

    def asked_for(self, answer: httpx2.Response) -> list[str]:
        """The registrations that were asked for an answer."""
        found = self.client.get("/flows", params={"request": answer.headers["x-request-id"]}).json()
        return [f["provider"]["platform"] for f in found if f["provider"]["platform"] in self.registered]

    def close(self) -> None:
        self.forget()
        super().close()


def values(answer: httpx2.Response) -> Json | None:
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    return {name: one["value"] for name, one in answer.json().items() if name not in ("id", "type")}


def room(n: int = 1, **attributes: Any) -> Json:
    made: Json = {"id": f"urn:ngsi-ld:Room:{n}", "type": "Room"}
    return made | {name: {"type": "Property", "value": value} for name, value in attributes.items()}


def only(*names: str, entity: str = "urn:ngsi-ld:Room:1") -> Json:
    """Members of a registration for attributes of one entity."""
    return {"information": [{"entities": [{"type": "Room", "id": entity}], "propertyNames": list(names)}]}
