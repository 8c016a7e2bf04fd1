"""Looking whether the files of the catalogue can be had: HEAD, else a byte by GET; one host at a time, and slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from adapters.exchange import SourceContext
from adapters.status import retry_after
from adapters.upstream import Answer, Upstream
from broker.background import Periodic
from broker.store.catalog_links import CatalogLinks, DueLink, HostTurn
from catalog.links import DEAD, Verdict, head_is_enough, judged
from schemas.errors import ForbiddenAddress, SourceError, SourceTimeout, Unavailable

log = structlog.get_logger(__name__)
Looked = Callable[[bool], None]
"""Told after each file; whether it is taken for broken."""
_EVERY = 20.0
_HOSTS_AT_ONCE = 4
_LINKS_A_TURN = 30
_PAUSE = 1.0
"""Seconds between two questions to one host."""
_PATIENCE = 20.0
_REDIRECTS = 5
_ANY_SIZE = 2**62
_NO_BUDGET = 2**31 - 1
_HEAD = {"accept": "*/*"}
_BYTE = {"accept": "*/*", "range": "bytes=0-0"}


@dataclass(slots=True)
class Crawl:
    """What a turn came to. `spent`: it ended because no more questions may be put today."""

    looked: int = 0
    broken: int = 0
    spent: bool = False


class LinkChecker:
    """`spared`: hosts that are not asked. `per_day`: requests of all workers together.

    `pace`: what a pause of a second takes, for tests.
    """

    def __init__(
        self,
        links: CatalogLinks,
        upstream: Upstream,
        spared: Callable[[], list[str]],
        *,
        per_day: int,
        pace: float = 1.0,
    ) -> None:
        self._links = links
        self._upstream = upstream
        self._spared = spared
        self._per_day = per_day
        self._pace = pace
        self.periodic = Periodic("catalogue-links", self.look, _EVERY)

    async def look(self) -> None:
        """What a process that serves does now and then. Raises StoreUnavailable."""
        await self.fill()
        if self._per_day:
            found = await self.turn(budget=self._per_day)
            if found.looked:
                log.info("links_looked_for", looked=found.looked, broken=found.broken)

    async def fill(self) -> None:
        """Take up the files of all datasets that came or changed."""
        taken = 1
        while taken:
            taken = await self._links.fill()

    async def waiting(self) -> int:
        """How many files are to be looked for now."""
        return await self._links.waiting(self._spared())

    async def turn(
        self, *, most: int = _HOSTS_AT_ONCE * _LINKS_A_TURN, budget: int = _NO_BUDGET, looked: Looked | None = None
    ) -> Crawl:
        """Look for at most `most` files at a few hosts; none if there are none to look for. `budget`: requests that
        were put today are at most so many."""
        hosts = await self._links.claim(min(_HOSTS_AT_ONCE, most), self._spared())
        crawl = Crawl()
        each = min(_LINKS_A_TURN, most // max(len(hosts), 1))
        ended = await asyncio.gather(
            *(self._at(host, crawl, budget, each, looked) for host in hosts), return_exceptions=True
        )
        for problem in ended:
            # after all hosts have ended, so that none goes on behind the caller's back
            if problem is not None:
                raise problem
        return crawl

    async def _at(self, turn: HostTurn, crawl: Crawl, budget: int, most: int, looked: Looked | None) -> None:
        failures, after = turn.failures, None
        for link in await self._links.due(turn.host, most):
            if not await self._links.hold(turn.host):
                return
            if not await self._links.spend(budget):
                crawl.spent = True
                break
            verdict = await self._find(link, budget)
            broken = await self._links.tell(link, verdict)
            crawl.looked += 1
            crawl.broken += broken
            if looked is not None:
                looked(broken)
            failures, after = (failures + 1, verdict.after) if verdict.trouble else (0, None)
            if verdict.trouble:
                if failures == DEAD:
                    await self._links.dead(turn.host, verdict.words)
                break
            await asyncio.sleep(_PAUSE * self._pace)
        await self._links.rest(turn.host, failures, after)

    async def _find(self, link: DueLink, budget: int) -> Verdict:
        """Without a credential, and without reading more than the head."""
        verdict = await self._ask("HEAD", link)
        if head_is_enough(verdict) or not await self._links.spend(budget):
            return verdict
        await asyncio.sleep(_PAUSE * self._pace)
        return await self._ask("GET", link)

    async def _ask(self, method: str, link: DueLink) -> Verdict:
        ctx = SourceContext(deadline=asyncio.get_running_loop().time() + _PATIENCE)
        headers = _HEAD if method == "HEAD" else _BYTE
        try:
            streamed = await self._upstream.stream(
                link.url, ctx=ctx, headers=headers, max_bytes=_ANY_SIZE, follow=_REDIRECTS, method=method
            )
        except ForbiddenAddress as e:
            return Verdict(False, e.detail, final=True)
        except (Unavailable, SourceTimeout) as e:
            return Verdict(False, e.detail, trouble=True)
        except SourceError as e:
            return Verdict(False, e.detail)
        streamed.close()
        answer = Answer(streamed.status, streamed.headers, b"")
        return judged(streamed.status, streamed.headers.get("content-type", ""), link.format, after=retry_after(answer))
