"""An agreement on the use of data (データ利用協定): its terms, its versions, and the life that its steps make. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.errors import Forbidden, WrongState


class Operation(StrEnum):
    READ = "read"
    """Queries, retrieval, discovery, temporal evolutions, entity maps."""
    WRITE = "write"
    SUBSCRIBE = "subscribe"
    DOWNLOAD = "download"
    """Files of the catalogue."""


class State(StrEnum):
    """What an agreement is at a time; `active` and `expired` come of its validity, without anybody's step."""

    PROPOSED = "proposed"
    REJECTED = "rejected"
    APPROVED = "approved"
    """By all who have to; it has not begun."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Party(StrEnum):
    """In whose name a step is taken."""

    CONSUMER = "consumer"
    PROVIDER = "provider"
    SECRETARIAT = "secretariat"


class Action(StrEnum):
    PROPOSE = "propose"
    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Quota:
    """Upper bounds of a day and of a month of Tokyo's calendar; None: without."""

    requests_per_day: int | None = None
    requests_per_month: int | None = None
    entities_per_day: int | None = None
    entities_per_month: int | None = None

    @property
    def bounded(self) -> bool:
        return self != UNBOUNDED


UNBOUNDED = Quota()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed. Names of types and attributes are IRIs; an empty set means all of them. Times are aware, UTC."""

    provider_area: str
    consumer_organisation: str
    purpose: str
    valid_from: datetime
    valid_to: datetime
    """Exclusive."""
    platforms: frozenset[str] = frozenset()
    """Ids; empty: all of the area's."""
    types: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    geometry: dict[str, Any] | None = None
    """GeoJSON (Polygon or MultiPolygon, WGS 84): only entities whose location lies within."""
    consumer_project: str | None = None
    services: frozenset[str] = frozenset()
    """Ids; empty: all of the organisation's (and the project's)."""
    operations: frozenset[Operation] = frozenset({Operation.READ})
    quota: Quota = UNBOUNDED
    onward_transfer: bool = False
    document_url: str | None = None
    document_sha256: str | None = None
    """Of the contract's text, hexadecimal."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A JWS over the canonical terms (RFC 8785), detached (RFC 7515 appendix F), and the key that it holds for."""

    jws: str
    key: str
    """JWK thumbprint (RFC 7638, SHA-256, base64url)."""


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody did something. `actor`: the service that acted, no person."""

    action: Action
    party: Party
    actor: str
    version: int
    time: datetime
    reason: str = ""
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """Terms that were proposed. `needs`: who has to approve them."""

    number: int
    terms: Terms
    digest: str
    """SHA-256 of the canonical terms, hexadecimal."""
    needs: frozenset[Party] = frozenset({Party.PROVIDER})


_ENDING = (Action.REVOKE,)
_OF_VERSION = (Action.APPROVE, Action.REJECT)
_WHO: dict[Action, frozenset[Party]] = {
    Action.PROPOSE: frozenset({Party.CONSUMER, Party.PROVIDER}),
    Action.APPROVE: frozenset({Party.PROVIDER, Party.SECRETARIAT}),
    Action.REJECT: frozenset({Party.PROVIDER, Party.SECRETARIAT}),
    Action.SUSPEND: frozenset({Party.PROVIDER, Party.SECRETARIAT}),
    Action.RESUME: frozenset({Party.PROVIDER, Party.SECRETARIAT}),
    Action.REVOKE: frozenset(Party),
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """All versions and all steps, in order. Nothing of it is ever changed; what it is now is read off its steps."""

    id: str
    versions: tuple[Version, ...]
    steps: tuple[Step, ...] = field(default=())

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    @property
    def approved(self) -> Version | None:
        """The newest version that all who have to have approved."""
        for version in reversed(self.versions):
            if not self.rejected(version) and version.needs <= self.approvals(version):
                return version
        return None

    @property
    def pending(self) -> Version | None:
        """A version that waits to be approved."""
        newest = self.latest
        return None if self.revoked or self.rejected(newest) or self.approved == newest else newest

    def approvals(self, version: Version) -> frozenset[Party]:
        return frozenset(s.party for s in self.steps if s.version == version.number and s.action is Action.APPROVE)

    def rejected(self, version: Version) -> bool:
        return any(s.version == version.number and s.action is Action.REJECT for s in self.steps)

    @property
    def revoked(self) -> bool:
        return any(s.action in _ENDING for s in self.steps)

    @property
    def suspenders(self) -> frozenset[Party]:
        """Whose suspensions last; each party lifts its own."""
        found: set[Party] = set()
        for step in self.steps:
            if step.action is Action.SUSPEND:
                found.add(step.party)
            elif step.action is Action.RESUME:
                found.discard(step.party)
        return frozenset(found)

    def state(self, now: datetime) -> State:
        """What it is at a time."""
        if self.revoked:
            return State.REVOKED
        version = self.approved
        if version is None:
            return State.REJECTED if self.rejected(self.latest) else State.PROPOSED
        if now >= version.terms.valid_to:
            return State.EXPIRED
        if self.suspenders:
            return State.SUSPENDED
        return State.ACTIVE if now >= version.terms.valid_from else State.APPROVED

    def in_force(self, now: datetime) -> Version | None:
        """The version that lets data flow at a time."""
        return self.approved if self.state(now) is State.ACTIVE else None

    def check(self, action: Action, party: Party, now: datetime) -> None:
        """Forbidden if the party may not do that, WrongState if it can't be done now."""
        if party not in _WHO[action]:
            raise Forbidden(f"a {party.value} can't {action.value} an agreement", field="action")
        state = self.state(now)
        why = ""
        if self.revoked:
            why = "it has been revoked, which is for good"
        elif action in _OF_VERSION:
            why = self._of_version(action, party)
        elif action is Action.SUSPEND and (state not in (State.ACTIVE, State.APPROVED, State.SUSPENDED)):
            why = "only what is approved can be suspended"
        elif action is Action.SUSPEND and party in self.suspenders:
            why = "it is suspended already"
        elif action is Action.RESUME and party not in self.suspenders:
            why = f"the {party.value} has not suspended it"
        if why:
            raise WrongState(f"agreement {self.id} is {state.value}: {why}", field="action", value=action.value)

    def _of_version(self, action: Action, party: Party) -> str:
        version = self.pending
        if version is None:
            return "no version waits to be approved"
        if party not in version.needs:
            return f"the {party.value} is not asked to {action.value} it"
        return f"the {party.value} has approved it already" if party in self.approvals(version) else ""


def in_order(versions: Sequence[Version], steps: Sequence[Step], agreement: str) -> Agreement:
    """An agreement of its parts, in whatever order the versions come; steps in order of time."""
    return Agreement(agreement, tuple(sorted(versions, key=lambda v: v.number)), tuple(steps))
