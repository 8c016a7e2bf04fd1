"""`Settler`: group commit. While one commit is under way, the flows of every other request gather for the next.

One task commits; a request costs one future, a commit one COPY. A second connection stands by: it takes over when the
first is lost, and tells a database that is slow (wait) from one that hangs (give up).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic
from uuid import UUID

import structlog

from broker.metering.claimant import Claimant, claims, judge
from broker.metering.connections import Connections
from broker.store.flows_write import Fault, FlowSession, fault, row, scrubbed
from schemas.errors import IdempotencyConflict, MeteringUnavailable
from schemas.flow import Flow
from schemas.idempotency import IdempotencyKey

_TICK = 0.01
_LARGEST = 512
"""Requests in one commit, at most."""
_ATTEMPTS = 8
_GATHER = 0.001
_IDLE = 0.00003
"""Seconds that a turn of the event loop takes if nobody but us has something to do."""
_log = structlog.get_logger(__name__)


class Settler:
    """Made by `start`, ended by `drain`. One per process and event loop.

    Times are counted in ticks that pass only while the event loop runs, so that a loop held up by something else does
    not make the database look late. For /metrics, counted from the start: `flows` and `requests` that were settled,
    `commits`, `replays`, `conflicts`, `failed` (requests that raised MeteringUnavailable) and, of these, `abandoned`
    (their commit was under way and may have happened); `lag`: of the last commit, seconds that its oldest request
    waited.
    """

    def __init__(self, url: str, *, budget: float = 0.1, patience: float = 2.0, retry: float = 0.2) -> None:
        """Seconds: `budget` until a request fails if the database is gone or hangs, `patience` if it is only slow,
        `retry` between attempts to reach a database that is down."""
        self.flows = self.requests = self.commits = self.replays = self.conflicts = self.failed = self.abandoned = 0
        self.lag = 0.0
        self._limit = max(2, round(budget / _TICK) - 2)
        self._patience = round(patience / _TICK)
        self._connections = Connections(url, retry=retry, down=self._fail_all)
        self._queue: deque[Claimant] = deque()
        self._flight: Sequence[Claimant] = ()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self._answered = -self._limit
        """The tick at which the database last answered while a commit was late."""
        self._ping: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, url: str, *, budget: float = 0.1, patience: float = 2.0, retry: float = 0.2) -> Settler:
        """Returns connected, or, if the database can't be reached, not `available` and trying."""
        settler = cls(url, budget=budget, patience=patience, retry=retry)
        await settler._connections.start()
        settler._task = asyncio.create_task(settler._run(), name="settler")
        return settler

    @property
    def pending(self) -> int:
        """Requests that wait."""
        return len(self._queue) + sum(one.waits for one in self._flight)

    @property
    def available(self) -> bool:
        """False while the database is known to be out of reach, and after the end."""
        return self._connections.up

    @property
    def connections_opened(self) -> int:
        """Two, and one more for each that was lost."""
        return self._connections.opened

    async def settle(self, flows: list[Flow], *, key: IdempotencyKey | None = None) -> UUID | None:
        """Returns when `flows`, which are of one request, are durable: the answer may leave then, and not before.

        With a key that was used before, the flows are recorded with `replay_of` (set on them too), the id of the first
        request, which is returned. Raises IdempotencyConflict if that was another request (nothing is recorded), and
        MeteringUnavailable if the database can't be reached in time.
        """
        if not flows and key is None:
            return None
        if not self._connections.up:
            self.failed += 1
            raise _unavailable()
        loop = self._loop
        one = Claimant(flows, key, loop.create_future(), self._ticks, monotonic())
        self._queue.append(one)
        self._wake.set()
        if self._timer is None:
            self._timer = loop.call_later(_TICK, self._tick)
        return await one.future

    async def drain(self, within: float = 10.0) -> None:
        """Settle what waits, then close; what still waits after `within` seconds, or comes later, fails."""
        deadline = self._loop.time() + within
        while (late := [one.future for line in (self._flight, self._queue) for one in line if one.waits]) and (
            left := deadline - self._loop.time()
        ) > 0:
            await asyncio.wait(late, timeout=left)
        for task in (self._task, self._ping):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await self._connections.close()
        self._fail_all()
        if self._timer is not None:
            self._timer.cancel()

    # --- committing --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        queue = self._queue
        while True:
            if not queue:
                self._wake.clear()
                await self._wake.wait()
            await self._gather()
            batch = [queue.popleft() for _ in range(min(len(queue), _LARGEST))]
            self._flight = batch
            try:
                await self._commit(batch)
            except Exception:
                # A bug of ours must not end the only task that settles; the requests learn of it.
                _log.exception("settling failed")
                self._fail(batch)
            self._flight = ()

    async def _gather(self) -> None:
        """Let others join while the loop has other work anyway, for a millisecond at most; an idle loop waits not.

        Under load, when the loop is what everyone waits for, a commit that is put off costs no time and saves one.
        """
        begun = now = monotonic()
        while now - begun < _GATHER:
            await asyncio.sleep(0)
            before, now = now, monotonic()
            if now - before < _IDLE:
                return

    async def _commit(self, batch: Sequence[Claimant]) -> None:
        """Until each request of the batch has its answer, together if possible, one by one if one of them is ill."""
        doubtful = False
        for _ in range(_ATTEMPTS):
            batch = [one for one in batch if one.waits]
            if not batch:
                return
            session = await self._connections.current()
            if session is None:
                break
            try:
                # After a connection was lost in a commit, only the database knows whether that commit happened.
                if not doubtful or not await session.present([flow for one in batch for flow in one.flows]):
                    await _write(session, batch)
            except Exception as error:
                kind = Fault.LOST if session.closed else fault(error)
                _log.warning("flows not committed", fault=kind.value, error=type(error).__name__, requests=len(batch))
            else:
                self._settled(batch)
                return
            if kind is Fault.LOST:
                session.terminate()
                doubtful = True
            elif kind is Fault.REFUSED:
                break
            elif len(batch) > 1:
                for one in batch:
                    await self._commit([one])
                return
            elif kind is Fault.DUPLICATE:
                doubtful = True
            elif batch[0].scrub:
                break
            else:
                batch[0].scrub = True
        self._fail(batch)

    def _settled(self, batch: Iterable[Claimant]) -> None:
        self.commits += 1
        oldest = monotonic()
        for one in batch:
            oldest = min(oldest, one.since)
            verdict = one.verdict
            if one.future.done():
                # Its client went away, or it was told that it failed: what is committed stays committed.
                continue
            if isinstance(verdict, IdempotencyConflict):
                self.conflicts += 1
                one.future.set_exception(verdict)
                continue
            self.requests += 1
            self.flows += len(one.flows)
            self.replays += verdict is not None
            one.future.set_result(verdict)
        self.lag = monotonic() - oldest

    # --- failing -----------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Every `_TICK` while requests wait: has the oldest waited too long?"""
        self._ticks += 1
        oldest = next((one for line in (self._flight, self._queue) for one in line if one.waits), None)
        if oldest is None:
            self._timer = None
            return
        self._timer = self._loop.call_later(_TICK, self._tick)
        age = self._ticks - oldest.tick
        if age < self._limit // 2:
            return
        if self._ping is None or self._ping.done():
            self._ping = self._loop.create_task(self._ask())
        silent = self._ticks - self._answered >= self._limit
        if (age >= self._limit and silent) or age >= self._patience:
            _log.warning("the database hangs", requests=self.pending, answers=not silent)
            self._connections.give_up()

    async def _ask(self) -> None:
        """Note when the database answers; that it does not shows in silence."""
        with contextlib.suppress(Exception):
            await self._connections.alive()
            self._answered = self._ticks

    def _fail_all(self) -> None:
        self.abandoned += sum(one.waits for one in self._flight)
        self._fail(self._flight)
        self._fail(self._queue)
        self._queue.clear()

    def _fail(self, batch: Iterable[Claimant]) -> None:
        for one in batch:
            if one.waits:
                self.failed += 1
                one.future.set_exception(_unavailable())


async def _write(session: FlowSession, batch: Sequence[Claimant]) -> None:
    """One COPY for all; with keys among them, in one transaction with the claims on these."""
    keys = claims(batch)
    if not keys:
        await session.copy(_rows(batch))
        return
    async with session.transaction():
        judge(batch, await session.claim(keys))
        rows = _rows(one for one in batch if not one.refused)
        if rows:
            await session.copy(rows)


def _rows(batch: Iterable[Claimant]) -> list[tuple[object, ...]]:
    return [scrubbed(row(flow)) if one.scrub else row(flow) for one in batch for flow in one.flows]


def _unavailable() -> MeteringUnavailable:
    return MeteringUnavailable("The metering records can't be written now, so nothing is delivered. Try again.")
