"""The background task that publishes and pushes, in every worker; whoever comes first does the work."""

from __future__ import annotations

from adapters.upstream import Upstream
from broker.background import Periodic
from broker.identity.secrets import SecretBox
from broker.kpi.programme import Programme
from broker.kpi.publishing import Publisher, Wrote
from broker.kpi.push import Pusher
from broker.store.entities import Entities
from broker.store.kpi_feed import KpiFeed

_PUSH_SECONDS = 5.0
_PUBLISH_TURNS = 12


class Courier:
    def __init__(self, publisher: Publisher, pusher: Pusher) -> None:
        self.publisher = publisher
        self.pusher = pusher
        self.periodic = Periodic("kpi-courier", self.turn, _PUSH_SECONDS)
        self._turns = 0

    async def turn(self) -> None:
        """Push what is due, and at every so manieth turn publish before. Raises StoreUnavailable."""
        if self._turns % _PUBLISH_TURNS == 0:
            await self.publisher.turn()
        self._turns += 1
        await self.pusher.turn()


def make_courier(
    programme: Programme, entities: Entities, wrote: Wrote, upstream: Upstream, box: SecretBox, public_url: str
) -> Courier:
    """Events come from `public_url`, or from a gateway that has none."""
    feed = KpiFeed(programme.database)
    return Courier(
        Publisher(programme, feed, entities, wrote), Pusher(feed, upstream, box, source=public_url or "urn:kakehashi")
    )
