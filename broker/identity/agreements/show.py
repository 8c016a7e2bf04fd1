"""An agreement in JSON, for its parties."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.agreement import Agreement, Step, Version
from schemas.agreement_terms import instant, to_document


def show(agreement: Agreement, now: datetime) -> dict[str, Any]:
    """What it is now, the terms that count (those in force, else the newest), and how it came to be so."""
    version = agreement.approved or agreement.latest
    pending = agreement.pending
    return {
        "id": agreement.id,
        "state": agreement.state(now).value,
        "version": version.number,
        "terms": to_document(version.terms),
        "terms_sha256": version.digest,
        "waiting": None
        if pending is None
        else {
            "version": pending.number,
            "for": sorted(p.value for p in pending.needs - agreement.approvals(pending)),
        },
        "suspended_by": sorted(p.value for p in agreement.suspenders),
        "versions": [_version(v) for v in agreement.versions],
        "steps": [_step(s) for s in agreement.steps],
    }


def _version(version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "terms": to_document(version.terms),
        "terms_sha256": version.digest,
        "needs": sorted(p.value for p in version.needs),
    }


def _step(step: Step) -> dict[str, Any]:
    signature = step.signature
    return {
        "action": step.action.value,
        "as": step.party.value,
        "actor": step.actor,
        "version": step.version,
        "time": instant(step.time),
        "reason": step.reason,
        "signature": None if signature is None else {"jws": signature.jws, "key": signature.key},
    }
