"""In which order texts stand: an approximation of the Unicode root collation that needs nothing but `unicodedata`.

Compared first are letters without case and accents (NFKD, case-folded; katakana as hiragana), in the classes of the
root collation (spaces, punctuation, symbols, digits, letters) and within them by code point, which is the root's order
of scripts (Latin, Greek, Cyrillic, … kana, Han); then accents; then case, small before capital; last the code points,
so that the order is total. Languages' own tailorings are not applied, the German telephone order excepted.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from schemas.errors import BadRequestData
from schemas.ngsi_ld.names import printable

CLAUSE = "4.23.3"
Key: TypeAlias = tuple[tuple[tuple[int, int, str], ...], str, str, str]

_TAG = re.compile(r"(?:root|[a-z]{2,3})(?:-[a-z0-9]{2,8})*?(?:-x-icu|(?:-u(?:-[a-z0-9]{2,8})+))?", re.IGNORECASE)
_STRENGTHS: Final = {"level1": 1, "level2": 2, "level3": 3, "level4": 3, "identic": 2}
"""Of `ks`: how many levels count. `identic` as the clause's example 6 has it: case makes no difference."""
CLASSES: Final = {"Z": 0, "C": 0, "P": 1, "S": 2, "N": 4}
LETTER: Final = 5
_REMEMBERED: Final = 256
"""Characters of texts whose keys are remembered."""
_PHONEBOOK: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


@dataclass(frozen=True, slots=True)
class Collation:
    """`strength`: levels that count. `numeric`: runs of digits by their value. `upper`: capitals first."""

    strength: int = 3
    numeric: bool = False
    upper: bool = False
    phonebook: bool = False

    def key(self, text: str) -> Key:
        """Sort by this."""
        return _key(text, self) if len(text) <= _REMEMBERED else _key.__wrapped__(text, self)


ROOT: Final = Collation()


def parse_collation(tag: str) -> Collation:
    """A collation of RFC 6067 (`und`, `de-u-co-phonebk`, `und-u-ks-level1`, `root`, `und-x-icu`).

    Raises BadRequestData that names `collation` for what is no such tag; any language is taken for the root.
    """
    if len(tag) > 100 or not _TAG.fullmatch(tag):
        raise BadRequestData(
            "collation is a language tag with an optional -u- extension, such as und or de-u-co-phonebk.",
            field="collation",
            value=printable(tag),
            clause=CLAUSE,
        )
    language, _, extension = tag.lower().partition("-u-")
    keys = dict(re.findall(r"\b(ks|kn|kf|co)-([a-z0-9]{3,8})\b", extension))
    return Collation(
        strength=_STRENGTHS.get(keys.get("ks", ""), 3),
        numeric=keys.get("kn", "true" if re.search(r"\bkn\b", extension) else "false") == "true",
        upper=keys.get("kf") == "upper",
        phonebook=language.startswith("de") and keys.get("co") == "phonebk",
    )


@lru_cache(maxsize=8192)
def _key(text: str, collation: Collation) -> Key:
    given = text.translate(_PHONEBOOK) if collation.phonebook else text
    apart = unicodedata.normalize("NFKD", given)
    accents = "".join(c for c in apart if unicodedata.combining(c)) if collation.strength > 1 else ""
    letters = [c for c in apart if not unicodedata.combining(c)]
    primary = tuple(_weighed("".join(letters).casefold(), numeric=collation.numeric))
    if collation.strength < 3:
        return primary, accents, "", ""
    high, low = ("0", "1") if collation.upper else ("1", "0")
    case = "".join(high if c.isupper() or katakana(c) else low for c in letters)
    if not collation.upper:
        # Small letters to the end of a text are no difference: `ß` and `ss` part by their code points.
        case = case.rstrip(low)
    return primary, accents, case, text


def _weighed(text: str, *, numeric: bool) -> list[tuple[int, int, str]]:
    if not numeric:
        return [_weight(c) for c in text]
    found: list[tuple[int, int, str]] = []
    for run in re.findall(r"[0-9]+|[^0-9]", text):
        digits = run.lstrip("0") if run.isdigit() and run.isascii() else None
        found.append(_weight(run) if digits is None else (CLASSES["N"], len(digits), digits))
    return found


def _weight(c: str) -> tuple[int, int, str]:
    kind = unicodedata.category(c)
    if kind == "Sc":
        return 3, 0, c
    if kind == "Nd":
        return CLASSES["N"], 1 if unicodedata.digit(c) else 0, str(unicodedata.digit(c)).strip("0")
    return CLASSES.get(kind[0], LETTER), 0, chr(ord(c) - 0x60) if katakana(c) else c


def katakana(c: str) -> bool:
    return "\u30a1" <= c <= "\u30f6"
