"""What a name, a URI and a scope look like (clauses 4.6.2, 4.6.3 and 4.18)."""

from __future__ import annotations

import re
from typing import TypeGuard

from schemas.ngsi_ld.model import NULL

MAX_NAME = 2048
"""Characters of a name or URI."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\x9f]+")
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufdd0-\ufdef\ufff0-\uffff\U000e0000-\U000e0fff]"
)
"""Characters that nobody sees, so that two ids would look the same; and noncharacters."""
_SHORT = re.compile(r"\w+")
_LEVELS = re.compile(r"/?\w+(?:/\w+)*")


def is_uri(text: object) -> TypeGuard[str]:
    """An absolute URI or IRI with something after its scheme."""
    if not isinstance(text, str) or len(text) > MAX_NAME or _URI.fullmatch(text) is None:
        return False
    return text.isascii() or (not _hidden(text) and encodable(text))


def _hidden(text: str) -> bool:
    return _UNSEEN.search(text) is not None or any(ord(one) & 0xFFFE == 0xFFFE for one in text)


def is_name(text: object) -> TypeGuard[str]:
    """A name of the grammar (letters, numbers, `_`; a letter first), one with a prefix, or a whole IRI."""
    if not isinstance(text, str) or not 0 < len(text) <= MAX_NAME:
        return False
    if ":" not in text:
        return text[0].isalpha() and _SHORT.fullmatch(text) is not None
    prefix, _, local = text.partition(":")
    return (prefix[0:1].isalpha() and _SHORT.fullmatch(prefix) is not None and is_name(local)) or is_uri(text)


def is_scope(text: object) -> TypeGuard[str]:
    """`/level/level…`, each a name, the first slash optional."""
    if not isinstance(text, str) or len(text) > MAX_NAME or text == NULL or not _LEVELS.fullmatch(text):
        return False
    return all(level[0].isalpha() for level in text.split("/") if level)


def printable(text: str) -> str:
    """The first 200 characters for an error's answer; a lone surrogate, which would break it, is written out."""
    return text[:200].encode("utf-8", "backslashreplace").decode()


def encodable(text: str) -> bool:
    """Whether it is valid Unicode: JSON can carry lone surrogates, UTF-8 can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
