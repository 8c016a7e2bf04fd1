from __future__ import annotations

import codecs
import csv
import io
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.geojson.reading.decoding import decode
from adapters.geojson.reading.reading import ReadingOptions, read
from adapters.geojson.reading.table import Table, lookup
from schemas.errors import BadUpstream, SourceTooLarge

CSV_TEXT = "名称,緯度,経度\r\n髙輪①～公園,35.6,139.7\r\n"


def table_of(data: bytes | str, wanted: set[str] | None = None, **options: Any) -> Table:
    raw = data.encode() if isinstance(data, str) else data
    return read(raw, ReadingOptions(**options), wanted or set())[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (CSV_TEXT.encode(), "UTF-8"),
        (codecs.BOM_UTF8 + CSV_TEXT.encode(), "UTF-8 with BOM"),
        (CSV_TEXT.encode("cp932"), "Shift_JIS (CP932)"),
        (codecs.BOM_UTF16_LE + CSV_TEXT.encode("utf-16-le"), "UTF-16 LE with BOM"),
        (codecs.BOM_UTF16_BE + CSV_TEXT.encode("utf-16-be"), "UTF-16 BE with BOM"),
        (CSV_TEXT.encode("utf-16-le"), "UTF-16 LE without BOM"),
        (CSV_TEXT.encode("utf-16-be"), "UTF-16 BE without BOM"),
        (codecs.BOM_UTF32_LE + CSV_TEXT.encode("utf-32-le"), "UTF-32 LE with BOM"),
    ],
)
def test_encoding_is_found(data: bytes, words: str) -> None:
    table, encoding = read(data, ReadingOptions())
    assert encoding == words
    assert table.columns == ("名称", "緯度", "経度")
    # wave dash and full-width tilde are one byte pair in CP932, which Python reads as ～ (U+FF5E)
    assert table.records[0].values["名称"] == "髙輪①～公園"


def test_encoding_as_told_is_not_second_guessed() -> None:
    data = "名称,緯度,経度\n新橋,35.6,139.7\n".encode("euc-jp")
    assert "新橋" in decode(data, "euc-jp")[0]
    with pytest.raises(BadUpstream) as raised:
        decode(data, "utf-8")
    assert raised.value.field == "options.encoding"


@pytest.mark.parametrize(
    ("text", "codec", "words"),
    [
        ("名称,緯度,経度\n新橋,35.6,139.7\n", "euc_jp", "EUC-JP"),
        ("名称,緯度,経度\n新橋,35.6,139.7\n", "iso2022_jp", "ISO-2022-JP"),
        # all of it fits Shift_JIS too
        ("名称\n豊洲\n", "euc_jp", "EUC-JP"),
        ("ひらがなだけの表,カタカナダケノヒョウ", "euc_jp", "EUC-JP"),
        ("名称①\n豊洲\n", "euc_jis_2004", "EUC-JP"),
        # half-width katakana as such
        ("名前,カナ\n大手町,ｵｵﾃﾏﾁ\n", "cp932", "Shift_JIS (CP932)"),
        ("ﾄｳｷｮｳﾄ,ﾁﾖﾀﾞｸ\nﾐﾅﾄｸ,1\n", "cp932", "Shift_JIS (CP932)"),
        ("名前,カナ\n大手町,ｵｵﾃﾏﾁ\n", "euc_jp", "EUC-JP"),
        ("髙島,﨑,①,～", "cp932", "Shift_JIS (CP932)"),
    ],
)
def test_encodings_of_japan_are_told_apart(text: str, codec: str, words: str) -> None:
    assert decode(text.encode(codec)) == (text, words)


def test_bytes_in_no_encoding_are_refused() -> None:
    with pytest.raises(BadUpstream, match="Shift_JIS"):
        decode(b"\x81 \xfd\xff abc")
    with pytest.raises(BadUpstream, match="empty"):
        decode(b"")


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x9FFF, exclude_categories=["Cs"]), min_size=1))
def test_utf8_always_comes_back(text: str) -> None:
    assert decode(text.encode())[0] == text.removeprefix("\ufeff")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        table, _ = read(data, ReadingOptions(max_rows=50))
    except (BadUpstream, SourceTooLarge):
        return
    assert len(table.records) <= 50


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_delimiter_is_found(delimiter: str) -> None:
    rows = [["名称", "住所", "緯度", "経度"], ["a,b", "c;d", "35.1", "139.1"], ["e", "f", "35.2", "139.2"]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    table = table_of(out.getvalue())
    assert table.columns == ("名称", "住所", "緯度", "経度")
    assert table.records[0].values == {"名称": "a,b", "住所": "c;d", "緯度": "35.1", "経度": "139.1"}


def test_header_row_is_found_below_titles() -> None:
    table = table_of("港区の公共施設一覧,,,\n令和8年4月1日現在,,,\n施設名,住所,緯度,経度\nA,B,35,139\n")
    assert table.header_row == 3
    assert [r.row for r in table.records] == [4]


def test_header_row_is_where_the_mapped_columns_are() -> None:
    text = "名称,緯度,経度\nア,イ,ウ\n1,35,139\n"
    assert table_of(text).header_row == 1
    assert table_of(text, {"ア", "イ"}).header_row == 2
    assert table_of(text, header_row=2).columns == ("ア", "イ", "ウ")


def test_header_row_that_is_not_there() -> None:
    with pytest.raises(BadUpstream) as raised:
        table_of("名称,緯度\nA,35\n", header_row=9)
    assert raised.value.field == "options.header_row"


def test_quoted_line_breaks_and_quotes() -> None:
    table = table_of('名称,備考,緯度,経度\r\n"A","一行目\r\n""二行目""",35,139\r\nB,,36,140\r\n')
    assert table.records[0].values["備考"] == '一行目\r\n"二行目"'
    assert table.records[1].values["名称"] == "B"


def test_blank_rows_short_rows_long_rows_and_doubled_names() -> None:
    table = table_of("名称,名称,,緯度\nA\n,,,\nB,C,D,35,E\n")
    assert table.columns == ("名称", "名称_2", "緯度")
    assert [dict(r.values) for r in table.records] == [{"名称": "A"}, {"名称": "B", "名称_2": "C", "緯度": "35"}]
    assert "1 row(s) have more cells" in table.notes[0]


def test_prose_is_no_csv_unless_told() -> None:
    prose = "Dear all,\nplease find, as ever, nothing.\n"
    with pytest.raises(BadUpstream, match="no JSON"):
        table_of(prose)
    assert table_of(prose, format="csv", header_row=2).columns == ("please find", "as ever", "nothing.")


def test_rows_are_bounded() -> None:
    with pytest.raises(SourceTooLarge):
        table_of("名称,緯度\n" + "a,1\n" * 11, max_rows=10)
    with pytest.raises(SourceTooLarge):
        table_of(orjson.dumps([{"a": 1}] * 11), max_rows=10)


FEATURE = {"type": "Feature", "id": 7, "geometry": {"type": "Point", "coordinates": [139, 35]}, "properties": {"a": 1}}


@pytest.mark.parametrize(
    "data",
    [
        orjson.dumps({"type": "FeatureCollection", "features": [FEATURE]}),
        orjson.dumps(FEATURE),
        orjson.dumps([FEATURE]),
        orjson.dumps(FEATURE) + b"\n" + orjson.dumps({**FEATURE, "id": 8}) + b"\n",
        b"\x1e" + orjson.dumps(FEATURE) + b"\n\x1e" + orjson.dumps(FEATURE) + b"\n",
        codecs.BOM_UTF16_LE + orjson.dumps(FEATURE).decode().encode("utf-16-le"),
    ],
)
def test_features_in_every_wrapping(data: bytes) -> None:
    table = table_of(data)
    assert table.format == "geojson"
    assert table.records[0].geometry == FEATURE["geometry"]
    assert table.records[0].values == {"a": 1, "@id": 7}


def test_no_features_is_no_error() -> None:
    table = table_of('{"type":"FeatureCollection","features":[]}')
    assert (table.format, table.records) == ("geojson", [])


def test_plain_json_and_where_its_list_lies() -> None:
    rows = [{"row": 1, "place": {"lat": 35}}, {"row": 2}]
    assert table_of(orjson.dumps(rows)).columns == ("row", "place", "place.lat")
    assert len(table_of(orjson.dumps({"total": 2, "hits": rows})).records) == 2
    assert len(table_of(orjson.dumps({"a": rows, "b": {"c": rows}}), records="b.c").records) == 2
    with pytest.raises(BadUpstream) as raised:
        table_of(orjson.dumps({"a": rows, "b": rows}))
    assert raised.value.field == "options.records"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("<!DOCTYPE html><html><head><title>ログイン</title>", "HTML page came instead of data (“ログイン”)"),
        ("<?xml version='1.0'?><kml/>", "XML"),
        ('{"type":"FeatureCollection","features":[', "not whole JSON"),
        ('{"type":"FeatureCollection"}', "no list of features"),
        ("[1,2,3]", "not of objects"),
        ('{"error":"no such file"}', "no FeatureCollection"),
        ("   \n ", "empty"),
        ("[" * 5000 + "]" * 5000, "not whole JSON"),
        ('[{"a":' + "[" * 300 + "]" * 300 + "}]", "nested more than 64 deep"),
    ],
)
def test_what_is_no_data_is_said_in_plain_words(data: str, words: str) -> None:
    with pytest.raises(BadUpstream) as raised:
        table_of(data)
    assert words in raised.value.detail


def test_members_that_are_no_features_are_noted() -> None:
    table = table_of(orjson.dumps({"type": "FeatureCollection", "features": [FEATURE, 3, {"type": "X"}]}))
    assert len(table.records) == 1
    assert "2 member(s)" in table.notes[0]


def test_another_coordinate_system_is_noted() -> None:
    document = {"type": "FeatureCollection", "features": [FEATURE]}
    plane = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::6677"}}
    world = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert "6677" in table_of(orjson.dumps({**document, "crs": plane})).notes[0]
    assert table_of(orjson.dumps({**document, "crs": world})).notes == ()


def test_lookup_prefers_the_name_as_it_stands() -> None:
    assert lookup({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert lookup({"a": {"b": {"c": 3}}}, "a.b.c") == 3
    assert lookup({"a": [1]}, "a.b") is None
