"""Names and ids that NGSI-LD takes, made from any text, and back.

A name is a letter followed by letters, numbers and `_` (clause 4.6.2), so 施設名 stays as it is. Any other character
becomes `_x` + its code point in hexadecimal + `_`: 施設・場所名 is 施設_x30FB_場所名. At the beginning the same stands
without the first `_`: 2階 is x32_階.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote

from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+")
_INNER = re.compile(r"_x([0-9A-F]+)_")
_LEADING = re.compile(r"x([0-9A-F]+)_")
RESERVED = ENTITY_MEMBERS | ATTRIBUTE_MEMBERS | {"location", "observationSpace", "operationSpace", "datasetId"}
"""Names that mean something else in an entity, so a column of that name can't become an attribute as it is."""


def is_name(text: str) -> bool:
    """Clause 4.6.2, without a prefix."""
    return bool(text) and _is_letter(text[0]) and all(_is_letter(c) or _is_number(c) or c == "_" for c in text)


@lru_cache(maxsize=8192)
def encode_name(text: str) -> str:
    """A valid attribute or type name for any non-empty text; different texts give different names."""
    rest = "".join(_inner(c, text[i + 2 : i + 3]) for i, c in enumerate(text[1:]))
    first = text[0]
    name = first + rest
    if not _is_letter(first) or _LEADING.match(name) or text in RESERVED:
        return f"x{ord(first):X}_{rest}"
    return name


def decode_name(name: str) -> str:
    """The text that `encode_name` made the name from."""
    leading = _LEADING.match(name)
    if leading is None:
        return _INNER.sub(_character, name)
    return _character(leading) + _INNER.sub(_character, name[leading.end() :])


def is_uri(text: str) -> bool:
    """A scheme, a colon and visible ASCII (RFC 3986; what is behind the scheme is the owner's matter)."""
    return len(text) <= 1024 and _URI.fullmatch(text) is not None


def entity_id(text: str, type_name: str) -> str:
    """`text` if it is a URI, else `urn:ngsi-ld:<type>:<text>` with what a URI can't hold percent-encoded."""
    return text if is_uri(text) else f"urn:ngsi-ld:{escape(type_name)}:{escape(text)}"


def escape(text: str) -> str:
    return quote(text, safe="-._~:@!$&'()*+,;=/")


def _inner(character: str, following: str) -> str:
    if character == "_":
        # "_x" always begins an escape, so one in the text is escaped itself
        return "_x5F_" if following == "x" else "_"
    if _is_letter(character) or _is_number(character):
        return character
    return f"_x{ord(character):X}_"


def _character(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 16))


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] == "L"


def _is_number(character: str) -> bool:
    return unicodedata.category(character)[0] == "N"
