"""The language of whoever sits at the terminal, by locale. What languages there are is in schemas/language.py."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.language import Language, Table, Words, clean

__all__ = ["Language", "Table", "Words", "clean", "language_of"]


def language_of(environ: Mapping[str, str]) -> Language:
    """The locale's, as POSIX reads it: LC_ALL goes before LC_MESSAGES, that before LANG."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            return Language.JA if value.lower().startswith("ja") else Language.EN
    return Language.EN
