from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.search.fold import fold, lexemes
from catalog.search.question import parse
from catalog.search.synonyms import label, labels, suggestions, table


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ＡＥＤ", "aed"),
        ("トイレ", "といれ"),
        ("ﾄｲﾚ", "トイレ"),
        ("澁谷區", "渋谷区"),
        ("﨑", "崎"),
        ("センサー", "センサ"),
        ("Wi‑Fi", "wi‑fi"),
        ("①", "1"),
    ],
)
def test_spellings_that_mean_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_what_differs_stays_apart() -> None:
    assert fold("病院") != fold("美容院")
    assert fold("びょういん") != fold("びよういん")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_folding_twice_is_as_once_and_lexemes_are_clean(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert all(lexeme and "\0" not in lexeme and " " not in lexeme for lexeme in lexemes(text))
    parse(text)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("避難所 豊洲", ["避難所", "豊洲"]),
        ("豊洲で避難できる場所は?", ["豊洲", "避難"]),
        ("evacuation shelters in Toyosu", ["evacuation shelter", "toyosu"]),
        ("bike sharing Nishi-Shinjuku", ["bike sharing", "nishi-shinjuku"]),
        ("港区のトイレはどこ", ["港区", "といれ"]),
        ("データ", []),
        ("一覧", ["一覧"]),
        ("", []),
        ("、。!?", []),
    ],
)
def test_questions_taken_apart(question: str, words: list[str]) -> None:
    assert [term.word for term in parse(question).terms] == words


def test_an_area_is_looked_for_in_its_ward_too() -> None:
    [term] = parse("豊洲").terms
    assert term.place
    assert term.weak == (("江東", "東区"),)
    assert parse("大手町の気温").areas == ("otemachi",)


def test_a_place_can_be_written_in_several_ways() -> None:
    kinds = {parse(q).terms[0].exact[-1] for q in ("koto ward", "Koto-ku", "江東区", "江東")}
    assert len(kinds) == 1


def test_entity_types_are_called_by_their_names() -> None:
    assert label("EvacuationShelter") == "避難所"
    assert label("AccessibleToilet") == "多目的トイレ"
    assert "シェルター" not in labels("CrowdFlowObserved")
    assert "シェルター" in labels("EvacuationShelter")
    assert label("Blesensor.per3600") == ""


def test_every_word_of_the_table_leads_to_its_group() -> None:
    assert all(word in group for word, group in table().items())
    assert suggestions("避難")[0] == "避難所"
    assert suggestions("") == []
