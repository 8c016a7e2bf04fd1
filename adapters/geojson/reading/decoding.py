"""Which encoding a file of a Japanese municipality is in. Every attempt is strict: a guess never drops a character."""

from __future__ import annotations

import codecs
import re

from schemas.errors import BadUpstream

_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE with BOM"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32 BE with BOM"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE with BOM"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE with BOM"),
)
_SHIFTED = re.compile(rb"\x1b\$[@B]|\x1b\$\([D]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    # cp932 is what is in the wild under the name Shift_JIS: ① 髙 ～ are in none but cp932
    "shift_jis": "cp932",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
}
"""What `options.encoding` may say → the codec."""


def decode(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """The text and the encoding's name in words. BadUpstream if no encoding (or not the one given) fits."""
    if not data:
        raise BadUpstream("the file is empty")
    if encoding is not None:
        return _as_told(data, encoding)
    for bom, codec, words in _BOMS:
        if data.startswith(bom):
            return _strict(data[len(bom) :], codec, words), words
    if b"\0" in data:
        # text in UTF-8 or Shift_JIS has no NUL, but delimiters and line ends in UTF-16 always bring some
        little = data[1::2].count(0) >= data[0::2].count(0)
        words = "UTF-16 LE without BOM" if little else "UTF-16 BE without BOM"
        return _strict(data, "utf-16-le" if little else "utf-16-be", words), words
    if _SHIFTED.search(data):
        # its bytes are those of ASCII, so that it would read as UTF-8 too
        return _strict(data, "iso2022_jp_ext", "ISO-2022-JP"), "ISO-2022-JP"
    for attempt in (_utf_8, _euc_jp, _cp932):
        if (found := attempt(data)) is not None:
            return found
    raise BadUpstream(
        "the file is in none of UTF-8, UTF-16, Shift_JIS, EUC-JP, ISO-2022-JP; options.encoding can name its encoding"
    )


def _utf_8(data: bytes) -> tuple[str, str] | None:
    text = _tried(data, "utf-8")
    return None if text is None else (text, "UTF-8")


def _euc_jp(data: bytes) -> tuple[str, str] | None:
    """Text in Shift_JIS hardly ever fits: the first bytes of its kana and most kanji are none of EUC-JP. Text in EUC-JP
    does fit Shift_JIS, as half-width katakana; whether that is what it is decides."""
    for codec in ("euc_jp", "euc_jis_2004"):
        # the second has ① and the like, which machines of Windows write
        text = _tried(data, codec)
        if text is None:
            continue
        other = _tried(data, "cp932")
        if other is None or len(_HALF_WIDTH.findall(other)) > len(_HALF_WIDTH.findall(text)):
            return text, "EUC-JP"
    return None


def _cp932(data: bytes) -> tuple[str, str] | None:
    text = _tried(data, "cp932")
    return None if text is None else (text, "Shift_JIS (CP932)")


def _tried(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return None


def _as_told(data: bytes, encoding: str) -> tuple[str, str]:
    text = _strict(data, ENCODINGS[encoding], encoding)
    return text.removeprefix("\ufeff"), f"{encoding} (as options.encoding says)"


def _strict(data: bytes, codec: str, words: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as e:
        raise BadUpstream(f"the file is not {words}: byte {e.start} does not fit", field="options.encoding") from None
