"""What the documents refer to is there: links, files of the code, settings, and both languages of a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import DOCS, ROOT, code

from broker.settings import PREFIX, Settings

PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("README*.md"), ROOT / "deploy/README.md"])
FOLDERS = ("schemas/", "adapters/", "catalog/", "broker/", "tests/", "deploy/", "docs/")
OTHER_VARIABLES = {"KAKEHASHI_CONFIG", "KAKEHASHI_CREDENTIAL"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_it_refers_to_is_there(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for name in code(text):
        # a name of Python (`schemas/platform.Mode`) is no file
        if name.startswith(FOLDERS) and not set(name) & set("*<>{} ") and not re.search(r"\.[A-Z]\w*$", name):
            assert (ROOT / name).exists(), name
    for name in re.findall(r"KAKEHASHI_[A-Z_]+[A-Z]", text):
        assert name in OTHER_VARIABLES or name.removeprefix(PREFIX).lower() in Settings.model_fields, name


def test_every_decision_is_listed_with_its_title() -> None:
    index = (DOCS / "adr/README.md").read_text()
    for page in sorted((DOCS / "adr").glob("0*.md")):
        number, title = re.fullmatch(r"# (\d+)\. (.+)", page.read_text().splitlines()[0]).groups()  # type: ignore[union-attr]
        assert page.name.startswith(f"{int(number):04}-")
        assert f"{number}. [{title}]({page.name})" in index
        for part in ("**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in page.read_text(), (page.name, part)


def test_pages_for_users_are_there_in_both_languages_with_the_same_commands() -> None:
    for english in [ROOT / "README.md", *DOCS.glob("guide-*[a-z].md")]:
        if english.name.endswith(".ja.md"):
            continue
        japanese = english.with_name(english.name.removesuffix(".md") + ".ja.md")
        assert headings(english) == headings(japanese), english.name
        assert shell(english) == shell(japanese), english.name
        assert re.search(r"[ぁ-ん]", japanese.read_text())


def headings(page: Path) -> list[str]:
    """The levels: both languages have the same parts."""
    return re.findall(r"^#+(?= )", page.read_text(), re.MULTILINE)


def shell(page: Path) -> list[str]:
    """Commands, without their comments and quoted texts, which are in the page's language."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return [re.sub(r'(^|\s+)#.*$|"[^"$]*"', "", block, flags=re.MULTILINE) for block in blocks]
