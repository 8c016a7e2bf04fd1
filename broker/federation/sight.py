"""What one request may see: the registry's sources through the rights of its caller. The one place that all pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

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

    __slots__ = ("_operation", "_registry", "admitted", "rights", "spent", "withheld")

    def __init__(self, registry: Registry, rights: Rights | None, operation: Operation = Operation.READ) -> None:
        self._registry = registry
        self._operation = operation
        self.rights = rights
        self.withheld = False
        """Something was kept back, or may have been, since no right covers it."""
        self.admitted: set[str] = set()
        """Agreements by whose quotas the request has been counted."""
        self.spent: dict[str, datetime] = {}
        """Those that are used up, and until when."""

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
        return tuple(seen)

    def local(self, tenant: str) -> LocalRight:
        """The rights at the local store of a tenant."""
        if self.rights is None:
            return LocalRight(None)
        held = [s.platform for s in self._registry.sources(tenant) if not s.network]
        # whatever is asked of it is asked of all of it
        platforms = held or [self._registry.local_platform(tenant)]
        every = [self.rights.clauses(p, self._operation) for p in platforms]
        found = [tuple(c for c in clauses if c.agreement not in self.spent) for clauses in every]
        free = [c for c in found if _free(c)]
        if found and len(free) == len(found):
            return LocalRight(free[0])
        return LocalRight(tuple(c for clauses in found for c in clauses if not c.whole) if not free else ())

    def past(self, sources: Iterable[Source]) -> list[Source]:
        """Of given sources of the registry those of whose past anything may be seen, with the rights that what they
        give has to be cut to (`schemas.narrowing_past`)."""
        if self.rights is None:
            return list(sources)
        seen = []
        for source in sources:
            clauses = self.clauses(source)
            self.withheld = self.withheld or not clauses or not clauses[0].whole
            if clauses:
                seen.append(replace(source, clauses=clauses))
        return seen

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
                if limited(query, found.clauses):
                    self.withheld = True
                if not any(narrow(query, clause) is not None for clause in found.clauses):
                    continue
            seen.append(found)
        return sources if same else seen

    @property
    def notices(self) -> tuple[str, ...]:
        """Warnings for the answer."""
        found = [WITHHELD] if self.withheld else []
        if self.spent:
            until = max(self.spent.values()).isoformat()
            found.append(f'299 kakehashi "Parts of the answer are withheld: a quota is used up until {until}"')
        return tuple(found)

    def _seen(self, source: Source) -> Source | None:
        clauses = self.clauses(source)
        if not clauses:
            return None
        if len(clauses) == 1 and clauses[0].whole and clauses[0].agreement is None:
            return source
        return agreed(source, clauses)


class LocalRight:
    """What a request may see of the local store where no source of the federation stands for it."""

    __slots__ = ("_clauses",)

    def __init__(self, clauses: tuple[Clause, ...] | None) -> None:
        self._clauses = clauses
        """None: everything."""

    @property
    def free(self) -> bool:
        """Nothing is kept back."""
        return self._clauses is None or _free(self._clauses)

    def covers(self, type_iri: str, attribute_iri: str | None = None) -> bool:
        return self._clauses is None or any(c.covers(type_iri, attribute_iri) for c in self._clauses)

    def counts(self, type_iri: str) -> bool:
        """Whether how many entities of a type there are may be told: not where only those of an area may be seen."""
        return self._clauses is None or any(c.covers(type_iri) and c.area is None for c in self._clauses)


_ALL = (Clause(),)


def _free(clauses: tuple[Clause, ...]) -> bool:
    return bool(clauses) and clauses[0].whole


def _whole(clauses: tuple[Clause, ...]) -> bool:
    return not clauses or clauses[0].whole
