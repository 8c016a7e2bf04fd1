"""Payment formulas: what they come to, and that nothing else gets in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.kpi.formula import evaluate, names_of

NAMES = {"score": Decimal("62.5"), "ceiling": Decimal(10_000_000)}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("-(1 - 4) / 2", "1.5"),
        ("0.1 + 0.2", "0.3"),
        ("round_down(ceiling * score / 100, -5)", "6200000"),
        ("round(2.5)", "3"),
        ("round_up(2.01, 1)", "2.1"),
        ("clamp(score, 0, 60)", "60"),
        ("min(1, 2, max(3, 4))", "1"),
        ("ceiling if score >= 60 else ceiling / 2 if score >= 40 else 0", "10000000"),
        ("1 if score != score else 2", "2"),
    ],
)
def test_what_it_comes_to(formula: str, value: str) -> None:
    assert evaluate(formula, NAMES)[0] == Decimal(value)


def test_every_part_is_shown() -> None:
    _, steps = evaluate("round(score * 2) if score > 50 else 0", NAMES)
    assert [(s.text, s.value) for s in steps] == [
        ("score > 50", 1), ("score * 2", Decimal("125.0")), ("round(score * 2)", 125),
    ]  # fmt: skip
    assert names_of("round(score * a) if b > 1 else 0") == {"score", "a", "b"}


@pytest.mark.parametrize(
    "formula",
    [
        "", "1 +", "__import__('os')", "score.real", "score[0]", "lambda: 1", "[1]", "'a'", "True", "2 ** 9", "1 // 2",
        "1 if score else 2", "1 if 0 < score < 9 else 2", "f(1)", "min(1)", "round(1, digits=2)", "score and 1",
        "(x := 1)", "1j", "1e300", "1;2", "a\0", "(" * 300 + "1" + ")" * 300, "-" * 200 + "1", "1+" * 300 + "1",
        "round(*[1])", "{1}", "score @ 2", "1 << 2", "~1", "not 1", "await x",
    ],
)  # fmt: skip
def test_nothing_else_gets_in(formula: str) -> None:
    with pytest.raises(BadRequestData):
        names_of(formula)


@pytest.mark.parametrize("formula", ["1 / (score - score)", "missing", "round(1, 99)", "round(1, 0.5)"])
def test_what_can_not_be_computed(formula: str) -> None:
    with pytest.raises(BadRequestData):
        evaluate(formula, NAMES)


@given(st.text(alphabet="0123456789.+-*/() ,ifelsroundmaxc<>=", max_size=60))
def test_anything_ends_in_a_number_or_a_refusal(formula: str) -> None:
    try:
        value, _ = evaluate(formula, NAMES)
    except BadRequestData:
        return
    assert isinstance(value, Decimal)
