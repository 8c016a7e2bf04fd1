"""`Sequencer`: numbers flows and events, grows the tree over them, signs a checkpoint every second that brought some.

Every worker has one, and one of them leads: the one that holds the database's lock. It never stops traffic: when it
can't go on, flows are settled all the same and enter the ledger later, and `lag` tells how long they have waited.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from time import monotonic

import structlog

from broker.metering.ledger.signing import LoadSeeds, key_in_force
from broker.store.ledger import LedgerDamaged, current_key, frontier_of, is_signed, last_signed, oldest_waiting, root_of
from broker.store.ledger_append import LedgerSession
from broker.store.ledger_keys import open_with
from schemas.errors import KakehashiError, SettingsError, StoreUnavailable
from schemas.ledger.checkpoint import Checkpoint
from schemas.ledger.note import SigningKey
from schemas.ledger.tree import Frontier

TICK = 1.0
_LIMIT = 2000
"""Entries of one transaction: a few milliseconds of the event loop."""
_log = structlog.get_logger(__name__)


class Sequencer:
    """For /metrics: `leads`; `lag`: seconds that the oldest flow or event has waited, 0 if none waits; `size` and
    `signed`: entries, and entries under the newest checkpoint, as far as this process has brought them."""

    def __init__(self, url: str, origin: str, seeds: LoadSeeds, *, tick: float = TICK, limit: int = _LIMIT) -> None:
        """`origin`: the ledger's name, if it has none yet. `seeds` is asked again after every change of key."""
        self.leads = False
        self.lag = 0.0
        self.size = self.signed = 0
        self._url = url
        self._origin = origin
        self._seeds = seeds
        self._tick = tick
        self._limit = limit
        self._key: SigningKey | None = None
        self._frontier = Frontier()
        self._complaint = ""
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="sequencer")

    async def stop(self, within: float = 5.0) -> None:
        """Take in what has been settled until now, if that can be done in time, and end."""
        self._ending.set()
        if self._task is not None:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, within)

    async def catch_up(self, within: float = 60.0) -> None:
        """Until nothing waits any more: by ourselves, or by the process that leads. StoreUnavailable, LedgerDamaged."""
        try:
            async with asyncio.timeout(within):
                await self._catch_up()
        except TimeoutError:
            raise StoreUnavailable("The ledger does not come to its end; the log of who numbers it says why.") from None

    async def _catch_up(self) -> None:
        session = await LedgerSession.open(self._url)
        try:
            while not await session.lead():
                if await oldest_waiting(session.connection) is None and await is_signed(session.connection):
                    return
                await asyncio.sleep(0.1)
            await self._prepare(session)
            while True:
                while await self._advance(session):
                    pass
                if await oldest_waiting(session.connection) is None:
                    return
                # a transaction that is under way holds the order back
                await asyncio.sleep(0.02)
        finally:
            await session.close()

    async def _run(self) -> None:
        while not self._ending.is_set():
            try:
                await self._stand_by(await LedgerSession.open(self._url))
            except Exception as error:
                # Traffic goes on without us; whatever it was, all that helps is to try again.
                self._complain("the ledger stands still", error)
                await self._pause()

    async def _stand_by(self, session: LedgerSession) -> None:
        """Lead as soon as nobody else does, until the end, or an error."""
        try:
            while not await session.lead():
                await self._pause()
                if self._ending.is_set():
                    return
            await self._lead(session)
        finally:
            self.leads = False
            if session.closed:
                session.terminate()
            else:
                with contextlib.suppress(Exception):
                    await session.close()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), self._tick)

    async def _lead(self, session: LedgerSession) -> None:
        await self._prepare(session)
        self.leads = True
        self._complaint = ""
        while True:
            ending = self._ending.is_set()
            begun = monotonic()
            waiting = await oldest_waiting(session.connection)
            more = waiting is not None or self.signed < self.size
            while more:
                more = await self._advance(session)
            waiting = await oldest_waiting(session.connection) if waiting is not None else None
            self.lag = 0.0 if waiting is None else max((datetime.now(UTC) - waiting).total_seconds(), 0.0)
            if ending:
                return
            if monotonic() - begun < self._tick:
                await self._pause()

    async def _prepare(self, session: LedgerSession) -> None:
        """Take over the tree as it is kept, and see that it is the one that was signed last."""
        async with session.transaction():
            state = await session.state(self._origin)
            self._origin = state.origin
            self._frontier = await frontier_of(session.connection, state.size)
            signed = await last_signed(session.connection)
            if signed is not None and (
                signed[0] > state.size or await root_of(session.connection, signed[0]) != signed[1]
            ):
                raise LedgerDamaged(f"the ledger is not the one whose first {signed[0]} entries were signed")
            if await current_key(session.connection) is None:
                await open_with(session.connection, SigningKey(state.origin, self._seeds()[0]).verifying)
        self.size = state.size
        self.signed = 0 if signed is None else signed[0]

    async def _advance(self, session: LedgerSession) -> bool:
        """One transaction: what became final is numbered, and signed for unless more is waiting."""
        async with session.transaction():
            state = await session.state(self._origin)
            if state.size != self._frontier.size:
                raise LedgerDamaged("somebody else has changed the ledger")
            entered = await session.enter(state, self._limit)
            frontier = self._frontier.copy()
            for at in range(0, len(entered.leaves), 32):
                frontier.push(entered.leaves[at : at + 32])
            if entered.state != state:
                await session.keep(entered.state, frontier.grown)
            signed = self.signed
            if not entered.more and frontier.size > signed:
                signed = await self._sign(session, frontier)
        self._frontier, self.size, self.signed = frontier, frontier.size, signed
        return entered.more

    async def _sign(self, session: LedgerSession, frontier: Frontier) -> int:
        """The size that is signed for now: without a key, or with one that is not in force, the old one."""
        try:
            key = await self._signer(session)
        except SettingsError as error:
            self._complain("checkpoints are not signed", error)
            return self.signed
        checkpoint = Checkpoint(self._origin, frontier.size, frontier.root())
        text = checkpoint.text
        await session.sign(frontier.size, checkpoint.root, datetime.now(UTC), f"{text}\n{key.sign(text)}")
        return frontier.size

    async def _signer(self, session: LedgerSession) -> SigningKey:
        current = await current_key(session.connection)
        if self._key is None or str(self._key.verifying) != current:
            self._key = key_in_force(self._origin, self._seeds(), current)
        return self._key

    def _complain(self, what: str, error: Exception) -> None:
        """Once for each cause."""
        cause = f"{type(error).__name__}: {error.detail if isinstance(error, KakehashiError) else error}"
        if cause != self._complaint:
            self._complaint = cause
            _log.error(what, cause=cause)
