"""The copies of subscriptions at other sources (clause 5.8.1.4): which there are, and which address each notifies."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from broker.store.database import Database
from broker.store.subscriptions import Key, Kind
from broker.store.text import storable

RETRY_SECONDS = 10.0
_PREFIX = "urn:ngsi-ld:Subscription:"

_CLAIM = """
INSERT INTO remote_subscriptions AS r (tenant, kind, subscription, platform, remote, token, tried_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
ON CONFLICT (tenant, kind, subscription, platform) DO UPDATE SET tried_at = now()
WHERE r.digest IS DISTINCT FROM $7
    AND (r.tried_at < now() - make_interval(secs => $8) OR r.made_at >= r.tried_at)
RETURNING remote, token"""


@dataclass(frozen=True, slots=True)
class Remote:
    """`remote`: the copy's id at the platform; `token`: what its notifications are addressed to; `digest`: of the
    document that it has, None if it has none yet."""

    key: Key
    platform: str
    remote: str
    token: str
    digest: bytes | None


class RemoteSubscriptions:
    """All methods raise `StoreUnavailable`. Of several workers that want the same, one gets it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Remote]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT tenant, kind, subscription, platform, remote, token, digest FROM remote_subscriptions"
            )
        return [Remote(Key(row[0], Kind(row[1]), row[2]), *row[3:]) for row in map(tuple, rows)]

    async def claim(self, key: Key, platform: str, digest: bytes) -> tuple[str, str] | None:
        """Id and token of the copy that is now to be made or changed; None if it is so already, another worker is at
        it, or it has just failed."""
        remote, token = _PREFIX + secrets.token_hex(16), secrets.token_urlsafe(32)
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, *key, platform, remote, token, digest, RETRY_SECONDS)
        return None if row is None else (row["remote"], row["token"])

    async def made(self, key: Key, platform: str, digest: bytes) -> None:
        """The platform has it."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE remote_subscriptions SET digest = $5, made_at = now()"
                " WHERE tenant = $1 AND kind = $2 AND subscription = $3 AND platform = $4",
                *key,
                platform,
                digest,
            )

    async def ending(self, remote: Remote) -> bool:
        """True if it is now to be ended by this worker."""
        async with self._database.connection() as connection:
            return bool(
                await connection.fetchval(
                    "UPDATE remote_subscriptions SET tried_at = now(), made_at = NULL WHERE token = $1"
                    " AND (tried_at < now() - make_interval(secs => $2) OR made_at >= tried_at) RETURNING true",
                    remote.token,
                    RETRY_SECONDS,
                )
            )

    async def ended(self, remote: Remote) -> None:
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM remote_subscriptions WHERE token = $1", remote.token)

    async def by_token(self, token: str) -> tuple[Key, str] | None:
        """The subscription that a notification is for, and the platform that sends it."""
        if not storable(token):
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT tenant, kind, subscription, platform FROM remote_subscriptions WHERE token = $1", token
            )
        return None if row is None else (Key(row[0], Kind(row[1]), row[2]), row[3])
