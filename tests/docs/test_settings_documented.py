"""docs/settings.md tells every setting, and tells it right."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import annotated_types
import pytest
from documents import DOCS, code, rows
from pydantic.fields import FieldInfo

from broker.settings import PREFIX, Settings

TOLD = {code(cells[0])[0]: cells for cells in rows((DOCS / "settings.md").read_text(), 5)}


def test_no_setting_is_missing_and_none_is_made_up() -> None:
    assert list(TOLD) == list(Settings.model_fields), "in the order of broker/settings.py"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_name_default_and_range_are_right(name: str) -> None:
    _, environment, default, scope, meaning = TOLD[name]
    field = Settings.model_fields[name]
    assert code(environment) == [PREFIX + name.upper()]
    shown = as_text(field.default)
    assert code(default) == ([shown] if shown else [])
    least, most = bounds(field)
    assert (f"{least}–{most}" == scope) if least is not None else "–" not in scope
    if isinstance(field.default, StrEnum):
        assert code(scope) == [member.value for member in type(field.default)]
    assert len(meaning) > 10


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.as_posix() if isinstance(value, Path) else str(value)


def bounds(field: FieldInfo) -> tuple[Any, Any]:
    least = [m.ge for m in field.metadata if isinstance(m, annotated_types.Ge)]
    most = [m.le for m in field.metadata if isinstance(m, annotated_types.Le)]
    return (least or [None])[0], (most or [None])[0]
