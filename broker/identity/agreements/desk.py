"""The life of agreements: who may propose, approve, suspend and revoke them, and who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from broker.identity.agreements.signatures import check_signature, make_signature
from broker.identity.callers import Caller
from broker.store.agreements import Agreements
from schemas.agreement import Action, Agreement, Party, Signature, Terms, Version
from schemas.agreement_terms import canonical, read_terms, to_document
from schemas.errors import BadRequestData, Forbidden, NotFound
from schemas.roles import Role

_ORDER = (Party.PROVIDER, Party.SECRETARIAT, Party.CONSUMER)
EVERY_AREA = "*"


class Desk:
    """`secretariat_areas`: those whose agreements the secretariat approves, too (`*`: all). `refresh` shows a change to
    this worker; others are notified."""

    def __init__(
        self, store: Agreements, secretariat_areas: frozenset[str], refresh: Callable[[], Awaitable[None]]
    ) -> None:
        self.store = store
        self._secretariat = secretariat_areas
        self._refresh = refresh

    async def propose(
        self,
        caller: Caller,
        document: object,
        expand: Callable[[str], str],
        *,
        party: Party | None = None,
        signature: str | None = None,
        sign: str | None = None,
    ) -> Agreement:
        """A new agreement, by its consumer or its provider. `sign`: a private key, for who has it at hand.
        BadRequestData, Forbidden."""
        terms = read_terms(document, expand)
        as_party = self._party(caller, terms, Action.PROPOSE, party)
        signed = _signed(signature, terms, sign)
        made = await self.store.propose(terms, self._needs(terms), as_party, actor(caller), signed)
        await self._refresh()
        return made

    async def amend(
        self,
        caller: Caller,
        agreement: str,
        patch: Mapping[str, Any],
        expand: Callable[[str], str],
        *,
        party: Party | None = None,
        signature: str | None = None,
        sign: str | None = None,
    ) -> Agreement:
        """Propose the next version: the newest one's terms with a merge patch (RFC 7396). What is in force stays so
        until the new version is approved."""
        current = await self.get(caller, agreement)
        terms = read_terms(_merged(to_document(current.latest.terms), patch), expand)
        for name in ("provider_area", "consumer_organisation"):
            if getattr(terms, name) != getattr(current.latest.terms, name):
                raise BadRequestData("the parties stay the same; propose another agreement", field=name)
        as_party = self._party(caller, terms, Action.PROPOSE, party)
        signed = _signed(signature, terms, sign)
        made = await self.store.amend(
            current.id, current.latest.number, terms, self._needs(terms), as_party, actor(caller), signed
        )
        await self._refresh()
        return made

    async def step(
        self,
        caller: Caller,
        agreement: str,
        action: Action,
        *,
        party: Party | None = None,
        reason: str = "",
        signature: str | None = None,
        sign: str | None = None,
        version: int | None = None,
    ) -> Agreement:
        """Approve, reject, suspend, resume or revoke. NotFound, Forbidden, WrongState, BadRequestData."""
        current = await self.get(caller, agreement)
        meant = _meant(current, action)
        as_party = self._party(caller, meant.terms, action, party, current)
        signed = _signed(signature, meant.terms, sign)
        made = await self.store.step(
            current.id, action, as_party, actor(caller), reason, signed, version=version or meant.number
        )
        await self._refresh()
        return made

    async def get(self, caller: Caller, agreement: str) -> Agreement:
        """NotFound, also if it is none of the caller's business."""
        found = await self.store.get(agreement)
        if not may_see(caller, found):
            raise NotFound("there is no such agreement", field="id", value=agreement)
        return found

    async def all(self, caller: Caller) -> list[Agreement]:
        """Those that are the caller's business, in order of id."""
        return [a for a in await self.store.all() if may_see(caller, a)]

    def _needs(self, terms: Terms) -> frozenset[Party]:
        asked = EVERY_AREA in self._secretariat or terms.provider_area in self._secretariat
        return frozenset({Party.PROVIDER, Party.SECRETARIAT} if asked else {Party.PROVIDER})

    def _party(
        self,
        caller: Caller,
        terms: Terms,
        action: Action,
        wanted: Party | None,
        current: Agreement | None = None,
    ) -> Party:
        """In whose name the caller acts. Forbidden if it may act for nobody, or not for whom it says."""
        may = parties(caller, terms)
        if wanted is not None:
            if wanted not in may:
                raise Forbidden(f"the caller does not act for the {wanted.value}", field="as")
            return wanted
        able = [p for p in _ORDER if p in may and can(action, p)]
        if not able:
            raise Forbidden(f"the caller may not {action.value} this agreement", field="action")
        if action is Action.APPROVE and current is not None and current.pending is not None:
            # who may approve for several parties does so for the next one that has not
            done = current.approvals(current.pending)
            able = [p for p in able if p in current.pending.needs and p not in done] or able
        if action is Action.RESUME and current is not None:
            able = [p for p in able if p in current.suspenders] or able
        return able[0]


def can(action: Action, party: Party) -> bool:
    """Whether it is a party's to do that."""
    if action is Action.REVOKE:
        return True
    if action is Action.PROPOSE:
        return party is not Party.SECRETARIAT
    return party is not Party.CONSUMER


def parties(caller: Caller, terms: Terms) -> frozenset[Party]:
    """For whom the caller acts in an agreement of these terms."""
    if caller.may():
        return frozenset(Party)
    found = set()
    consumer = caller.consumer
    if Role.OPERATOR in caller.roles and consumer.area == terms.provider_area:
        found.add(Party.PROVIDER)
    if Role.SECRETARIAT in caller.roles:
        found.add(Party.SECRETARIAT)
    if Role.SERVICE in caller.roles and consumer.organisation == terms.consumer_organisation:
        found.add(Party.CONSUMER)
    return frozenset(found)


def may_see(caller: Caller, agreement: Agreement) -> bool:
    """Its parties, the secretariat, auditors and the administration."""
    return caller.may(Role.AUDITOR, Role.SECRETARIAT) or bool(parties(caller, agreement.latest.terms))


def actor(caller: Caller) -> str:
    return caller.consumer.service


def _meant(current: Agreement, action: Action) -> Version:
    if action in (Action.APPROVE, Action.REJECT):
        return current.pending or current.latest
    return current.approved or current.latest


def _signed(signature: str | None, terms: Terms, key: str | None) -> Signature | None:
    if key is not None:
        signature = make_signature(canonical(terms), key)
    return None if signature is None else check_signature(signature, canonical(terms))


def _merged(target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(result.get(name), dict) and name != "geometry":
            result[name] = _merged(result[name], value)
        else:
            result[name] = value
    return result
