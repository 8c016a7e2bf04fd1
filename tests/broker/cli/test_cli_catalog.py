"""What `kakehashi catalog` shows, in both languages; the commands are called in tests/e2e/test_catalogue_cli.py."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.ckan.translate import translate
from adapters.testing.portal import packages
from broker.cli.catalog_view import looking, progress_of, show_dataset, show_hits, show_links, show_sources, show_status
from broker.cli.session import Session
from broker.demo.language import Language
from broker.harvest.inputs import describe_source, read_source
from broker.store.catalog_links import BrokenLink
from broker.store.catalog_search import Found
from catalog.hit import Hit, Origin
from schemas.catalogue import CatalogueSource, HarvestState, HarvestStatus
from schemas.errors import BadRequestData

SOURCE = CatalogueSource("tokyo", "ckan", "https://catalog.example.jp", title="東京都\x1b[31m")
DATASET = translate(packages(1)[0], SOURCE, {})
HIT = Hit(DATASET, 1.0, (Origin(DATASET.id, "tokyo", DATASET.identifier), Origin("d2", "egov", "x")))


@pytest.mark.parametrize(("language", "word"), [(Language.JA, "一部のみ"), (Language.EN, "in part")])
def test_everything_is_shown_in_words(language: Language, word: str, capsys: Any) -> None:
    session = Session(language)
    status = HarvestStatus("tokyo", HarvestState.PARTIAL, seen=7, total=9, problem="it gave 7")
    show_sources(session, [describe_source(SOURCE, status)])
    show_status(session, status)
    show_hits(session, Found([HIT], 1, loose=True), as_json=False)
    show_dataset(session, HIT, as_json=False)
    with progress_of(session, "tokyo") as progress, looking(session, 2) as looked:
        progress(status)
        looked(True)
    show_links(session, [BrokenLink(DATASET.id, "tokyo", "道路", 0, "https://x.example/\x1b[31m", "404", "2026")], 7)
    out, err = capsys.readouterr()
    assert word in out
    assert "千代田区 避難所一覧" in out
    assert "egov" in out
    assert "it gave 7" in err
    assert "https://x.example/" in out
    assert "\x1b[31m" not in out


def test_nothing_is_said_too(capsys: Any) -> None:
    session = Session(Language.EN)
    show_sources(session, [])
    show_links(session, [], 0)
    show_hits(session, Found([], 0), as_json=False)
    show_hits(session, Found([HIT], 1), as_json=True)
    out = capsys.readouterr().out
    assert "No catalogue is registered" in out
    assert "No dataset matches" in out
    assert "No file is known" in out
    assert f'"{DATASET.id}"' in out


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": "a b"}, "id"),
        ({"id": "live:x"}, "id"),
        ({"endpoint": "file:///etc/passwd"}, "endpoint"),
        ({"interval_s": 1}, "interval_s"),
        ({"mode": "steal"}, "mode"),
        ({"colour": "red"}, "colour"),
        ({"credential": "s3cret"}, "credential"),
    ],
)
def test_a_wrong_member_is_named_and_a_secret_is_not(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadRequestData) as raised:
        read_source({"id": "tokyo", "kind": "ckan", "endpoint": "https://x.example", **changes})
    assert raised.value.field == field
    assert "s3cret" not in f"{raised.value.detail}{raised.value.value}"
