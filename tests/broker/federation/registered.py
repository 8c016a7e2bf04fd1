"""Sources made of registrations as clients send them, without a platform behind them."""

from __future__ import annotations

from typing import Any

from adapters.contract import Services
from adapters.exchange import NO_ACCESS
from adapters.guard import Guard
from adapters.ngsi_ld.adapter import NgsiLdAdapter
from adapters.upstream import Upstream
from broker.registry.breaker import Breaker
from broker.registry.bulkhead import Bulkhead
from broker.registry.source import Source, is_limited
from schemas.capability import Capabilities
from schemas.flow import Provider
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.operations import offered
from schemas.ngsi_ld.registration import from_registration


async def _none(url: str) -> Context:
    return CORE


def source(name: str, mode: str = "inclusive", *information: dict[str, Any], **members: Any) -> Source:
    """For entities of type T and for every operation, if nothing else is said."""
    document = {
        "id": f"urn:r:{name}",
        "type": "ContextSourceRegistration",
        "endpoint": "http://127.0.0.1:9",
        "mode": mode,
        "information": list(information) or [{"entities": [{"type": "T"}]}],
        "operations": ["retrieveOps"] if mode == "auxiliary" else ["federationOps", "redirectionOps", "upsertBatch"],
        **members,
    }
    platform = from_registration(document, CORE, tenant="")
    adapter = NgsiLdAdapter(platform, Services(Upstream(Guard()), _none), Capabilities(by_id=True, by_type=True))
    terms = platform.distribution
    return Source(
        platform,
        adapter,
        Provider(platform.id),
        NO_ACCESS,
        Breaker(5, 1),
        Bulkhead(1),
        operations=offered(terms.operations),
        alias=terms.alias,
        limited=is_limited(platform),
    )


def info(*attributes: str, **entity: str) -> dict[str, Any]:
    """A RegistrationInfo for one kind of entities (of type T) and attributes of them."""
    return {"entities": [{"type": "T", **entity}]} | ({"propertyNames": list(attributes)} if attributes else {})
