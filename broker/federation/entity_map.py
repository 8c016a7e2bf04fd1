"""Which source holds which entity of an answer, and what is asked of whom when an EntityMap is paged. Pure.

Clauses 4.5.25, 5.2.39, 5.5.9.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from broker.federation.engine import Result
from broker.federation.execute import Collected
from schemas.outcome import Status

LOCAL = "@none"
IDS_IN_A_QUESTION = 100
"""They stand in the URLs of questions."""
_WHOLE = (Status.OK, Status.EMPTY)


def holders(result: Result) -> list[tuple[str, tuple[str, ...]]]:
    """The ids of the answer in its order, each with the registrations that gave it."""
    found: dict[str, list[str]] = {entity["id"]: [] for entity in result.entities or ()}
    for c in result.collected:
        source = c.step.source
        name = source.id if source.network else LOCAL
        for entity in dict.fromkeys(c.ids()):
            if entity in found:
                found[entity].append(name)
    return [(entity, tuple(names)) for entity, names in found.items()]


def questions(
    entries: Iterable[tuple[str, Sequence[str]]],
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(sources, ids): every entity is asked of the sources that hold it, of no other, and not too many at once."""
    by_sources: dict[tuple[str, ...], list[str]] = {}
    for entity, sources in entries:
        by_sources.setdefault(tuple(sources), []).append(entity)
    for names, ids in by_sources.items():
        for start in range(0, len(ids), IDS_IN_A_QUESTION):
            yield names, tuple(ids[start : start + IDS_IN_A_QUESTION])


def linked(results: Iterable[Result], known: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """The EntityMaps that sources made of the query, by source, as they gave them; with those that were `known`, what
    is to change of them: None for one that its source does not use any more.

    A map that a source makes in the place of a lost one is of that page's question only, and links to nothing.
    """
    found: dict[str, str | None] = {}
    for result in results:
        for c in result.collected:
            source = c.step.source.id
            if known:
                if source in known and c.outcome.complete and c.entity_map != known[source]:
                    found[source] = None
            elif c.entity_map:
                # of two questions neither map is of the whole
                found[source] = None if source in found else c.entity_map
    return found


def answered(result: Result) -> bool:
    """Every source that was asked gave all that it has: what did not come is not there."""
    return all(c.outcome.status in _WHOLE for c in result.collected)


def credit(collected: Iterable[Collected], shown: Iterable[str]) -> None:
    """Every source's flow tells how many entities of the page it gave."""
    ids = frozenset(shown)
    for c in collected:
        c.outcome.entities = len(ids.intersection(c.ids()))
