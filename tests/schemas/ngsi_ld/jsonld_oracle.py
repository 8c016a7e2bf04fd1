"""PyLD as the oracle: what a JSON-LD processor makes of the same names, with no code of ours between."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pyld import jsonld

from schemas.ngsi_ld.core_context import core_document

NGSI = "https://uri.etsi.org/ngsi-ld/"


def shared_data() -> Path:
    """The folder of real data that development machines have beside the checkout."""
    given = os.environ.get("KAKEHASHI_SHARED_DATA")
    return Path(given) if given else Path(__file__).parents[3].parent / "shared" / "data"


def active_terms(document: dict[str, Any]) -> list[list[Any]]:
    """The active context that PyLD makes of a document: [term, IRI, type, container], sorted."""
    active = jsonld.JsonLdProcessor().process_context(
        {"mappings": {}, "processingMode": "json-ld-1.1"}, document["@context"], {"documentLoader": None}
    )
    return sorted(
        [term, m["@id"], m.get("@type"), (m.get("@container") or [None])[0]] for term, m in active["mappings"].items()
    )


def digest(terms: list[list[Any]]) -> str:
    return hashlib.sha256(json.dumps(sorted(terms)).encode()).hexdigest()


def expand(document: dict[str, Any], user: Any, version: str = "1.9") -> dict[str, Any]:
    """PyLD's expansion of a document under a user's context with the core at its end."""
    parts = user if isinstance(user, list) else [user]
    expanded = jsonld.expand({**document, "@context": [*parts, core_document(version)["@context"]]})
    return expanded[0] if expanded else {}
