"""Words that mean the same to who looks for data, Japanese and English, and the entity types that are about them."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from catalog.search.fold import fold, is_latin, stem, words

_STOP = """
a an and any are at by can data dataset datasets do every find for from get give have how i in information is it list
many me near number of on open or please show that the their there these to what when where which who with within live
latest current realtime real time
データ でーた データセット 情報 オープンデータ 一覧 知りたい どこ 教えて ください ほしい 調べたい できる ある
使える 行ける 場所 最新 現在 について 近く 周辺 いま
"""
"""What says nothing of the subject; it is looked for only where a question has nothing else."""
_TYPE = re.compile(r"(?:[A-Z][a-z0-9]+){2,}|Aed|Park|Event")
_FOLDED_STOP = frozenset(fold(word) for word in _STOP.split())


def _key(phrase: str) -> str:
    parts = words(fold(phrase))
    return " ".join(stem(p) if is_latin(p) else p for p in parts)


@lru_cache(maxsize=1)
def _groups() -> list[list[str]]:
    text = files("catalog.search").joinpath("synonyms.txt").read_text("utf-8")
    return [line.split(",") for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def table() -> dict[str, tuple[str, ...]]:
    """Folded word or phrase (Latin words stemmed, apart by a space) → all words of its groups."""
    found: dict[str, dict[str, None]] = {}
    for phrases in _groups():
        group = list(dict.fromkeys(k for phrase in phrases if (k := _key(phrase))))
        for word in group:
            found.setdefault(word, {}).update(dict.fromkeys(group))
    return {word: tuple(group) for word, group in found.items()}


def synonyms(key: str) -> tuple[str, ...]:
    """The words that mean the same, itself first."""
    return (key, *(word for word in table().get(key, ()) if word != key))


@lru_cache(maxsize=1024)
def called(key: str) -> str:
    """The first word of the first group that has it, folded; itself if there is none."""
    return next((_key(g[0]) for g in _groups() if key in map(_key, g)), key)


def is_stop(word: str) -> bool:
    """It says nothing of the subject."""
    return word in _FOLDED_STOP


@lru_cache(maxsize=1)
def longest_phrase() -> int:
    """In Latin words."""
    return max(len(key.split()) for key in table())


@lru_cache(maxsize=1)
def japanese() -> tuple[str, ...]:
    """The Japanese words of the table, the longest first."""
    return tuple(sorted((k for k in table() if not is_latin(k)), key=lambda k: (-len(k), k)))


def labels(type_name: str) -> tuple[str, ...]:
    """What an entity type is called, Japanese first: what a live dataset of that type is found by."""
    key = _key(type_name)
    found = dict.fromkeys(p for group in _groups() if key in map(_key, group) for p in group if _key(p) != key)
    return tuple(sorted(found, key=lambda phrase: phrase.isascii()))


@lru_cache(maxsize=1024)
def label(type_name: str) -> str:
    """The first word of the type's group, in Japanese where there is one; empty for types that are in none."""
    key = _key(type_name)
    return next((phrases[0] for phrases in _groups() if key in map(_key, phrases)), "")


def suggestions(text: str) -> list[str]:
    """Words of the table that go on from what was typed, as they are written there."""
    start = fold(text)
    if not start:
        return []
    return list(dict.fromkeys(p for group in _groups() for p in group if fold(p).startswith(start)))[:10]


def type_named(text: str) -> str:
    """The entity type of the first word of the table that a text has, the longest words first; empty if none."""
    folded = fold(text)
    for word in japanese():
        if len(word) > 1 and word in folded:
            for group in _groups():
                types = [p for p in group if _TYPE.fullmatch(p)]
                if types and word in map(_key, group):
                    return types[0]
    return ""
