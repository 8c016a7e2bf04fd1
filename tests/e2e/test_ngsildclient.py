"""A client that others wrote, unchanged: `ngsildclient` creates, queries, changes and deletes.

The latest version whose dependencies go with ours is in the lock. Set `NGSILDCLIENT_PYTHON` to the interpreter of an
environment that has another one (0.5 wants a rich of before 13) to run the same session with that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from gateway import Gateway, create_tenant, run

_SESSION = Path(__file__).with_name("ngsildclient_session.py")
_INTERPRETER = os.environ.get("NGSILDCLIENT_PYTHON", sys.executable)


def test_it_works_as_with_any_broker(gateway: Gateway) -> None:
    tenant = f"t{uuid4().hex[:16]}"
    run(create_tenant(gateway.settings.database_url, tenant))
    port = str(urlsplit(gateway.url).port)
    done = subprocess.run(
        [_INTERPRETER, str(_SESSION), port, tenant], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    got = told.pop("got")
    assert (got["id"], got["type"]) == ("urn:ngsi-ld:Shelter:one", "Shelter")
    assert got["name"] == {"type": "Property", "value": "避難所 one"}
    assert got["location"]["value"] == {"type": "Point", "coordinates": [139.7565, 35.6554]}
    assert told.pop("version").startswith("0.")
    assert told == {
        "created": True,
        "again": True,
        "exists": [True, False],
        "updated": 4,
        "count": [31, 11, 0],
        "queried": ["urn:ngsi-ld:Shelter:28", "urn:ngsi-ld:Shelter:29"],
        "types": ["Shelter"],
        "deleted": True,
        "gone": [False, True],
        "left": 20,
        "end": 0,
    }
