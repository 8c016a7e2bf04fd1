"""One answer from what came of the parts of a write (clauses 5.2.16 to 5.2.19, 6.3.17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from broker.federation.forward import Sent
from broker.web.endpoint import Reply
from broker.web.negotiation import Media
from broker.web.problems import document
from broker.web.protocol import LOCATION
from schemas.errors import SourceError
from schemas.ngsi_ld.registration import registration_id
from schemas.ngsi_ld.write import Write

JSON = (b"content-type", b"application/json")
_ERRORS = "https://uri.etsi.org/ngsi-ld/errors/"
_PASSED = (404, 409, 504, 508)
"""Statuses of the one source that holds it which are ours, too; any other failure of it is a 502 (clause 6.3.17)."""
_PARTIAL = 207
_NOT_FOUND = 404


@dataclass(slots=True)
class Share:
    """What came of one part of a write: here (`source` None), or at a source. `attributes` and `refused` are IRIs."""

    source: str | None
    attributes: frozenset[str]
    problem: dict[str, Any] | None = None
    """Why nothing of it was done; with a status."""
    refused: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Mapping[str, Any]] = ()
    success: tuple[str, ...] | None = None
    unoffered: bool = False
    created: bool = False
    alone: bool = False
    """Nobody else holds what it is about."""

    @property
    def failed(self) -> bool:
        return self.problem is not None or bool(self.refused or self.errors)


def told(sent: Sent) -> Share:
    """What a source said, or why it said nothing."""
    source, attributes, written, alone = sent.part.source.id, sent.part.attributes, sent.written, sent.part.alone
    if written is None:
        error = sent.error or SourceError("nothing is known of it")
        return Share(source, attributes, problem=document(error), alone=alone)
    if written.problem is not None:
        return Share(source, attributes, problem=problem_of(written.status, written.problem), alone=alone)
    return Share(
        source,
        attributes,
        refused=written.refused,
        errors=written.errors,
        success=written.success,
        created=written.status == 201,
        alone=alone,
    )


def without_strangers(shares: Sequence[Share]) -> list[Share]:
    """Of an operation on what is there at some of those who may have it: who has nothing of it is no failure if another
    has; one is left to tell so if nobody has."""
    strangers = [s for s in shares if not s.alone and s.problem is not None and s.problem["status"] == _NOT_FOUND]
    others = [s for s in shares if s not in strangers]
    return others or strangers[:1]


def problem_of(status: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Problem details as a source gave them."""
    kind = str(given.get("type", ""))
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Refused"
    made = {
        "type": kind if kind.startswith(_ERRORS) else "about:blank",
        "title": str(given.get("title") or phrase),
        "status": status,
    }
    if given.get("detail"):
        made["detail"] = str(given["detail"])
    return made


def answered(write: Write, shares: Sequence[Share], done: Reply, attributes: bool, media: Media) -> Reply:
    """All of it done: `done`. Nothing of it, and only one was to do it: its problem, as `media`. Else 207 with what
    failed."""
    failures = [share for share in shares if share.failed]
    if not failures:
        return done
    sole = failures[0] if len(shares) == 1 or all(share.unoffered for share in shares) else None
    if sole is not None and sole.problem is not None and sole.problem["status"] != _PARTIAL:
        return _problem(sole, media)
    body = _update_result(write, shares) if attributes else _batch_result(write, shares)
    kept = [header for header in done.headers if header[0] == LOCATION]
    return Reply(_PARTIAL, orjson.dumps(body), [JSON, *kept])


def _problem(share: Share, media: Media) -> Reply:
    body = dict(share.problem or {})
    status = int(body["status"])
    if share.source is not None and not share.unoffered and status not in _PASSED:
        if status != 502:
            said = ": ".join(str(body[name]) for name in ("title", "detail") if body.get(name))
            body = document(SourceError(f"{share.source} refused it ({status}): {said}"))
        status = 502
    return Reply(status, orjson.dumps(body), [(b"content-type", media.encode())])


def _batch_result(write: Write, shares: Sequence[Share]) -> dict[str, Any]:
    errors = [error for share in shares for error in errors_of(share, write.id)]
    done = any(share.problem is None for share in shares)
    return {"success": [write.id] if done else [], "errors": errors}


def errors_of(share: Share, entity_id: str) -> list[dict[str, Any]]:
    """The BatchEntityErrors (clause 5.2.17) of a share."""
    found: list[dict[str, Any]] = []
    if share.problem is not None:
        found.append({"entityId": entity_id, "error": share.problem})
    found += [
        {"entityId": str(given.get("entityId", entity_id)), "error": given.get("error", {})} for given in share.errors
    ]
    if share.refused:
        names = ", ".join(sorted(share.refused))
        kept = {"type": _ERRORS + "AlreadyExists", "title": "Already exists", "status": 409}
        found.append({"entityId": entity_id, "error": kept | {"detail": f"Left as they were: {names}."}})
    if share.source is not None:
        for error in found:
            error["registrationId"] = registration_id(share.source)
    return found


def _update_result(write: Write, shares: Sequence[Share]) -> dict[str, Any]:
    """Names are IRIs: there is no @context beside them that could say what a short one means."""
    kept: list[dict[str, Any]] = []
    failed: set[str] = set()
    for share in shares:
        reasons = dict(share.refused)
        if share.problem is not None:
            why = str(share.problem.get("detail") or share.problem["title"])
            reasons |= dict.fromkeys(sorted(share.attributes), why)
        for error in share.errors:
            reasons |= dict.fromkeys(sorted(share.attributes), str(error["error"].get("title", "it failed")))
        failed |= reasons.keys()
        for name, reason in reasons.items():
            told: dict[str, Any] = {"attributeName": name, "reason": reason}
            if share.source is not None:
                told["registrationId"] = registration_id(share.source)
            kept.append(told)
    done = {iri for share in shares if share.problem is None for iri in share.attributes if iri not in share.refused}
    named = write.members
    said = [iri for iri in named if iri in done]
    return {"updated": [iri for iri in said if iri not in failed], "notUpdated": kept}
