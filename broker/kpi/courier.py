"""The background task that publishes and pushes, in every worker; whoever comes first does the work."""

from __future__ import annotations

from adapters.upstream import Upstream
from broker.background import Periodic
from broker.identity.secrets import SecretBox
from broker.kpi.listing import StatisticsListing
from broker.kpi.programme import Programme
from broker.kpi.publishing import Publisher, Wrote
from broker.kpi.push import Pusher
from broker.settings import Settings
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
    settings: Settings,
    programme: Programme,
    entities: Entities,
    wrote: Wrote,
    upstream: Upstream,
    box: SecretBox,
) -> Courier:
    """Events come from the gateway's public address, or from a gateway that has none."""
    database = programme.database
    feed = KpiFeed(database)
    listing = StatisticsListing(database, settings.organisation, settings.statistics_licence)
    return Courier(
        Publisher(programme, feed, entities, wrote, listing),
        Pusher(feed, upstream, box, source=settings.public_url or "urn:kakehashi"),
    )
