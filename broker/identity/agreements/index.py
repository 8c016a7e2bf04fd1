"""Which rights a consumer has at a platform: one lookup in memory, made anew when an agreement changes or its time has
come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from schemas.agreement import Agreement, Operation, Version
from schemas.flow import Consumer
from schemas.narrowing import Clause, area_of
from schemas.platform import Platform

_OPEN = (Clause(),)
"""Open data, and what is one's own: all of it, without an agreement."""
_FOREVER = datetime.max.replace(tzinfo=UTC)
_MOST = 4096


class Rights:
    """Of one consumer, until `until` or until an agreement changes. A platform is given as the registry has it now."""

    __slots__ = ("_found", "_in_force", "consumer", "until")

    def __init__(self, consumer: Consumer, in_force: Sequence[tuple[str, Version]], until: datetime) -> None:
        self.consumer = consumer
        self.until = until
        self._in_force = in_force
        self._found: dict[tuple[str, Operation], tuple[Platform, tuple[Clause, ...]]] = {}

    def clauses(self, platform: Platform, operation: Operation = Operation.READ) -> tuple[Clause, ...]:
        """What the consumer may do that with; none: nothing. One that keeps nothing back stands alone."""
        known = self._found.get((platform.id, operation))
        if known is not None and known[0] is platform:
            return known[1]
        made = self._clauses(platform, operation)
        self._found[platform.id, operation] = (platform, made)
        return made

    def _clauses(self, platform: Platform, operation: Operation) -> tuple[Clause, ...]:
        reading = operation is not Operation.WRITE
        if platform.open_data is True and reading:
            return _OPEN
        if platform.organisation is not None and platform.organisation == self.consumer.organisation and reading:
            return _OPEN
        found = []
        if platform.open_data and not isinstance(platform.open_data, bool) and reading:
            found.append(Clause(types=frozenset(platform.open_data)))
        for agreement, version in self._in_force:
            terms = version.terms
            if operation not in terms.operations or terms.provider_area != platform.area:
                continue
            if terms.platforms and platform.id not in terms.platforms:
                continue
            clause = Clause(
                agreement,
                version.number,
                terms.types,
                terms.attributes,
                area_of(terms.geometry),
                terms.operations,
                terms.quota,
            )
            if clause.whole:
                return (clause,)
            found.append(clause)
        return tuple(found)


class AgreementIndex:
    """All agreements, as the change feed has them."""

    def __init__(self) -> None:
        self._agreements: dict[str, Agreement] = {}
        self._rights: dict[str, Rights] = {}

    def replace(self, agreements: Iterable[Agreement]) -> None:
        self._agreements = {a.id: a for a in agreements}
        self._rights.clear()

    def get(self, agreement: str) -> Agreement | None:
        return self._agreements.get(agreement)

    def holds(self, agreement: str, version: int | None, now: datetime) -> bool:
        """Whether that version of it still lets data flow."""
        known = self._agreements.get(agreement)
        found = None if known is None else known.in_force(now)
        return found is not None and found.number == version

    def rights(self, consumer: Consumer, now: datetime) -> Rights:
        """What a consumer may use now."""
        known = self._rights.get(consumer.service)
        if known is not None and now < known.until and _same(known.consumer, consumer):
            return known
        if len(self._rights) >= _MOST:
            self._rights.clear()
        made = self._make(consumer, now)
        self._rights[consumer.service] = made
        return made

    def _make(self, consumer: Consumer, now: datetime) -> Rights:
        found = []
        until = _FOREVER
        for agreement in self._agreements.values():
            version = agreement.approved
            if version is None or not _concerns(version, consumer):
                continue
            # the moments at which time alone changes something
            for moment in (version.terms.valid_from, version.terms.valid_to):
                if now < moment < until:
                    until = moment
            if agreement.in_force(now) is not None:
                found.append((agreement.id, version))
        return Rights(consumer, found, until)


def _concerns(version: Version, consumer: Consumer) -> bool:
    terms = version.terms
    return (
        terms.consumer_organisation == consumer.organisation
        and (terms.consumer_project is None or terms.consumer_project == consumer.project)
        and (not terms.services or consumer.service in terms.services)
    )


def _same(a: Consumer, b: Consumer) -> bool:
    return a is b or (a.organisation == b.organisation and a.project == b.project)
