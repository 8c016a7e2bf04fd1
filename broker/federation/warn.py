"""What is missing from an answer, said out loud: NGSILD-Warning (clause 6.3.17)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from schemas.outcome import Outcome, Status

_AGENT = "!#$%&'*+-.^_`|~:/?@[]=()"
"""What may stand in a platform's id and in a header; the rest is percent-encoded."""
_CODES = {
    Status.BAD: 111,
    Status.TIMEOUT: 199,
    Status.UNAVAILABLE: 199,
    Status.SKIPPED: 199,
    Status.PARTIAL: 199,
    Status.FAILED: 199,
    Status.LOOP: 199,
    Status.REFUSED: 299,
    Status.RATE_LIMITED: 299,
}


def warning(outcome: Outcome) -> str | None:
    """One value of the header (`code agent "text"`), or None if the source's part is whole and of now. ASCII
    only."""
    if outcome.age is not None:
        return _worded(110, outcome, f"Response is stale: {outcome.detail}")
    code = _CODES.get(outcome.status)
    if code is None:
        return None
    text = f"{_words(outcome.status)}: {outcome.detail}" if outcome.detail else _words(outcome.status)
    return _worded(code, outcome, text)


def _worded(code: int, outcome: Outcome, text: str) -> str:
    safe = text.replace("\\", "/").replace('"', "'").encode("ascii", "replace").decode()
    printable = "".join(c if c.isprintable() else " " for c in safe)
    return f'{code} {quote(outcome.platform, safe=_AGENT)} "{printable[:300]}"'


def warnings(outcomes: Iterable[Outcome]) -> list[str]:
    """The warnings of all sources whose part is not whole."""
    return [w for w in map(warning, outcomes) if w is not None]


def _words(status: Status) -> str:
    if status is Status.PARTIAL:
        return "Partial answer, only some pages of this source"
    if status is Status.SKIPPED:
        return "Partial answer, this source was not asked"
    return "Partial answer, nothing from this source"
