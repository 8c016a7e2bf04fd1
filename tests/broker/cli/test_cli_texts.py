"""Every text there is in both languages, and every command and option has one."""

from __future__ import annotations

import string
from typing import Any

import pytest
import typer

from broker.cli.help import HELP
from broker.cli.main import app, choose_language
from broker.cli.plan import encoded
from broker.cli.session import Session
from broker.cli.texts import SETTINGS_JA, TEXTS
from broker.demo.language import Language, language_of
from broker.settings import Settings

ROOT: Any = typer.main.get_command(app)


def commands(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", {})
    return [(path, command), *(found for name, c in children.items() for found in commands(c, (*path, name)))]


ALL = commands(ROOT)


def test_every_text_has_both_sides_with_the_same_places_to_fill() -> None:
    for key, sides in TEXTS.items():
        assert all(sides), key
        places = [{field for _, field, _, _ in string.Formatter().parse(side) if field} for side in sides]
        assert places[0] == places[1], key


def test_every_setting_is_told_in_japanese() -> None:
    assert SETTINGS_JA.keys() == Settings.model_fields.keys()


def test_every_help_text_is_used() -> None:
    used = {c.help for _, c in ALL} | {p.help for _, c in ALL for p in c.params}
    own = {key for key in HELP if key.startswith("help.")}
    assert used <= HELP.keys()
    assert HELP.keys() == used | own


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(("path", "command"), ALL, ids=lambda v: "-".join(v) if isinstance(v, tuple) else "")
def test_help(
    path: tuple[str, ...],
    command: Any,
    language: Language,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # wide enough that no name of an option is broken into the text beside it
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        ROOT.main(args=[*path, "--help"], prog_name="kakehashi", obj=Session(language))
    assert ended.value.code == 0
    shown = "".join(capsys.readouterr().out.split())
    column = 0 if language is Language.JA else 1
    assert "".join(HELP[command.help][column].split()) in shown
    for param in command.params:
        assert "".join(HELP[param.help][column].split()) in shown, param.name
        assert all(name in shown for name in param.opts if name.startswith("-"))


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_ALL": "ja_JP.eucJP"}, "ja"),
        ({"LANG": "C", "LC_MESSAGES": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": ""}, "ja"),
    ],
)
def test_locale(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_lang_counts_wherever_it_stands() -> None:
    assert choose_language(["a", "--lang", "ja", "b"], Language.EN) == (Language.JA, ["a", "b"])
    assert choose_language(["--lang=en", "a"], Language.JA) == (Language.EN, ["a"])
    assert choose_language(["a", "--", "--lang", "ja"], Language.EN) == (Language.EN, ["a", "--", "--lang", "ja"])
    for wrong in (["--lang"], ["--lang", "fr"], ["--lang="]):
        with pytest.raises(SystemExit):
            choose_language(wrong, Language.EN)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("type=A&q=b>1", b"type=A&q=b>1"),
        ("/ngsi-ld/v1/entities?type=A", b"type=A"),
        ("https://h/x?type=A", b"type=A"),
        ("?type=A", b"type=A"),
        ('type=A&q=name~="a?b"', b'type=A&q=name~="a?b"'),
        ("q=name==東", b"q=name==%E6%9D%B1"),
        ("coordinates=%5B1,2%5D", b"coordinates=%5B1,2%5D"),
    ],
)
def test_a_query_as_it_is_typed(typed: str, sent: bytes) -> None:
    assert encoded(typed) == sent
