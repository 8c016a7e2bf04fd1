from __future__ import annotations

import io
import zipfile

import pytest

from catalog.preview import preview
from schemas.errors import BadUpstream, SourceTooLarge, SourceUnsupported

TABLE = "開設状況\n\n名称,緯度,経度\n豊洲西小学校,35.656,139.793\n豊洲北小学校,35.657,139.796\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "euc_jp", "iso2022_jp"])
def test_a_csv_with_its_header_on_the_third_row_in_any_encoding(encoding: str) -> None:
    shown = preview(TABLE.encode(encoding), whole=True, rows=1)
    assert shown.columns == ["名称", "緯度", "経度"]
    assert shown.rows == [["豊洲西小学校", "35.656", "139.793"]]
    assert shown.more
    assert shown.header_row == 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "utf-16-le"])
def test_a_beginning_that_ends_in_the_middle_of_a_character(encoding: str) -> None:
    data = ("\ufeff" if encoding == "utf-16-le" else "").encode(encoding) + TABLE.encode(encoding)
    for cut in range(len(data) - 12, len(data)):
        assert preview(data[:cut], whole=False, rows=5).rows[0][0] == "豊洲西小学校"


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp", "utf-16"])
def test_json_in_other_encodings_than_its_own(encoding: str) -> None:
    shown = preview('[{"名称": "豊洲西小学校"}]'.encode(encoding), whole=True, rows=5)
    assert (shown.columns, shown.rows) == (["名称"], [["豊洲西小学校"]])


def test_json_and_geojson() -> None:
    assert preview(b'[{"a": 1, "b": null}, {"a": true}]', whole=True, rows=5).rows == [["1", ""], ["true", ""]]
    with pytest.raises(SourceUnsupported):
        preview(b'[{"a": 1', whole=False, rows=5)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"[1, 2"])
def test_what_can_not_be_read(data: bytes) -> None:
    with pytest.raises(BadUpstream):
        preview(data, whole=True, rows=5)


def test_archives_that_are_no_spreadsheets_and_bombs() -> None:
    with pytest.raises(BadUpstream, match="no spreadsheet"):
        preview(packed({"a.txt": b"x"}), whole=True, rows=5)
    with pytest.raises(SourceTooLarge):
        preview(packed({"xl/worksheets/sheet1.xml": b"<a>" + b" " * (65 * 1024 * 1024)}), whole=True, rows=5)
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cc">]><worksheet>&b;</worksheet>'
    with pytest.raises(BadUpstream, match="document type"):
        preview(packed({"xl/worksheets/sheet1.xml": entity}), whole=True, rows=5)


def packed(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()
