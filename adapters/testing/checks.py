"""The named checks, and running them against any adapter instance, without pytest. They only read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from adapters.contract import Adapter, SourceContext
from adapters.testing import filter_checks, paging_checks, reading_checks
from adapters.testing.session import Failed, Session, Skipped
from schemas.errors import SourceError
from schemas.ngsi_ld.context import CORE, Context

_SIMPLE: tuple[tuple[str, str, Callable[[Session], Awaitable[str]]], ...] = (
    ("types", "It lists its entity types as IRIs", reading_checks.types_listed),
    ("shape", "Entities are normalized NGSI-LD with URIs as ids", reading_checks.shape),
    ("by-type", "A query by type gives entities of that type only", reading_checks.by_type),
    ("unknown-type", "An unknown type gives nothing", reading_checks.unknown_type),
    ("by-id", "Known ids give exactly these entities", reading_checks.by_id),
    ("unknown-id", "An unknown id gives nothing", reading_checks.unknown_id),
    ("retrieve", "One entity by its id is the one that a query gives", reading_checks.retrieve),
    ("contexts", "Names are those of the working context", reading_checks.names_in_context),
    ("deadline", "A deadline that has passed is respected", reading_checks.deadline),
    ("paging", "Pages neither repeat nor lose entities", paging_checks.paging),
    ("end", "There is nothing beyond the end", paging_checks.beyond_the_end),
    ("order", "Entities come in order of id where that is claimed", paging_checks.order),
    ("count", "The total is true where it is claimed", paging_checks.count),
    ("id-pattern", "A pattern for ids is applied, or left to the gateway", filter_checks.pattern),
    ("projection", "A projection is applied, or left to the gateway", filter_checks.projection),
)


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    title: str
    run: Callable[[Session], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`detail`: what was seen. `skipped_reason`: set if the check says nothing here; `ok` is True then."""

    id: str
    title: str
    ok: bool
    detail: str
    skipped_reason: str | None = None


CHECKS: tuple[Check, ...] = (
    *(Check(*simple) for simple in _SIMPLE),
    *(
        Check(f"q:{op}", f"q with {op} finds what it should", filter_checks.q_check(op))
        for op in filter_checks.Q_OPERATORS
    ),
    *(
        Check(f"geo:{relation}", f"A geoquery {relation} finds what it should", filter_checks.geo_check(relation))
        for relation in filter_checks.GEO_RELATIONS
    ),
)


async def run_checks(
    adapter: Adapter,
    new_context: Callable[[], SourceContext],
    contexts: Sequence[Context] = (CORE,),
    *,
    checks: Sequence[Check] = CHECKS,
) -> list[CheckResult]:
    """All checks, one after the other. `new_context` gives a `SourceContext` with a fresh deadline and budget.

    `contexts`: working contexts; the first one is the main one. Live data move between two questions, so a check that
    fails is run once more on a fresh sample, and only then believed.
    """
    session = Session(adapter, new_context, contexts)
    results = []
    for check in checks:
        result = await run_check(check, session)
        if not result.ok:
            session = Session(adapter, new_context, contexts)
            result = await run_check(check, session)
        results.append(result)
    return results


async def run_check(check: Check, session: Session) -> CheckResult:
    """One check. A source's error is a failure of the check."""
    try:
        detail = await check.run(session)
    except Skipped as e:
        return CheckResult(check.id, check.title, True, "", str(e))
    except Failed as e:
        return CheckResult(check.id, check.title, False, str(e))
    except SourceError as e:
        return CheckResult(check.id, check.title, False, f"{type(e).__name__}: {e.detail}")
    return CheckResult(check.id, check.title, True, detail)
