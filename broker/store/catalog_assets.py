"""Which datasets count as 連携データアセット: usable ones, each once however many catalogues have it."""

from __future__ import annotations

from dataclasses import dataclass

from broker.store.database import Database

USABLE = 60
"""The score from which a dataset counts, if nobody says otherwise (`catalog.quality`)."""

# A series holds no data of its own: its members do.
_DATASETS = "(SELECT * FROM catalog_datasets WHERE document::json ->> 'is_series' IS NULL) AS d"
# One row for each cluster: the same dataset in several catalogues is one asset, as good as its best copy.
_ASSETS = f"""
SELECT DISTINCT ON (cluster) id, source, identifier, live, areas, publisher, score
FROM {_DATASETS} ORDER BY cluster, score DESC, id"""  # noqa: S608
_COUNTED = f"""
SELECT count(*) FILTER (WHERE live AND score >= $1) AS live,
    count(*) FILTER (WHERE NOT live AND score >= $1) AS harvested,
    count(*) FILTER (WHERE score < $1) AS poor,
    (SELECT count(*) FROM {_DATASETS}) - count(*) AS duplicates
FROM ({_ASSETS}) AS a"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Asset:
    """A dataset that counts. Of a live one `source` is `live:PLATFORM` and `identifier` the IRI of its type."""

    id: str
    source: str
    identifier: str
    live: bool
    areas: tuple[str, ...]
    publisher: str
    score: int

    @property
    def platform(self) -> str:
        """Whose flows are those of this asset: the platform of a live one, the catalogue of a harvested one."""
        return self.source.partition(":")[2] if self.live else self.source


@dataclass(frozen=True, slots=True)
class AssetCounts:
    """`poor` are those below the threshold, `duplicates` the copies of what another catalogue has as well."""

    live: int
    harvested: int
    poor: int
    duplicates: int

    @property
    def usable(self) -> int:
        return self.live + self.harvested


class CatalogAssets:
    """Methods raise `StoreUnavailable`. `least`: the score from 0 to 100 from which a dataset counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def usable(self, least: int = USABLE) -> list[Asset]:
        """In order of id."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT * FROM ({_ASSETS}) AS a WHERE score >= $1 ORDER BY id",  # noqa: S608
                least,
            )
        return [
            Asset(r["id"], r["source"], r["identifier"], r["live"], tuple(r["areas"]), r["publisher"], r["score"])
            for r in rows
        ]

    async def live_scores(self) -> dict[str, dict[str, int]]:
        """Platform → IRI of a type → score, of all live ones, poor ones included. Live data is nobody's copy."""
        async with self._database.connection() as connection:
            rows = await connection.fetch("SELECT source, identifier, score FROM catalog_datasets WHERE live")
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["source"].partition(":")[2], {})[row["identifier"]] = row["score"]
        return found

    async def counted(self, least: int = USABLE) -> AssetCounts:
        """How many there are."""
        async with self._database.connection() as connection:
            return AssetCounts(*await connection.fetchrow(_COUNTED, least))
