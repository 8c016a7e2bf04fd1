"""Evidence of KPI reports: what the programme names, with the entries of the ledger, in one bundle."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from broker.kpi.bundling import Bundling, Wanted
from broker.kpi.programme import Programme
from broker.metering.ledger.export import Exported, export
from broker.metering.ledger.sequencer import Sequencer
from broker.metering.ledger.signing import LoadSeeds
from broker.store.ledger import Ledger
from schemas.kpi.fiscal import TOKYO

_PAGE = 250
"""Entries at a time: some milliseconds of an event loop that serves others, too."""


class EvidenceDesk:
    """One bundle at a time: what is counted of it stands in memory."""

    def __init__(self, programme: Programme, sequencer: Sequencer, seeds: LoadSeeds) -> None:
        self._programme = programme
        self._sequencer = sequencer
        self._seeds = seeds
        self._one = asyncio.Lock()

    async def write(self, wanted: Wanted, target: Path) -> Exported:
        """A bundle that `kakehashi verify` checks, whole or not at all. Everything that was recorded until now is taken
        into the ledger first.

        Raises NotFound, OperationNotSupported, LedgerDamaged, BadRequestData, SettingsError, StoreUnavailable.
        """
        async with self._one:
            await self._sequencer.catch_up()
            ledger = Ledger(self._programme.database)
            latest = await ledger.latest()
            appendix = await Bundling(self._programme).appendix(wanted, 0 if latest is None else latest.size)
            first = min(one.year for one in appendix.evidence.basis.years)
            return await export(
                ledger,
                self._seeds(),
                target,
                since=datetime(first, 4, 1, tzinfo=TOKYO),
                earlier=appendix.earlier,
                span=appendix.span,
                appendix=appendix,
                page=_PAGE,
            )
