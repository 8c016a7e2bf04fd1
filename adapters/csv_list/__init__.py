"""A list of datasets as a CSV, such as オープンデータ一覧 of 自治体標準: one row for each resource."""

from __future__ import annotations

from functools import partial

from adapters.catalogued import Catalogued, CatalogueManifest, Entry, Fault, catalogue_options
from adapters.cataloguing.document import DocumentCatalogue, digest
from adapters.cataloguing.options import schema
from adapters.contract import Services
from adapters.csv_list.translate import Rows, grouped, translate
from adapters.geojson.reading.csv_text import read_csv
from adapters.geojson.reading.decoding import decode
from schemas.catalogue import CatalogueSource
from schemas.errors import BadUpstream

catalogue = CatalogueManifest(
    kind="csv_list",
    title="CSV list of datasets",
    title_ja="データセット一覧（CSV）",
    standard="自治体標準オープンデータセット オープンデータ一覧",
    options_schema=schema(
        encoding={
            "type": "string",
            "enum": ["utf-8", "utf-16", "shift_jis", "cp932", "euc-jp", "iso-2022-jp"],
            "description": "Encoding, if detection is wrong / 文字コード",
        },
        header_row={
            "type": "integer",
            "minimum": 1,
            "maximum": 100,
            "description": "Row of the column names / 見出し行の番号",
        },
    ),
)


async def open_catalogue(source: CatalogueSource, services: Services) -> Catalogued:
    """BadRequestData names the option at fault."""
    options = catalogue_options(catalogue, source.options)

    def read(body: bytes, media: str) -> tuple[list[Entry], list[Fault]]:
        text, _ = decode(body, options.get("encoding"))
        if text.lstrip()[:1] == "<":
            raise BadUpstream("an HTML page came instead of a CSV", field="endpoint")
        table = read_csv(text, header_row=options.get("header_row"), max_rows=options["max_datasets"])
        rows, faults = grouped(table)
        paths = options.get("mapping", {})

        def entry(name: str, group: Rows) -> Entry:
            return Entry(name, digest(group), partial(translate, name, group, source, paths))

        return [entry(name, group) for name, group in rows.items()], faults

    return DocumentCatalogue(source, services, options, "text/csv, */*;q=0.1", read, "CSV list")
