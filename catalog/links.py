"""Whether a file can be had: what an answer means, when to look again, how long to leave a host alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas.dataset import Access, Dataset

DAY = 86_400.0
_AGAIN = 30 * DAY
"""A file that is there is looked at so often."""
_HOUR = 3600.0
DEAD = 5
"""A host that failed so often in a row, which takes fifteen hours at least, is taken for gone with all its files."""
_MOST_LINKS = 200
_PAGES = frozenset({"", "HTML", "HTM", "PHP", "ASPX", "URL", "API", "WEB", "LINK"})


@dataclass(frozen=True, slots=True)
class Link:
    """A file of a dataset. `place`: of its distribution in the list. `wanted`: it may be looked for by itself."""

    place: int
    url: str
    host: str
    format: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """`alive` is None where nobody can tell from outside. `final`: asking soon again tells nothing new. `trouble`: it
    is the host's and not the file's, so that its other files need not be asked for now; `after`: seconds that it wants
    us to wait."""

    alive: bool | None
    words: str = ""
    final: bool = False
    trouble: bool = False
    after: float | None = None


def links_of(dataset: Dataset) -> Iterator[Link]:
    """What is by agreement is not looked for: whose it is may count who comes."""
    for place, one in enumerate(dataset.distributions[:_MOST_LINKS]):
        try:
            parts = urlsplit(one.download_url)
            host = (parts.hostname or "").lower()
        except ValueError:
            continue
        if parts.scheme in ("http", "https") and host:
            yield Link(place, one.download_url, host[:253], one.format, dataset.access is not Access.AGREEMENT)


def judged(status: int, content_type: str, format_: str, *, after: float | None = None) -> Verdict:
    """What an answer to HEAD or GET says. `format_` is that of the distribution."""
    if 200 <= status < 300 or status == 416:
        media = content_type.partition(";")[0].strip().lower()
        if media in ("text/html", "application/xhtml+xml") and format_ not in _PAGES:
            return Verdict(False, f"a web page came instead of the file ({format_})", final=True)
        return Verdict(True)
    if status in (401, 403, 407, 451):
        return Verdict(None, f"it is not given to everyone ({status})")
    if status in (404, 410):
        return Verdict(False, f"there is nothing at that address ({status})", final=True)
    if status in (429, 503):
        return Verdict(None, f"it asks us to come later ({status})", trouble=True, after=after)
    if status >= 500:
        return Verdict(False, f"the server has a fault of its own ({status})")
    return Verdict(False, f"it answers with the status {status}")


def head_is_enough(verdict: Verdict) -> bool:
    """Servers that don't know HEAD answer it with all kinds of errors; what they say of GET counts."""
    return verdict.alive is True or verdict.trouble


def next_check(verdict: Verdict, failures: int) -> float:
    """Seconds until a file is looked for again; `failures` in a row, this one counted."""
    if verdict.alive is False:
        return min(DAY * float(1 << min(failures - 1, 10)), _AGAIN)
    return DAY if verdict.trouble else _AGAIN


def is_broken(verdict: Verdict, failures: int) -> bool:
    """A fault that may pass is believed when it is there a day later too."""
    return verdict.alive is False and (verdict.final or failures > 1)


def host_rests(failures: int, after: float | None) -> float:
    """Seconds for which a host in trouble is left alone; `failures` in a row, this one counted."""
    return min(max(_HOUR * float(1 << min(failures - 1, 10)), after or 0.0), DAY)
