"""Which local entities are wanted, and the SQL of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from broker.store.entity_rows import Bounds
from broker.store.entity_spans import Cover
from broker.store.text import storable

_BRANCHES = 8
"""Types that are looked for one by one, each in order of id."""


@dataclass(frozen=True, slots=True)
class Where:
    """All conditions hold together; one that is None or empty is no condition. Names are IRIs.

    `area`, `predicate` and `covers` are meant for a first cut: the caller knows the true geometry and the
    whole condition.
    """

    ids: Sequence[str] | None = None
    types: Sequence[frozenset[str]] = ()
    """Alternatives; an entity is of all types of at least one."""
    id_prefix: str = ""
    attrs_any: Sequence[str] = ()
    """The entity has at least one of these attributes."""
    area: tuple[str, Bounds] | None = None
    """GeoProperty, and the box that one of its instances touches or comes as near as a millionth of a degree."""
    predicate: str | None = None
    """A jsonpath predicate that holds for the entity (`entity_prefilter`)."""
    covers: Sequence[Cover] = ()
    """Where what is wanted has keys (`entity_spans`): any one of these sets of spans holds all of it."""
    told: bool = False
    """What a cover gives need not be held against the predicate."""

    @property
    def types_only(self) -> bool:
        """Whether there is no condition but on the type, which is any of some."""
        others = (self.id_prefix, self.attrs_any, self.area, self.predicate, self.covers)
        return self.ids is None and not any(others) and all(len(wanted) == 1 for wanted in self.types)


class Sql:
    """Conditions of a statement on `entities e`, with its arguments; `$1` is the tenant.

    `after`: only entities behind this id in the order of ids.
    """

    def __init__(self, tenant: str, where: Where, after: str | None = None) -> None:
        self.arguments: list[Any] = [tenant]
        self.possible = storable(tenant)
        """False if no row can match, so that there is nothing to ask."""
        self._typed = ""
        self._kinds: list[str] = []
        self._parts = ["e.tenant = $1", "(e.expires_at IS NULL OR e.expires_at > now())"]
        if where.ids is not None:
            self._any_of("e.id = ANY({}::text[])", where.ids)
        if after is not None:
            self.possible = self.possible and storable(after)
            self._parts.append(f"e.id > {self.add(after)}::text")
        if where.id_prefix:
            self._prefix(where.id_prefix)
        if where.types:
            self._types(where.types)
        if where.attrs_any:
            self._any_of("e.entity ?| {}::text[]", where.attrs_any)
        if where.predicate is not None:
            self._parts.append(f"e.entity @@ {self.add(where.predicate)}::jsonpath")
        if where.area is not None:
            self._area(*where.area)

    @property
    def text(self) -> str:
        """The conditions as one, for where no order is asked for."""
        return " AND ".join([*self._parts, self._typed] if self._typed else self._parts)

    def apart(self) -> list[str]:
        """The same in parts: what is wanted fulfils exactly one of them, anything else none.

        Those of one type come from an index that has them in order of id, the few of several types from another.
        """
        if not self._typed or len(self._kinds) > _BRANCHES:
            return [self.text]
        common = " AND ".join(self._parts)
        kinds = [f"{common} AND e.kind = {self.add(name)}" for name in self._kinds]
        return [*kinds, f"{common} AND e.kind IS NULL AND {self._typed}"]

    def also(self, condition: str) -> None:
        """One more condition, in SQL."""
        self._parts.append(condition)

    def add(self, argument: object) -> str:
        """The placeholder of one more argument."""
        self.arguments.append(argument)
        return f"${len(self.arguments)}"

    def _any_of(self, condition: str, texts: Sequence[str]) -> None:
        known = [text for text in texts if storable(text)]
        self.possible = self.possible and bool(known)
        self._parts.append(condition.format(self.add(known)))

    def _prefix(self, prefix: str) -> None:
        self.possible = self.possible and storable(prefix)
        self._parts.append(f"e.id ^@ {self.add(prefix)}::text")

    def _types(self, alternatives: Sequence[frozenset[str]]) -> None:
        known = [sorted(wanted) for wanted in alternatives if all(map(storable, wanted))]
        self.possible = self.possible and bool(known)
        self._kinds = sorted({wanted[0] for wanted in known if len(wanted) == 1})
        parts = [f"e.types && {self.add(self._kinds)}::text[]"] if self._kinds else []
        parts += [f"e.types @> {self.add(wanted)}::text[]" for wanted in known if len(wanted) != 1]
        self._typed = f"({' OR '.join(parts)})" if parts else ""

    def _area(self, attribute: str, bounds: Bounds) -> None:
        self.possible = self.possible and storable(attribute)
        # Asked of each row by itself: joined, all of a large area would be sorted for one page of it.
        self._parts.append(
            "(SELECT true FROM entity_boxes b WHERE b.tenant = e.tenant AND b.id = e.id"  # noqa: S608
            f" AND b.attribute = {self.add(attribute)} AND b.bounds && {self._box(bounds)} LIMIT 1)"
        )

    def _box(self, bounds: Bounds) -> str:
        west, south, east, north = (f"{self.add(float(side))}::float8" for side in bounds)
        return f"box(point({west}, {south}), point({east}, {north}))"


class BoxSql(Sql):
    """The ids of the boxes in an area, those of one entity several times, `most` at most."""

    def __init__(self, tenant: str, area: tuple[str, Bounds], most: int) -> None:
        super().__init__(tenant, Where())
        attribute, bounds = area
        self.possible = self.possible and storable(attribute)
        self.statement = (
            f"SELECT b.id FROM entity_boxes b WHERE b.tenant = $1 AND b.attribute = {self.add(attribute)}"  # noqa: S608
            f" AND b.bounds && {self._box(bounds)} LIMIT {self.add(most)}"
        )
