"""How a source does, in figures and in words, for its operator: of one worker. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from broker.registry.breaker import BreakerState
from broker.registry.source import Source, Tally
from schemas.outcome import Status

_STATES = {
    BreakerState.CLOSED: ("問い合わせ中", "It is asked."),
    BreakerState.OPEN: (
        "続けて失敗したため、いまは問い合わせず、裏で回復を確かめます",
        "It failed too often in a row: it is left alone, and tried in the background.",
    ),
    BreakerState.HALF_OPEN: (
        "回復したかを裏で確かめています",
        "It is being tried in the background; until that succeeds it is left alone.",
    ),
}
_WORDS = {
    Status.TIMEOUT: ("時間内に応答がありませんでした", "No whole answer came in time."),
    Status.UNAVAILABLE: ("接続できない、または相手側の障害です", "It can't be reached, or has a fault of its own."),
    Status.RATE_LIMITED: ("要求を減らすよう求められました", "It asked us to slow down."),
    Status.REFUSED: ("認証または要求を拒否されました", "It refused our credential or our question."),
    Status.BAD: ("応答を読めませんでした", "Its answer could not be read."),
    Status.FAILED: ("ゲートウェイの不具合です", "The gateway has a fault of its own."),
}


def health(source: Source, now: float) -> dict[str, Any]:
    """`now` in `loop.time()` seconds. Times of errors are UTC; latencies are milliseconds of the last questions."""
    breaker, bulkhead, tally = source.breaker, source.bulkhead, source.tally
    slowed = bulkhead.allowed < bulkhead.limit
    ja, en = _STATES[breaker.state]
    if slowed and breaker.closed:
        ja, en = (
            f"{ja}。遅い、または失敗するため同時{int(bulkhead.allowed)}件に抑えています",
            f"{en} Since it is slow or fails, only {int(bulkhead.allowed)} questions at once.",
        )
    return {
        "id": source.id,
        "usable": breaker.closed,
        "summary": {"ja": ja, "en": en},
        "breaker": breaker.state.value,
        "tried_again_in_s": None if breaker.closed else round(max(breaker.retry_at - now, 0.0), 1),
        "failures_in_a_row": breaker.failures,
        "last_error": breaker.last_error,
        "asked": tally.asked,
        "failed": tally.failed,
        "last_ms": round(tally.last_ms, 1),
        "latency_ms": latencies(tally),
        "under_way": bulkhead.under_way,
        "waiting": bulkhead.waiting,
        "allowed_at_once": int(bulkhead.allowed),
        "max_concurrency": bulkhead.limit,
        "sharing": source.answers.sharing if source.answers is not None else 0,
        "hedged": tally.hedged,
        "last_errors": [_told(at, status, detail) for at, status, detail in reversed(tally.errors)],
    }


def latencies(tally: Tally) -> dict[str, float] | None:
    """Quantiles of the questions that were answered lately; None if none was."""
    if not tally.times:
        return None
    times = sorted(tally.times)
    return {
        "p50": round(times[len(times) // 2], 1),
        "p95": round(times[int(len(times) * 0.95)], 1),
        "max": round(times[-1], 1),
    }


def _told(at: datetime, status: Status, detail: str) -> dict[str, Any]:
    ja, en = _WORDS.get(status, ("", ""))
    return {
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "outcome": status.value,
        "ja": ja,
        "en": en,
        "detail": detail,
    }
