"""What a process that serves does again and again beside its requests."""

from __future__ import annotations

from functools import partial

from broker.background import Periodic
from broker.house import House
from broker.store.database import Database
from broker.store.entity_maps import EntityMaps
from broker.store.flows_upkeep import upkeep
from broker.store.ledger_upkeep import ledger_upkeep
from broker.store.temporal_upkeep import temporal_upkeep
from broker.store.usage_rollup import roll_up

_SWEEP_SECONDS = 1.0
_NEWCOMERS_SECONDS = 1.0
_COUNTERS_SECONDS = 1.0
_ROLL_UP_SECONDS = 5.0
_UPKEEP_SECONDS = 3600.0


def periodics(house: House) -> tuple[Periodic, ...]:
    """All of them, not started yet."""
    database = house.database
    return (
        Periodic("expiry", house.entities.sweep, _SWEEP_SECONDS, at_once=True),
        Periodic("roll-up", partial(roll_up, database), _ROLL_UP_SECONDS),
        house.courier.periodic,
        *house.catalogue.periodics,
        Periodic("newcomers", house.looking.at_newcomers, _NEWCOMERS_SECONDS),
        Periodic("counters", house.counting.write, _COUNTERS_SECONDS),
        Periodic("platforms", partial(_look_after, house), house.settings.probe_interval_s),
        Periodic("upkeep", partial(_keep_up, database), _UPKEEP_SECONDS),
    )


async def _look_after(house: House) -> None:
    """Look again at platforms that are not verified, and let go of registrations that have ended."""
    await house.services.used(house.callers.used())
    await house.enrolment.remove_expired()
    house.looking.at_unproven()


async def _keep_up(database: Database) -> None:
    """Make room for the flows of coming months, and let go of what is kept for a while only."""
    await upkeep(database)
    await temporal_upkeep(database)
    await ledger_upkeep(database)
    await EntityMaps(database).sweep()
