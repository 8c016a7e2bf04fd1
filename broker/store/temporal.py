"""Writing temporal evolutions (clauses 5.6.11 to 5.6.16): added to, corrected, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from broker.store.database import Database
from broker.store.temporal_record import deletion, scope_deletion
from broker.store.temporal_rows import body_text, copy, row, write
from broker.store.text import require_key, storable
from schemas.errors import NotFound
from schemas.ngsi_ld.temporal import Instance
from schemas.ngsi_ld.temporal_entity import ended

_WHERE = "tenant = $1 AND entity = $2"
_SAME = """
DELETE FROM temporal_values v
USING unnest($3::text[], $4::text[], $5::timestamptz[]) AS given (attribute, dataset, time)
WHERE v.tenant = $1 AND v.entity = $2 AND v.time = given.time AND v.observed_at = given.time
    AND v.attribute = given.attribute AND v.dataset = given.dataset"""


class Evolutions:
    """Names are IRIs. All methods raise StoreUnavailable; those that add, BadRequestData for what can't be stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, tenant: str, entity: str, types: Sequence[str], instances: Sequence[Instance], *, create: bool
    ) -> bool:
        """Add instances and types; whether the evolution was made. Without `create` NotFound if it is not there.

        An attribute (of one dataset) has one value at a time: an instance that was observed at the same instant as one
        that is there takes its place.
        """
        require_key(tenant, "NGSILD-Tenant")
        now = _now()
        kept = {_key(one) or n: ended(one, now) for n, one in enumerate(instances)}
        rows = [row(tenant, entity, one, now) for one in kept.values()]
        async with self._database.transaction() as connection:
            if not create:
                await _require(connection, tenant, entity)
            made = await write(connection, tenant, [(entity, types)], (), now)
            keys = [key for key in kept if isinstance(key, tuple)]
            if keys and not made[0]:
                await connection.execute(_SAME, tenant, entity, *(list(part) for part in zip(*keys, strict=True)))
            await copy(connection, rows)
        return made[0]

    async def types(self, tenant: str, entity: str) -> tuple[str, ...]:
        """The types (IRIs) that the entity is known to have had; none if nothing is known of it."""
        if not storable(tenant) or not storable(entity):
            return ()
        async with self._database.connection() as connection:
            types = await connection.fetchval(
                "SELECT types FROM temporal_entities WHERE tenant = $1 AND id = $2", tenant, entity
            )
        return tuple(types or ())

    async def delete(self, tenant: str, entity: str) -> None:
        """The whole evolution. NotFound."""
        async with self._database.transaction() as connection:
            await _require(connection, tenant, entity)
            await connection.execute("DELETE FROM temporal_entities WHERE tenant = $1 AND id = $2", tenant, entity)
            await connection.execute(f"DELETE FROM temporal_values WHERE {_WHERE}", tenant, entity)  # noqa: S608

    async def delete_attribute(self, tenant: str, entity: str, attribute: str, dataset: str | None) -> None:
        """All instances of one dataset ("" is the default one), or None: of all. NotFound: there are none."""
        async with self._database.transaction() as connection:
            await _require(connection, tenant, entity)
            done = await connection.execute(
                f"DELETE FROM temporal_values WHERE {_WHERE} AND attribute = $3"  # noqa: S608
                " AND ($4::text IS NULL OR dataset = $4)",
                tenant,
                entity,
                _known(attribute, attribute),
                dataset if dataset is None else _known(dataset, dataset),
            )
            if done == "DELETE 0":
                raise NotFound("there is no such attribute in this evolution", field="attrId", value=attribute)
            await _touch(connection, tenant, entity)

    async def replace_instance(self, tenant: str, entity: str, attribute: str, name: UUID, new: Instance) -> None:
        """Keeps createdAt and the instanceId (clause 5.6.14). NotFound."""
        now = _now()
        new = ended(new, now)
        async with self._database.transaction() as connection:
            await _require(connection, tenant, entity)
            done = await connection.execute(
                "UPDATE temporal_values SET dataset = $5, observed_at = $6, deleted_at = $7, body = $8,"  # noqa: S608
                f" time = coalesce($6, $7, created_at), modified_at = $9 WHERE {_WHERE} AND attribute = $3"
                " AND instance = $4",
                *(tenant, entity, _known(attribute, attribute), name),
                *(new.dataset, new.observed_at, new.deleted_at, body_text(new), now),
            )
            _require_one(done, name)
            await _touch(connection, tenant, entity)

    async def delete_instance(self, tenant: str, entity: str, attribute: str, name: UUID) -> None:
        """NotFound."""
        async with self._database.transaction() as connection:
            await _require(connection, tenant, entity)
            done = await connection.execute(
                f"DELETE FROM temporal_values WHERE {_WHERE} AND attribute = $3 AND instance = $4",  # noqa: S608
                *(tenant, entity, _known(attribute, attribute), name),
            )
            _require_one(done, name)
            await _touch(connection, tenant, entity)

    async def end_attribute(self, tenant: str, entity: str, attribute: str, dataset: str | None) -> bool:
        """Record that an attribute ended, of an entity that is known by its evolution alone; whether there was one.
        `dataset` as of `delete_attribute`."""
        if not all(map(storable, (tenant, entity, attribute, dataset or ""))):
            return False
        now = _now()
        async with self._database.transaction() as connection:
            latest = await connection.fetch(
                "SELECT DISTINCT ON (dataset) dataset, body ->> 'type' AS kind, deleted_at FROM temporal_values"  # noqa: S608
                f" WHERE {_WHERE} AND attribute = $3 AND ($4::text IS NULL OR dataset = $4)"
                " ORDER BY dataset, time DESC",
                *(tenant, entity, attribute, dataset),
            )
            rows = [
                row(
                    tenant,
                    entity,
                    scope_deletion(now) if attribute == "scope" else deletion(attribute, d, kind, now),
                    now,
                )
                for d, kind, deleted in latest
                if deleted is None
            ]
            if rows:
                await write(connection, tenant, [(entity, ())], rows, now)
        return bool(rows)


async def _require(connection: asyncpg.Connection, tenant: str, entity: str) -> None:
    found = None
    if storable(tenant) and storable(entity):
        found = await connection.fetchval(
            "SELECT 1 FROM temporal_entities WHERE tenant = $1 AND id = $2 FOR UPDATE",
            tenant,
            entity,
        )
    if found is None:
        raise NotFound("nothing is known of how this entity evolved", field="id", value=entity)


async def _touch(connection: asyncpg.Connection, tenant: str, entity: str) -> None:
    await connection.execute(
        "UPDATE temporal_entities SET modified_at = $3 WHERE tenant = $1 AND id = $2", tenant, entity, _now()
    )


def _key(one: Instance) -> tuple[str, str, datetime] | None:
    return None if one.observed_at is None else (one.attribute, one.dataset, one.observed_at)


def _known(text: str, value: str) -> str:
    if not storable(text):
        raise NotFound("there is no such attribute in this evolution", field="attrId", value=ascii(value))
    return text


def _require_one(done: str, name: UUID) -> None:
    if done in ("UPDATE 0", "DELETE 0"):
        raise NotFound("the attribute has no such instance", field="instanceId", value=str(name))


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
