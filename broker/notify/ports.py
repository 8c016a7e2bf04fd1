"""What notifying needs of the house and does not import: questions to all sources, and metering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from schemas.flow import Consumer
from schemas.narrowing import Clause
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.linked import Join
from schemas.ngsi_ld.query import EntityQuery
from schemas.platform import Platform

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why something is asked or delivered. `id`: that of the notification, which is the request's in its flows; the
    same when it is sent again."""

    id: UUID
    time: datetime
    consumer: Consumer
    tenant: str
    platform: str | None = None
    """Which platform told it, None for the local store."""


@dataclass(frozen=True, slots=True)
class Found:
    """`entities`, and by id those that they lead to."""

    entities: Sequence[Entity]
    linked: Mapping[str, Entity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Permitted:
    """For each entity what may be shown of it: itself if that is all, None if it is nothing; `clauses`: by which
    agreements, if it is by some."""

    entities: Sequence[Entity | None]
    clauses: Sequence[Clause] = ()


class Sources(Protocol):
    """Errors: KakehashiError; nothing that was asked may leave before these have returned."""

    async def query(self, query: EntityQuery, occasion: Occasion) -> Found:
        """A query of all sources, its flows settled as operation "notify"."""

    async def linked(
        self, entities: Sequence[Entity], join: Join, query: EntityQuery, occasion: Occasion
    ) -> Mapping[str, Entity]:
        """The entities that some lead to, likewise. `query` has their context."""

    async def permitted(self, entities: Sequence[Entity], occasion: Occasion, context: Context) -> Permitted:
        """What the consumer may have of entities that have changed, which are in `context`; counted by the quotas of
        its agreements."""

    async def settle(
        self, occasion: Occasion, permitted: Permitted, types: tuple[str, ...], entities: int, size: int
    ) -> None:
        """Record durably what is about to be delivered. The same occasion is recorded once."""


class Registrations(Protocol):
    """The platforms that are registered."""

    async def all(self) -> list[Platform]: ...
