"""Which platforms are probed without anybody asking for it.

Those of the administration are, as long as nothing could be verified. What an NGSI-LD client has registered is left
alone until somebody's question went there: a registration is no leave to visit a source, and gateways that register
each other would all visit each other at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from broker.registry.source import Source
from schemas.platform import PlatformState


class Looking:
    """`probe_later` probes a platform in the background."""

    def __init__(self, sources: Callable[[], Iterable[Source]], probe_later: Callable[[str], None]) -> None:
        self._sources = sources
        self._probe_later = probe_later

    async def at_newcomers(self) -> None:
        """Those of clients that were asked for the first time."""
        for source in self._sources():
            if _answers(source) and _of_a_client(source) and source.platform.probe is None and _asked(source):
                self._probe_later(source.id)

    def at_unproven(self) -> None:
        """All that were not verified; of clients' those that were asked since they were looked at."""
        for source in self._sources():
            if _answers(source) and _unproven(source) and (not _of_a_client(source) or _asked(source)):
                self._probe_later(source.id)


def _answers(source: Source) -> bool:
    return source.network and source.breaker.closed


def _of_a_client(source: Source) -> bool:
    return source.platform.coverage.registration is not None


def _asked(source: Source) -> bool:
    """Whether it was, and answered; it is told once."""
    asked, source.tally.queried = source.tally.queried, False
    return asked and source.tally.last_success is not None


def _unproven(source: Source) -> bool:
    """It was not verified, or it held nothing when it was, so that nothing could be."""
    probe = source.platform.probe
    if source.platform.state is PlatformState.UNVERIFIED:
        return True
    return probe is not None and probe.ok and not probe.sample and not probe.verified
