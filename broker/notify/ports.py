"""What notifying needs of the house and does not import: questions to all sources, and metering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from schemas.flow import Consumer
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


@dataclass(frozen=True, slots=True)
class Found:
    """`entities`, and by id those that they lead to."""

    entities: Sequence[Entity]
    linked: Mapping[str, Entity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Permitted:
    """For each entity what may be shown of it: itself if that is all, None if it is nothing. By which agreement, if it
    is by one."""

    entities: Sequence[Entity | None]
    agreement: str | None = None
    version: int | None = None


class Sources(Protocol):
    """Errors: KakehashiError; nothing that was asked may leave before these have returned."""

    async def query(self, query: EntityQuery, occasion: Occasion) -> Found:
        """A query of all sources, its flows settled as operation "notify"."""

    async def linked(
        self, entities: Sequence[Entity], join: Join, query: EntityQuery, occasion: Occasion
    ) -> Mapping[str, Entity]:
        """The entities that some lead to, likewise. `query` has their context."""

    def permitted(self, entities: Sequence[Entity], occasion: Occasion, context: Context) -> Permitted:
        """What the consumer may have of changed local entities, which are in `context`."""

    async def settle(
        self, occasion: Occasion, permitted: Permitted, types: tuple[str, ...], entities: int, size: int
    ) -> None:
        """Record durably what of the local store is about to be delivered. The same occasion is recorded once."""


class Registrations(Protocol):
    """The platforms that are registered."""

    async def all(self) -> list[Platform]: ...
