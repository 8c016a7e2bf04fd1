"""The EntityMaps that are kept for paging (clauses 5.2.39, 5.14), for all processes, until they expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from uuid import uuid4

import orjson

from broker.store.database import Database
from broker.store.text import require_key, storable

MAX_MAPS = 50
"""Of one service; the one that would end first makes room for the next."""

_PREFIX = "urn:ngsi-ld:entitymap:"


@dataclass(frozen=True, slots=True)
class StoredMap:
    """`digest` is that of the question that made it. `owner`: the service that asked it. `linked`: the maps that
    sources keep of the same question, by source, as they gave them."""

    id: str
    tenant: str
    owner: str
    digest: bytes
    expires_at: datetime
    linked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entity and the registrations that hold it, `@none` for the local store. Positions have gaps."""

    position: int
    entity: str
    sources: tuple[str, ...]


class EntityMaps:
    """All methods raise `StoreUnavailable`. A map that has expired is not there, swept or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        tenant: str,
        owner: str,
        digest: bytes,
        expires_at: datetime,
        entries: Sequence[tuple[str, Sequence[str]]],
        linked: Mapping[str, str] = MappingProxyType({}),
    ) -> StoredMap:
        """Keep these entities in this order, each with its sources. Expired maps of everyone go."""
        require_key(tenant, "NGSILD-Tenant")
        made = StoredMap(_PREFIX + uuid4().hex, tenant, owner, digest, expires_at, linked)
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM entity_maps WHERE expires_at <= $1", _now())
            await connection.execute(
                "INSERT INTO entity_maps (id, tenant, owner, digest, expires_at, linked)"
                " VALUES ($1, $2, $3, $4, $5, $6::jsonb)",
                made.id,
                tenant,
                owner,
                digest,
                expires_at,
                orjson.dumps(dict(linked)).decode(),
            )
            await connection.copy_records_to_table(
                "entity_map_entries",
                columns=("map", "position", "entity", "sources"),
                records=[(made.id, n, entity, list(sources)) for n, (entity, sources) in enumerate(entries)],
            )
            await connection.execute(
                "DELETE FROM entity_maps WHERE id IN (SELECT id FROM entity_maps WHERE owner = $1 AND id <> $2"
                " ORDER BY expires_at DESC, id OFFSET $3)",
                owner,
                made.id,
                MAX_MAPS - 1,
            )
        return made

    async def get(self, tenant: str, name: str) -> StoredMap | None:
        if not storable(name):
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT id, tenant, owner, digest, expires_at, linked FROM entity_maps"
                " WHERE id = $1 AND tenant = $2 AND expires_at > $3",
                name,
                tenant,
                _now(),
            )
        return None if row is None else StoredMap(**{**row, "linked": orjson.loads(row["linked"])})

    async def count(self, name: str, ids: Sequence[str] = ()) -> int:
        """How many entities are in a map, or which of `ids` are."""
        async with self._database.connection() as connection:
            found: int = await connection.fetchval(
                "SELECT count(*) FROM entity_map_entries WHERE map = $1 AND ($2::text[] = '{}' OR entity = ANY($2))",
                name,
                list(ids),
            )
        return found

    async def entries(
        self, name: str, *, after: int = -1, offset: int = 0, limit: int | None = None, ids: Sequence[str] = ()
    ) -> list[Entry]:
        """In the map's order, behind position `after`; only `ids`, if there are any."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT position, entity, sources FROM entity_map_entries"
                " WHERE map = $1 AND position > $2 AND ($3::text[] = '{}' OR entity = ANY($3))"
                " ORDER BY position OFFSET $4 LIMIT $5",
                name,
                after,
                list(ids),
                offset,
                limit,
            )
        return [Entry(row["position"], row["entity"], tuple(row["sources"])) for row in rows]

    async def remove(self, name: str, positions: Sequence[int]) -> None:
        """Entities that fit the query no longer (clause 5.5.9.3)."""
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM entity_map_entries WHERE map = $1 AND position = ANY($2::int[])", name, list(positions)
            )

    async def link(self, name: str, changes: Mapping[str, str | None]) -> None:
        """Maps of sources that this one links to from now on, and those (None) that it does no more."""
        if not changes:
            return
        kept = {source: other for source, other in changes.items() if other is not None}
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE entity_maps SET linked = (linked - $2::text[]) || $3::jsonb WHERE id = $1",
                name,
                list(changes),
                orjson.dumps(kept).decode(),
            )

    async def prolong(self, name: str, expires_at: datetime) -> None:
        """Another end; one in the past ends it now."""
        async with self._database.connection() as connection:
            await connection.execute("UPDATE entity_maps SET expires_at = $2 WHERE id = $1", name, expires_at)

    async def delete(self, name: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM entity_maps WHERE id = $1", name)

    async def sweep(self) -> None:
        """Take away what has expired."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM entity_maps WHERE expires_at <= $1", _now())


def _now() -> datetime:
    return datetime.now(UTC)
