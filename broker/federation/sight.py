"""What one request may see: the registry's sources through the rights of its caller. The one place that all pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from broker.federation.agreed import agreed
from broker.identity.agreements.index import Rights
from broker.registry.matching import Judgement
from broker.registry.registry import Registry
from broker.registry.source import Source
from schemas.agreement import Operation
from schemas.narrowing import Clause, limited, narrow
from schemas.ngsi_ld.query import EntityQuery

WITHHELD = '299 kakehashi "Parts of the answer may be withheld: no agreement covers them"'
_NOT_COVERED = "no agreement of the caller covers any of it"


class Sight:
    """Of one request; without `rights` everything is seen, and one sight serves all such requests."""

    __slots__ = ("_operation", "_registry", "rights", "used", "withheld")

    def __init__(self, registry: Registry, rights: Rights | None, operation: Operation = Operation.READ) -> None:
        self._registry = registry
        self._operation = operation
        self.rights = rights
        self.used: dict[str, Clause] = {}
        """The agreements that something is asked by, and a clause of each."""
        self.withheld = False
        """Something was kept back, or may have been, since no right covers it."""

    def match(self, query: EntityQuery) -> list[Source]:
        """The sources that can hold something of the query and may be asked for it, in order of id."""
        found = self._registry.match(query)
        return found if self.rights is None else self._narrowed(found, query)

    def narrowed(self, sources: list[Source], query: EntityQuery) -> list[Source]:
        """Of given sources of the registry those that may be asked for some of the query, as they may be."""
        return sources if self.rights is None else self._narrowed(sources, query)

    def sources(self, tenant: str) -> tuple[Source, ...]:
        """All sources of a tenant in which anything may be seen."""
        found = self._registry.sources(tenant)
        if self.rights is None:
            return found
        seen = [s for s in map(self._seen, found) if s is not None]
        self.withheld = self.withheld or len(seen) < len(found) or any(not _whole(s.clauses) for s in seen)
        for source in seen:
            self._use(source.clauses)
        return tuple(seen)

    def clauses(self, source: Source) -> tuple[Clause, ...]:
        """The rights at a source of the registry; one that keeps nothing back where there are no bounds."""
        return _ALL if self.rights is None else self.rights.clauses(source.platform, self._operation)

    def judge(self, query: EntityQuery) -> list[Judgement]:
        """Every source with the reason why it is left out."""
        judged = self._registry.judge(query)
        if self.rights is None:
            return judged
        rows = []
        for one in judged:
            seen = self._seen(one.source)
            if one.matches and (seen is None or (not _whole(seen.clauses) and seen.adapter.plan(query) is None)):
                one = replace(one, matches=False, reason=_NOT_COVERED)
            rows.append(one if seen is None else replace(one, source=seen))
        return rows

    def _narrowed(self, sources: list[Source], query: EntityQuery) -> list[Source]:
        seen: list[Source] = []
        same = True
        for source in sources:
            found = self._seen(source)
            if found is None:
                same, self.withheld = False, True
                continue
            if found is not source:
                same = False
                covering = [c for c in found.clauses if narrow(query, c) is not None]
                if limited(query, found.clauses):
                    self.withheld = True
                if not covering:
                    continue
                self._use(covering)
            seen.append(found)
        return sources if same else seen

    def _use(self, clauses: Iterable[Clause]) -> None:
        self.used.update((c.agreement, c) for c in clauses if c.agreement is not None)

    def _seen(self, source: Source) -> Source | None:
        clauses = self.clauses(source)
        if not clauses:
            return None
        if len(clauses) == 1 and clauses[0].whole and clauses[0].agreement is None:
            return source
        return agreed(source, clauses)


_ALL = (Clause(),)


def _whole(clauses: tuple[Clause, ...]) -> bool:
    return not clauses or clauses[0].whole
