"""The part of Solr's query language that CKAN's clients and harvesters write in `q` and `fq`. Pure.

Clauses `field:value` that all hold (`AND` or a space between), each with `+`, `-`, `!` or `NOT` before it. A value is a
word, a "phrase", `(a OR b)`, `(a AND b)` or a range of times; `(field:a OR field:b)` is one clause of one field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas import loose

_VALUE = r'\[[^\]]{1,200}\]|"(?:[^"\\]|\\.){0,500}"|\([^()]{0,2000}\)|[^\s()]+'
_CLAUSE = re.compile(rf"(?P<sign>NOT\s{{1,9}}|[+!-])?(?<![\w.])(?P<field>[A-Za-z_][\w.]{{0,60}}):(?P<value>{_VALUE})")
_GROUP = re.compile(r"(?P<sign>NOT\s{1,9}|[+!-])?\((?P<inner>[^()]{1,2000}(?:\([^()]{0,2000}\)[^()]{0,2000}){0,20})\)")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_RANGE = re.compile(r"\[\s*(\S+)\s+TO\s+(\S+)\s*\]")
_NOW = re.compile(r"NOW(?:/DAY)?(?:-(\d{1,5})(HOUR|DAY|MONTH|YEAR)S?)?(?:/DAY)?")
_LONGEST = 10_000
_ALL = re.compile(r"\*:\*")
_BETWEEN = re.compile(r"\bAND\b")
_DAYS = {"HOUR": 1 / 24, "DAY": 1.0, "MONTH": 31.0, "YEAR": 366.0}


class SolrError(Exception):
    """A query that can't be read."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One of `values` must be there; none may be, if `negated`."""

    field: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class SolrQuery:
    """Clauses that all hold, and what is left: words."""

    clauses: tuple[Clause, ...]
    words: str


def parse_solr(text: str) -> SolrQuery:
    """SolrError for a group of several fields, and for more than is read."""
    if len(text) > _LONGEST:
        raise SolrError(f"a query of more than {_LONGEST} characters")
    clauses: list[Clause] = []

    def taken(found: re.Match[str]) -> str:
        clauses.extend(_clauses(found))
        return " "

    def group(found: re.Match[str]) -> str:
        inner = list(_CLAUSE.finditer(found["inner"]))
        if not inner:
            return found.group()
        if " OR " not in found["inner"]:
            if found["sign"] and found["sign"] != "+":
                raise SolrError("a group of several clauses can't be negated")
            return f" {found['inner']} "
        made = [clause for part in inner for clause in _clauses(part)]
        rest = _CLAUSE.sub(" ", found["inner"]).replace("OR", " ").strip()
        if rest or len({clause.field for clause in made}) > 1 or any(clause.negated for clause in made):
            raise SolrError(f"this group can't be read: {found.group()[:100]}")
        values = tuple(value for clause in made for value in clause.values)
        clauses.append(Clause(made[0].field, values, _negates(found["sign"])))
        return " "

    plain = _GROUP.sub(group, _ALL.sub(" ", text))
    plain = _CLAUSE.sub(taken, plain)
    return SolrQuery(tuple(clauses), _BETWEEN.sub(" ", plain).strip())


def between(value: str, now: datetime) -> tuple[str | None, str | None]:
    """The ends of a range of times, RFC 3339 in UTC; None for `*`. SolrError."""
    found = _RANGE.fullmatch(value)
    if found is None:
        raise SolrError(f"this is no range of times: {value[:100]}")
    return _time(found.group(1), now), _time(found.group(2), now)


def _time(text: str, now: datetime) -> str | None:
    if text == "*":
        return None
    relative = _NOW.fullmatch(text)
    if relative is not None:
        back = timedelta(days=int(relative.group(1) or 0) * _DAYS.get(relative.group(2) or "DAY", 1.0))
        try:
            return (now - back).astimezone(UTC).isoformat()
        except OverflowError:
            return None
    moment = loose.instant(text)
    if not moment:
        raise SolrError(f"this is no time: {text[:100]}")
    return moment


def _clauses(found: re.Match[str]) -> list[Clause]:
    name, value, negated = found["field"], found["value"], _negates(found["sign"])
    if value.startswith("["):
        return [Clause(name, (value,), negated)]
    inner = value[1:-1] if value.startswith("(") else value
    tokens = [(quoted.replace('\\"', '"') or bare) for quoted, bare in _TOKEN.findall(inner)]
    values = tuple(token for token in tokens if token not in ("OR", "AND"))
    if not values:
        return []
    if "OR" in tokens or len(values) == 1 or negated:
        return [Clause(name, values, negated)]
    return [Clause(name, (one,)) for one in values]


def _negates(sign: str | None) -> bool:
    return bool(sign) and sign != "+"
