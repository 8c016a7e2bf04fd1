"""What there is in the local store: types, attributes, and how they go together (clauses 5.7.5 to 5.7.10)."""

from __future__ import annotations

from broker.store.database import Database
from broker.store.text import storable
from schemas.ngsi_ld.discovery import AttributeInfo, TypeInfo
from schemas.ngsi_ld.model import ENTITY_MEMBERS

_MEMBERS = sorted(ENTITY_MEMBERS)
_LIVE = "e.tenant = $1 AND (e.expires_at IS NULL OR e.expires_at > now())"
_KINDS = """LATERAL jsonb_array_elements(
    CASE jsonb_typeof(a.value) WHEN 'array' THEN a.value ELSE jsonb_build_array(a.value) END) AS i (instance)"""
_BY_TYPE = f"""
SELECT t.type, array_agg(DISTINCT a.name) FILTER (WHERE a.name IS NOT NULL)
FROM entities e CROSS JOIN LATERAL unnest(e.types) AS t (type)
LEFT JOIN LATERAL jsonb_object_keys(e.entity) AS a (name) ON a.name <> ALL($2::text[])
WHERE {_LIVE} GROUP BY t.type"""  # noqa: S608
_OF_TYPE = f"""
SELECT a.name, array_agg(DISTINCT i.instance ->> 'type') FILTER (WHERE i.instance ->> 'type' IS NOT NULL)
FROM entities e CROSS JOIN LATERAL jsonb_each(e.entity) AS a (name, value) CROSS JOIN {_KINDS}
WHERE {_LIVE} AND e.types @> ARRAY[$3] AND a.name <> ALL($2::text[]) GROUP BY a.name"""  # noqa: S608
_COUNT = f"SELECT count(*) FROM entities e WHERE {_LIVE} AND e.types @> ARRAY[$2]"  # noqa: S608
_NAMES = f"""
SELECT DISTINCT a.name FROM entities e CROSS JOIN LATERAL jsonb_object_keys(e.entity) AS a (name)
WHERE {_LIVE} AND a.name <> ALL($2::text[])"""  # noqa: S608
_BY_ATTRIBUTE = f"""
SELECT a.name, array_agg(DISTINCT t.type)
FROM entities e CROSS JOIN LATERAL unnest(e.types) AS t (type)
CROSS JOIN LATERAL jsonb_object_keys(e.entity) AS a (name)
WHERE {_LIVE} AND a.name <> ALL($2::text[]) GROUP BY a.name"""  # noqa: S608
_OF_ATTRIBUTE = f"""
SELECT count(DISTINCT e.id), array_agg(DISTINCT i.instance ->> 'type') FILTER (WHERE i.instance ->> 'type' IS NOT NULL),
    array_agg(DISTINCT t.type)
FROM entities e CROSS JOIN LATERAL unnest(e.types) AS t (type)
CROSS JOIN LATERAL (SELECT e.entity -> $2::text) AS a (value) CROSS JOIN {_KINDS}
WHERE {_LIVE} AND e.entity ? $2::text"""  # noqa: S608


class LocalDiscovery:
    """Read from the entities themselves, so it is as dear as they are many. All methods raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def types(self, tenant: str) -> dict[str, list[str]]:
        """Type → attributes that its entities have, sorted."""
        return await self._table(_BY_TYPE, tenant)

    async def attributes(self, tenant: str) -> list[str]:
        """The attributes that there are, sorted."""
        if not storable(tenant):
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(_NAMES, tenant, _MEMBERS)
        return sorted(row[0] for row in rows)

    async def types_of_attributes(self, tenant: str) -> dict[str, list[str]]:
        """Attribute → types of the entities that have it, sorted."""
        return await self._table(_BY_ATTRIBUTE, tenant)

    async def type(self, tenant: str, name: str) -> TypeInfo:
        """What there is of one type; a count of 0 if nothing."""
        if not storable(tenant) or not storable(name):
            return TypeInfo()
        async with self._database.connection() as connection:
            count = await connection.fetchval(_COUNT, tenant, name)
            rows = await connection.fetch(_OF_TYPE, tenant, _MEMBERS, name) if count else []
        return TypeInfo(count, {attribute: sorted(kinds or ()) for attribute, kinds in sorted(rows)})

    async def attribute(self, tenant: str, name: str) -> AttributeInfo:
        """What there is of one attribute; a count of 0 if nothing."""
        if not storable(tenant) or not storable(name) or name in ENTITY_MEMBERS:
            return AttributeInfo()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_OF_ATTRIBUTE, tenant, name)
        count, kinds, types = row if row is not None else (0, None, None)
        return AttributeInfo(count, sorted(kinds or ()), sorted(types or ()))

    async def _table(self, statement: str, tenant: str) -> dict[str, list[str]]:
        if not storable(tenant):
            return {}
        async with self._database.connection() as connection:
            rows = await connection.fetch(statement, tenant, _MEMBERS)
        return {name: sorted(names or ()) for name, names in sorted(rows, key=lambda row: row[0])}
