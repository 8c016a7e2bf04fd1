"""EntityMaps that the platform keeps of its own part of a query (clauses 4.3.6.7, 5.5.14). One that does not know them
is asked as ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.upstream import Answer

HEADER = "ngsild-entitymap"
_REFUSALS = (400, 403, 405, 422, 501)
_LONGEST = 2048

Put = Callable[[str, dict[str, str]], Awaitable[Answer]]
"""The question at a URL, with these headers beside the usual ones."""


async def ask_mapped(put: Put, url: str, used: str) -> tuple[Answer, str | None]:
    """Ask by the EntityMap that the platform gave as `used`, or for a new one where that is "".

    Beside the answer which one it used: "" if it does not say, None if it takes no question with one and was asked
    without.
    """
    if used:
        answer = await put(url, {HEADER: used})
    else:
        answer = await put(f"{url}{'&' if '?' in url else '?'}entityMap=true", {})
    if answer.status in _REFUSALS:
        return await put(url, {}), None
    said = answer.headers.get(HEADER, "") if answer.status < 300 else used
    return answer, said if len(said) <= _LONGEST else ""
