"""What a harvest decides: when to try again, what may be taken away, when to come back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import RateLimited, Retryable, SourceError

ATTEMPTS = 5
"""At one batch, before the harvest fails."""
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_SOONEST_RETRY = 60.0
_SUDDEN = 10
"""So few may vanish at once whatever part of the whole they are."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a harvest that came to the last batch ends. `remove`: what it did not see may be taken away."""

    remove: bool
    whole: bool
    words: str = ""


def ending(*, known: int, missing: int, seen: int, total: int | None, forced: bool = False) -> Ending:
    """`known` are the records that we have of the source, `missing` those of them that this run did not see, `seen` the
    records that it saw (faults too), `total` how many the source says it has.

    An answer without anything, with less than it promises, or in which more than half is suddenly missing, takes
    nothing away; `forced`: an operator says that the latter is right.
    """
    if seen == 0:
        if known:
            return Ending(False, False, f"it says that it has nothing, though {known} datasets are known of it")
        return Ending(False, True)
    if total is not None and seen < total:
        return Ending(False, False, f"it says that it has {total} datasets, but gave {seen}")
    if missing > max(_SUDDEN, known // 2) and not forced:
        words = f"{missing} of {known} datasets are suddenly missing; nothing was taken away (--force does)"
        return Ending(False, False, words)
    return Ending(True, True)


def wait_before(attempt: int, error: SourceError) -> float | None:
    """Seconds before a batch is asked for again, or None if that won't help; `attempt` counts from 1."""
    if not isinstance(error, Retryable) or attempt >= ATTEMPTS:
        return None
    told = error.after if isinstance(error, RateLimited) else None
    return min(max(_FIRST_WAIT * float(1 << (attempt - 1)), told or 0.0), _LONGEST_WAIT)


def next_due(interval: float, failures: int) -> float:
    """Seconds until the next harvest: the interval, or sooner after failures, later the more there were in a row."""
    if failures == 0:
        return interval
    return min(interval, _SOONEST_RETRY * float(1 << min(failures - 1, 20)))
