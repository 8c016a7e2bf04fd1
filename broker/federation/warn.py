"""What is missing from an answer, said out loud: NGSILD-Warning (clause 6.3.17)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from schemas.outcome import Outcome, Status

_AGENT = "!#$%&'*+-.^_`|~:/?@[]=()"
"""What may stand in a platform's id and in a header; the rest is percent-encoded."""
_WARNING = re.compile(r'(110|111|199|299) ([^\s",]+) "([^"]*)"')
_MOST = 10
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
    code = 299 if outcome.answered else _CODES.get(outcome.status)
    if code is None:
        return None
    text = f"{_words(outcome.status)}: {outcome.detail}" if outcome.detail else _words(outcome.status)
    return _worded(code, outcome, text)


def _worded(code: int, outcome: Outcome, text: str) -> str:
    return f'{code} {quote(outcome.platform, safe=_AGENT)} "{_printable(text)}"'


def _printable(text: str) -> str:
    safe = text.replace("\\", "/").replace('"', "'").encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in safe)[:300]


def warnings(outcomes: Iterable[Outcome]) -> list[str]:
    """The warnings of all sources whose part is not whole, and what they themselves warn of, each once."""
    found: dict[str, None] = {}
    for outcome in outcomes:
        own = warning(outcome)
        if own is not None:
            found[own] = None
        if outcome.warned:
            found |= dict.fromkeys(_passed_on(outcome))
    return list(found)


def _passed_on(outcome: Outcome) -> list[str]:
    """Where gateways ask each other, what is missing far away is missing here."""
    told = _WARNING.findall(outcome.warned)[:_MOST]
    return [f'{code} {quote(agent[:200], safe=_AGENT)} "{_printable(text)}"' for code, agent, text in told]


def _words(status: Status) -> str:
    if status is Status.PARTIAL:
        return "Partial answer, only some pages of this source"
    if status is Status.SKIPPED:
        return "Partial answer, this source was not asked"
    return "Partial answer, nothing from this source"
