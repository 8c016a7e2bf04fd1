"""The first sheet of an XLSX file as rows of text, within bounds on what its archive unpacks to. Pure."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError, iterparse

from schemas.errors import BadUpstream, SourceTooLarge

_MOST_UNPACKED = 64 * 1024 * 1024
_MOST_STRINGS = 200_000
_MOST_COLUMNS = 1000
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_REFERENCE = re.compile(r"([A-Z]{1,3})\d+")


def first_sheet(data: bytes, most: int) -> list[list[str]]:
    """At most `most` rows. BadUpstream for what is no spreadsheet, SourceTooLarge for a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            sheets = sorted(
                (n for n in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n)),
                key=lambda n: int(re.sub(r"\D", "", n.rpartition("/")[2])),
            )
            if not sheets:
                raise BadUpstream("it is an archive, but no spreadsheet")
            strings = _strings(archive) if "xl/sharedStrings.xml" in names else []
            return _rows(_member(archive, sheets[0]), strings, most)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError) as e:
        raise BadUpstream(f"the archive can't be unpacked ({e.__class__.__name__})") from None
    except ParseError as e:
        raise BadUpstream(f"the sheet can't be read: {e}") from None


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpacked, whatever size its directory tells."""
    with archive.open(name) as file:
        data = file.read(_MOST_UNPACKED + 1)
    if len(data) > _MOST_UNPACKED:
        raise SourceTooLarge("the sheet unpacks to more than is read")
    if _DOCTYPE.search(data[:4096]):
        raise BadUpstream("the sheet has a document type, which is not taken")
    return data


def _strings(archive: zipfile.ZipFile) -> list[str]:
    found: list[str] = []
    for element in _ended(_member(archive, "xl/sharedStrings.xml"), "si"):
        found.append(_text(element))
        if len(found) >= _MOST_STRINGS:
            break
    return found


def _rows(data: bytes, strings: list[str], most: int) -> list[list[str]]:
    rows: list[list[str]] = []
    for element in _ended(data, "row"):
        row: list[str] = []
        for cell in element:
            place = _column(cell.get("r", ""), len(row))
            if place >= _MOST_COLUMNS:
                break
            row += [""] * (place - len(row))
            row.append(_value(cell, strings))
        rows.append(row)
        if len(rows) >= most:
            break
    return rows


def _ended(data: bytes, tag: str) -> Iterator[Element]:
    """Elements of that name, each emptied after it was looked at."""
    # document types, and so entities, were refused before
    for _, element in iterparse(io.BytesIO(data)):  # noqa: S314
        if element.tag.rpartition("}")[2] == tag:
            yield element
            element.clear()


def _value(cell: Element, strings: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text(cell).strip()
    value = next((child.text or "" for child in cell if child.tag.endswith("}v")), "")
    if kind == "s":
        return strings[int(value)].strip() if value.isdigit() and int(value) < len(strings) else ""
    return {"1": "true", "0": "false"}.get(value, value) if kind == "b" else value.strip()


def _text(element: Element) -> str:
    """Of all runs, without the reading aids (phonetic runs)."""
    parts = []
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name == "t":
            parts.append(child.text or "")
        elif name in ("r", "is"):
            parts.append(_text(child))
    return "".join(parts)


def _column(reference: str, default: int) -> int:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return default
    place = 0
    for letter in found.group(1):
        place = place * 26 + ord(letter) - 64
    return place - 1
