"""A session of the public client `ngsildclient` against a gateway, as its manual has it. Run by test_ngsildclient.py.

Arguments: port, tenant. Prints one JSON document of what came back. Takes 0.1 and 0.5 alike, which name a few
methods differently.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import ngsildclient
from ngsildclient import Client, Entity
from ngsildclient.api.exceptions import NgsiAlreadyExistsError, NgsiResourceNotFoundError

_TYPE = "Shelter"


def _shelter(name: str, capacity: int) -> Entity:
    entity = Entity(_TYPE, f"urn:ngsi-ld:{_TYPE}:{name}")
    entity.prop("name", f"避難所 {name}")
    entity.prop("capacity", capacity)
    entity.gprop("location", (35.6554, 139.7565))
    return entity


def _raised(call: Any, kind: type[Exception]) -> bool:
    try:
        call()
    except kind:
        return True
    return False


def main(port: int, tenant: str) -> dict[str, Any]:
    one, many = _shelter("one", 3), [_shelter(str(number), number) for number in range(30)]
    with Client("127.0.0.1", port, tenant=tenant) as client:
        query = getattr(client, "query", None) or client.query_all
        told: dict[str, Any] = {"version": ngsildclient.__version__, "created": bool(client.create(one))}
        told["again"] = _raised(lambda: client.create(one), NgsiAlreadyExistsError)
        told["exists"] = [client.exists(one), client.exists("urn:ngsi-ld:Shelter:none")]
        told["got"] = client.get(one).to_dict()
        one.prop("capacity", 4)
        client.update(one)
        told["updated"] = client.get(one).to_dict()["capacity"]["value"]
        client.upsert(many)
        client.upsert(many)
        told["count"] = [client.count(type=_TYPE), client.count(type=_TYPE, q="capacity<10"), client.count(type="None")]
        told["queried"] = sorted(entity.id for entity in query(type=_TYPE, q="capacity>=28"))
        told["types"] = client.types.list()
        told["deleted"] = bool(client.delete(one))
        told["gone"] = [client.exists(one), _raised(lambda: client.get(one), NgsiResourceNotFoundError)]
        client.delete(many[:10])
        told["left"] = len(query(type=_TYPE))
        client.delete_where(type=_TYPE)
        told["end"] = client.count(type=_TYPE)
    return told


if __name__ == "__main__":
    logging.disable()
    print("\n" + json.dumps(main(int(sys.argv[1]), sys.argv[2]), ensure_ascii=False))
