"""Reading the small pieces of a q text: names, values, patterns. One cursor that only moves forward."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from schemas.errors import BadRequestData
from schemas.ngsi_ld.instants import DATE, DATETIME, TIME, read_date, read_datetime, read_time
from schemas.ngsi_ld.q.ast import Kind, Literal

CLAUSE = "4.9"

# `\w` is Letter, Number and underscore, as the grammar's TermChar. Hyphen, colon (a prefix) and percent-encoding are
# ours: sources have such names, and full IRIs need a spelling.
_NAME = re.compile(r"(?!\d)[\w%][\w:%-]*")
_MALFORMED = re.compile(r"%(?![2-9A-Fa-f][0-9A-Fa-f])|%7[Ff]")
_MEMBER = re.compile(r"[^\[\].;|(){}\"=<>!~,\\\x00-\x1f\x7f]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_RAW = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\"<>\\^`{}|;(),\x00-\x1f]+")
_WORD = re.compile(r"[^\W\d][\w-]*")
_OPERATOR = re.compile(r"==|!=|>=|<=|!~=|~=|>|<")
_BLANK = re.compile(r"[ \t]*")
_INSTANTS: tuple[tuple[Kind, re.Pattern[str], Callable[[str], object]], ...] = (
    ("datetime", DATETIME, read_datetime),
    ("date", DATE, read_date),
    ("time", TIME, read_time),
)


class Scanner:
    """A cursor over one q text."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, what: str, at: int | None = None) -> BadRequestData:
        """For raising: says what, where (counted from 1) and which text stands there."""
        place = self.at if at is None else at
        near = self.text[place : place + 40]
        return BadRequestData(
            f"q can't be read at character {place + 1}: {what}.",
            field="q",
            value=near or self.text[-40:],
            clause=CLAUSE,
        )

    def peek(self) -> str:
        """The next character that is no blank, "" at the end."""
        blank = _BLANK.match(self.text, self.at)
        if blank:
            self.at = blank.end()
        return self.text[self.at : self.at + 1]

    def take(self, mark: str) -> bool:
        self.peek()
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False

    def expect(self, mark: str, where: str) -> None:
        if not self.take(mark):
            raise self.error(f"'{mark}' is missing {where}")

    def operator(self) -> str | None:
        self.peek()
        found = _OPERATOR.match(self.text, self.at)
        if not found:
            return None
        self.at = found.end()
        return found.group()

    def name(self) -> str:
        """The spelling of a name; `decoded` makes the name of it."""
        self.peek()
        found = _NAME.match(self.text, self.at)
        if not found:
            raise self.error("an attribute name is expected, which starts with a letter")
        self.at = found.end()
        return found.group()

    def member(self) -> str:
        self.peek()
        found = _MEMBER.match(self.text, self.at)
        name = found.group().rstrip(" \t") if found else ""
        if not found or not name:
            raise self.error("the name of a member is expected between the square brackets")
        self.at = found.end()
        return self.decoded(name)

    def decoded(self, name: str) -> str:
        if "%" not in name:
            return name
        if _MALFORMED.search(name):
            raise self.error("the percent-encoding in the name before is not well-formed")
        try:
            return unquote_to_bytes(name).decode("utf-8")
        except UnicodeDecodeError:
            raise self.error("the percent-encoding in the name before is not UTF-8") from None

    def value(self) -> Literal:
        """Number, quoted string, dateTime, date, time, true, false, URI, or a plain word."""
        if self.peek() == '"':
            return self._string()
        start = self.at
        instant = self._instant()
        if instant:
            return instant
        found = _NUMBER.match(self.text, start)
        if found:
            self.at = found.end()
            return self._number(found.group(), start)
        found = _IRI.match(self.text, start)
        if found:
            self.at = found.end()
            return Literal("uri", found.group())
        found = _WORD.match(self.text, start)
        if not found:
            raise self.error(
                "a value is expected: a number, true, false, a date or time, a URI, or a text in double quotes"
            )
        self.at = found.end()
        word = found.group()
        if word in ("true", "false"):
            return Literal("boolean", word == "true")
        if word == "null":
            raise self.error("null is no value that can be compared with", start)
        return Literal("word", word)

    def _instant(self) -> Literal | None:
        for kind, form, read in _INSTANTS:
            found = form.match(self.text, self.at)
            if found:
                if read(found.group()) is None:
                    raise self.error(f"there is no such {kind}")
                self.at = found.end()
                return Literal(kind, found.group())
        return None

    def _string(self) -> Literal:
        found = _STRING.match(self.text, self.at)
        if not found:
            raise self.error("the text in double quotes does not end, or has a control character")
        try:
            value = json.loads(found.group())
            value.encode()
        except ValueError:
            raise self.error("the text in double quotes is not a JSON string") from None
        self.at = found.end()
        return Literal("string", value)

    def _number(self, digits: str, start: int) -> Literal:
        if digits.lstrip("-").isdigit() and len(digits) <= 40:
            return Literal("number", int(digits))
        number = float(digits)
        if not math.isfinite(number):
            raise self.error("the number is too large", start)
        return Literal("number", number)

    def regex(self) -> str:
        """A pattern, in double quotes or bare.

        In quotes everything up to the next quote that no backslash precedes is the pattern, as it stands. Bare it ends
        at a `;`, `|` or `)` that is in none of its own parentheses or brackets; quotes in it become escaped, which RE2
        reads alike.
        """
        if self.peek() == '"':
            found = _RAW.match(self.text, self.at)
            if not found:
                raise self.error("the pattern in double quotes does not end")
            self.at = found.end()
            return found.group(1)
        start = self.at
        self.at = end = _bare_end(self.text, start)
        pattern = self.text[start:end].rstrip(" \t")
        if not pattern:
            raise self.error("a pattern is expected", start)
        return re.sub(r'\\.|"', lambda seen: '\\"' if seen.group() == '"' else seen.group(), pattern, flags=re.DOTALL)


def _bare_end(text: str, start: int) -> int:
    depth, class_from, at = 0, 0, start
    while at < len(text):
        ch = text[at]
        if ch == "\\":
            at += 1
        elif class_from:
            # A `]` that comes first in its class stands for itself.
            if ch == "]" and at > class_from:
                class_from = 0
        elif ch == "[":
            class_from = at + (2 if text.startswith("^", at + 1) else 1)
        elif ch == "(":
            depth += 1
        elif ch in ";|)" and depth == 0:
            return at
        elif ch == ")":
            depth -= 1
        at += 1
    return len(text)
