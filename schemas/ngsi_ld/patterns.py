"""Regular expressions that come from outside. They run on RE2, whose time is linear in the text; never on `re`.

A pattern is searched for, not matched whole: `idPattern` and `~=` find `^Eiffel` in "Eiffel Tower", as POSIX `regexec`
and the brokers in use do; `^` and `$` anchor it. Clause 4.9 speaks of L(R), which read strictly would want the whole
value; the conformance suites' own patterns presuppose the search.
"""

from __future__ import annotations

from functools import lru_cache

import re2

from schemas.errors import BadRequestData
from schemas.ngsi_ld.names import printable

MAX_PATTERN = 1024
"""Characters."""

_CLAUSES = {"q": "4.9", "idPattern": "5.7.2"}


class Pattern:
    """A compiled pattern. `text` is what was given."""

    __slots__ = ("_search", "text")

    def __init__(self, text: str, compiled: re2._Regexp) -> None:
        self.text = text
        self._search = compiled.search

    def found_in(self, value: str) -> bool:
        try:
            return self._search(value) is not None
        except UnicodeEncodeError:
            # A lone surrogate is no character, so no pattern describes a text with one.
            return False


def compile_pattern(text: str, field: str = "idPattern") -> Pattern:
    """The pattern, ready to use. Raises BadRequestData that names `field` and says what is wrong."""
    clause = _CLAUSES.get(field, "4.9")
    if len(text) > MAX_PATTERN:
        raise BadRequestData(
            f"The pattern in {field} has {len(text)} characters; at most {MAX_PATTERN} are taken.",
            field=field,
            value=printable(text),
            clause=clause,
        )
    try:
        return _compile(text)
    except UnicodeEncodeError:
        reason = "it is not valid Unicode"
    except re2.error as error:
        reason = _reason(text, error)
    raise BadRequestData(
        f"The pattern in {field} is not a usable regular expression: {reason}.",
        field=field,
        value=printable(text),
        clause=clause,
    )


@lru_cache(maxsize=512)
def _compile(text: str) -> Pattern:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    # A megabyte of program is plenty for a filter and bounds what nested repetitions cost.
    options.max_mem = 1 << 20
    return Pattern(text, re2.compile(text, options))


def _reason(text: str, error: Exception) -> str:
    told = error.args[0] if error.args else ""
    told = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    if any(mark in text for mark in ("(?=", "(?!", "(?<=", "(?<!")):
        return "look-ahead and look-behind are not supported (patterns run on RE2, in linear time)"
    if "invalid escape" in told and any(f"\\{digit}" in text for digit in "123456789"):
        return "back references are not supported (patterns run on RE2, in linear time)"
    if "too large" in told:
        return "it is too large when its repetitions are written out"
    return told[:200] or "it does not parse"
