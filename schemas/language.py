"""Japanese or English; and words that stand side by side in both."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

_CONTROLS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")

Table = Mapping[str, tuple[str, str]]
"""Key → (Japanese, English)."""


class Language(StrEnum):
    JA = "ja"
    EN = "en"


class Words:
    """`words(key, name=value)` is the text of a table in one language, with its placeholders filled."""

    def __init__(self, table: Table, language: Language) -> None:
        self._table = table
        self._column = 0 if language is Language.JA else 1

    def __call__(self, key: str, **values: object) -> str:
        return self._table[key][self._column].format(**values)

    def or_same(self, prefix: str, text: str) -> str:
        """The text under `prefix` + `text` if the table has it, else `text`: for words that others may add to."""
        found = self._table.get(prefix + text)
        return text if found is None else found[self._column]


def clean(text: object) -> str:
    """Text from outside without control characters, which a terminal would obey; lines stay lines."""
    return str(text).translate(_CONTROLS)
