"""Reading our own Markdown: tables and backticks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def rows(text: str, columns: int) -> list[list[str]]:
    """The cells of every table row with so many columns, without heads and rulers."""
    found = []
    for line in text.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\-: ]+", line):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == columns and "`" in cells[0]:
                found.append(cells)
    return found


def code(text: str) -> list[str]:
    """What stands between backticks, outside of blocks of code."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
