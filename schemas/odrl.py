"""An agreement as an ODRL 2.2 policy in JSON-LD (W3C Recommendation), for readers of other data spaces. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.agreement import Agreement, Operation, State, Version
from schemas.agreement_terms import instant

_CONTEXT: list[Any] = [
    "http://www.w3.org/ns/odrl.jsonld",
    {"kakehashi": "https://kakehashi.example/ns#", "geojson": "https://purl.org/geojson/vocab#"},
]
_ACTIONS = {
    Operation.READ: "read",
    Operation.WRITE: "modify",
    Operation.SUBSCRIBE: "stream",
    Operation.DOWNLOAD: "reproduce",
}
_TOLD = (
    ("requests_per_day", "count", "P1D"),
    ("requests_per_month", "count", "P1M"),
    ("entities_per_day", "kakehashi:entities", "P1D"),
    ("entities_per_month", "kakehashi:entities", "P1M"),
)


def to_odrl(agreement: Agreement, now: datetime) -> dict[str, Any]:
    """The version in force, else the newest one: an Offer until it is approved, an Agreement from then on."""
    version = agreement.approved or agreement.latest
    state = agreement.state(now)
    agreed = agreement.approved is not None
    terms = version.terms
    policy: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "Agreement" if agreed else "Offer",
        "uid": f"urn:uuid:{agreement.id}",
        "profile": "https://kakehashi.example/ns#profile",
        "assigner": _party("area", terms.provider_area),
        "assignee": _party("organisation", terms.consumer_organisation),
        "kakehashi:version": version.number,
        "kakehashi:state": state.value,
        "kakehashi:termsSha256": version.digest,
        "permission": [_permission(version, operation) for operation in sorted(terms.operations)],
    }
    if not terms.onward_transfer:
        policy["prohibition"] = [{"target": _target(version), "action": "distribute"}]
    if terms.document_url is not None:
        policy["kakehashi:document"] = {"@id": terms.document_url}
    if state in (State.SUSPENDED, State.REVOKED, State.EXPIRED):
        policy["kakehashi:inForce"] = False
    return policy


def _party(kind: str, name: str) -> dict[str, Any]:
    return {"@type": "Party", "uid": f"urn:kakehashi:{kind}:{name}"}


def _target(version: Version) -> dict[str, Any]:
    terms = version.terms
    refinement: list[dict[str, Any]] = []
    for operand, names in (
        ("kakehashi:platform", terms.platforms),
        ("kakehashi:type", terms.types),
        ("kakehashi:attribute", terms.attributes),
    ):
        if names:
            refinement.append({"leftOperand": operand, "operator": "isAnyOf", "rightOperand": sorted(names)})
    if terms.geometry is not None:
        refinement.append({"leftOperand": "spatial", "operator": "isPartOf", "rightOperand": terms.geometry})
    target: dict[str, Any] = {"@type": "AssetCollection", "source": f"urn:kakehashi:area:{terms.provider_area}"}
    return target | ({"refinement": refinement} if refinement else {})


def _permission(version: Version, operation: Operation) -> dict[str, Any]:
    terms = version.terms
    constraints: list[dict[str, Any]] = [
        {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": _time(terms.valid_from)},
        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": _time(terms.valid_to)},
        {"leftOperand": "purpose", "operator": "eq", "rightOperand": terms.purpose},
    ]
    if terms.consumer_project is not None:
        constraints.append(
            {"leftOperand": "kakehashi:project", "operator": "eq", "rightOperand": terms.consumer_project}
        )
    if terms.services:
        constraints.append(
            {"leftOperand": "systemDevice", "operator": "isAnyOf", "rightOperand": sorted(terms.services)}
        )
    for name, operand, period in _TOLD:
        bound = getattr(terms.quota, name)
        if bound is not None:
            constraints.append(
                {"leftOperand": operand, "operator": "lteq", "rightOperand": bound, "kakehashi:period": period}
            )
    return {"target": _target(version), "action": _ACTIONS[operation], "constraint": constraints}


def _time(time: datetime) -> dict[str, str]:
    return {"@value": instant(time), "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}
