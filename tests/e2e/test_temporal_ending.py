"""An attribute that only the evolution of an entity knows ends in it."""

from __future__ import annotations

from gateway import ENTITIES, Space

TEMPORAL = "/ngsi-ld/v1/temporal/entities"
ID = "urn:ngsi-ld:Shelter:1"


def test_an_attribute_of_an_evolution_alone_can_end(space: Space) -> None:
    headers = {"ngsild-tenant": space.tenant}
    free = [{"type": "Property", "value": 5, "observedAt": "2026-04-01T00:00:00Z"}]
    document = {"id": ID, "type": "Shelter", "free": free, "scope": "/Tokyo"}
    assert space.client.post(TEMPORAL, json=document, headers=headers).status_code == 201
    for name, value in (("free", "urn:ngsi-ld:null"), ("scope", [])):
        path = f"{ENTITIES}/{ID}/attrs/{name}"
        assert space.client.delete(path, headers=headers).status_code == 204
        (last,) = space.get(f"{TEMPORAL}/{ID}", timeproperty="deletedAt", attrs=name).json()[name]
        assert (last["value"], "deletedAt" in last) == (value, True)
        assert space.client.delete(path, headers=headers).status_code == 404
