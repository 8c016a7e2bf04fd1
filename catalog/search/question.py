"""A question in Japanese or English, taken apart into terms that the index can answer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from catalog.search.fold import fold, is_latin, lexemes_of, stem, words
from catalog.search.synonyms import called, is_stop, japanese, longest_phrase, synonyms, table
from schemas.tokyo import AREAS, MUNICIPALITIES, Place

_MOST_WORDS = 12
_OF_ALL = frozenset(fold(w) for w in ("データ", "data", "dataset", "データセット", "オープンデータ", "情報"))
_KANA = re.compile(r"[ぁ-ゖー]+")
_PARTICLES = re.compile(
    r"(?:でできる|ができる|できる|における|について|に関する|のある|がある|はどこ|にある|にどのくらい|どのくらい|を知りたい|"
    r"したい|知りたい|教えて|ください|を|は|が|に|で|と|の|へ|も|や|から|まで|より|な|する|いる|ある|れる|か)+"
)

Alternative = tuple[str, ...]
"""Lexemes that must all be there."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that is asked for, in several ways; the first is as it was written. `weak`: a ward for an area."""

    word: str
    exact: tuple[Alternative, ...]
    weak: tuple[Alternative, ...] = ()
    place: bool = False
    called: str = ""
    """How the group of its synonyms is called: a title with that word is about just this."""


@dataclass(frozen=True, slots=True)
class Question:
    """`terms` are all wanted; a dataset that has none of a term comes after those that have."""

    terms: tuple[Term, ...] = ()
    areas: tuple[str, ...] = ()
    """The programme's areas that are named."""


def parse(text: str) -> Question:
    """At most twelve terms; empty for an empty question."""
    return _parse(text[:500])


@lru_cache(maxsize=1024)
def _parse(text: str) -> Question:
    found: dict[str, Term] = {}
    spare: list[Term] = []
    areas: list[str] = []
    for word in _units(words(fold(text))):
        if len(found) >= _MOST_WORDS:
            break
        place = _places().get(word)
        if place is not None:
            found[word] = _place_term(word, place)
            if place.area:
                areas.append(place.area)
        elif is_stop(word):
            spare.append(_term(word))
        else:
            found[word] = _term(word)
    # words that say nothing of a subject are looked for if there are no others, but not those that all data has
    terms = tuple(found.values()) or tuple(term for term in spare if term.word not in _OF_ALL)
    return Question(terms, tuple(dict.fromkeys(areas)))


def _units(parts: list[str]) -> list[str]:
    """Phrases of several Latin words that the synonyms know, places and known words within a run of Japanese."""
    units: list[str] = []
    at = 0
    while at < len(parts):
        if not is_latin(parts[at]):
            units.extend(_cut(parts[at]))
            at += 1
            continue
        for length in range(longest_phrase(), 0, -1):
            run = parts[at : at + length]
            key = " ".join(map(stem, run))
            joined = "-".join(run)
            if len(run) == length and all(map(is_latin, run)) and (key in table() or joined in _places()):
                units.append(joined if joined in _places() else key)
                at += length
                break
        else:
            units.append(parts[at] if is_stop(parts[at]) else stem(parts[at]))
            at += 1
    return units


def _cut(run: str) -> list[str]:
    """A run without spaces, by places and known words, the longest first; hiragana between them are particles."""
    if run in table() or run in _places() or is_stop(run):
        return [run]
    for known in (*_japanese_places(), *japanese()):
        if len(known) > 1 and known in run:
            before, _, after = run.partition(known)
            return [*(_cut(before) if before else []), known, *(_cut(after) if after else [])]
    pieces = [p for p in _PARTICLES.split(run) if p] if _KANA.search(run) and len(run) > 2 else [run]
    return [p for p in pieces if not (len(p) == 1 and _KANA.fullmatch(p))]


def _term(word: str) -> Term:
    return Term(word, tuple(dict.fromkeys(_alternative(w) for w in synonyms(word))), called=called(word))


def _place_term(word: str, place: Place) -> Term:
    spellings = [word] if not is_latin(word) else []
    spellings += [fold(n) for n in place.names] + [n.replace("-", " ") for n in place.romaji]
    exact = [_alternative(s) for s in spellings]
    if place.names[0].endswith(("区", "市")) and len(place.names[0]) > 2:
        exact.append(_alternative(fold(place.names[0])))
    weak = (_alternative(fold(place.within)),) if place.within else ()
    return Term(word, tuple(dict.fromkeys(exact)), weak, place=True)


def _alternative(key: str) -> Alternative:
    return tuple(dict.fromkeys(lexeme for word in key.split() for lexeme in lexemes_of(word)))


@lru_cache(maxsize=1)
def _places() -> dict[str, Place]:
    found: dict[str, Place] = {}
    for place in (*MUNICIPALITIES, *AREAS):
        for name in (*place.names, *place.romaji):
            found[fold(name)] = place
        if place.code and place.romaji:
            suffix = {"区": "ward", "市": "city"}.get(place.names[0][-1], "")
            for form in (f"{place.romaji[0]}-ku", f"{place.romaji[0]}-shi", f"{place.romaji[0]}-{suffix}"):
                found[form] = place
        if len(place.names[0]) > 2 and place.names[0][-1] in "区市":
            found[fold(place.names[0][:-1])] = place
    return found


@lru_cache(maxsize=1)
def _japanese_places() -> tuple[str, ...]:
    return tuple(sorted((n for n in _places() if not is_latin(n)), key=lambda n: (-len(n), n)))
