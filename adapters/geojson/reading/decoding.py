"""Which encoding a file of a Japanese municipality is in. Every attempt is strict: a guess never drops a character."""

from __future__ import annotations

import codecs

from schemas.errors import BadUpstream

_BOMS = (
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32 LE with BOM"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32 BE with BOM"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16 LE with BOM"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16 BE with BOM"),
)
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    # cp932 is what is in the wild under the name Shift_JIS: ① 髙 ～ are in none but cp932
    "shift_jis": "cp932",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
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
    for codec, words in (("utf-8", "UTF-8"), ("cp932", "Shift_JIS (CP932)")):
        try:
            return data.decode(codec), words
        except UnicodeDecodeError:
            continue
    raise BadUpstream("the file is in none of UTF-8, UTF-16 and Shift_JIS; options.encoding can name its encoding")


def _as_told(data: bytes, encoding: str) -> tuple[str, str]:
    text = _strict(data, ENCODINGS[encoding], encoding)
    return text.removeprefix("\ufeff"), f"{encoding} (as options.encoding says)"


def _strict(data: bytes, codec: str, words: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as e:
        raise BadUpstream(f"the file is not {words}: byte {e.start} does not fit", field="options.encoding") from None
