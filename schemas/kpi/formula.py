"""The small language of payment formulas: decimal arithmetic, comparisons, a few functions; nothing that can run on.

`round_down(ceiling * score / full_score, -3) if score >= 60 else 0`. Python's grammar is borrowed for parsing only; of
its nodes those named here are taken, and nothing is executed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal, DecimalException, localcontext
from typing import Any

from schemas.errors import BadRequestData

_LONGEST = 500
_DEEPEST = 30
_BINARY: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Decimal, Decimal], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def _rounded(how: str) -> Callable[..., Decimal]:
    def rounded(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
        if places != places.to_integral_value() or not -12 <= places <= 6:
            raise BadRequestData("Rounding takes -12 to 6 decimals.", field="formula", value=str(places))
        unit = Decimal(1).scaleb(-int(places))
        return (value / unit).quantize(Decimal(1), rounding=how) * unit

    return rounded


def _clamp(value: Decimal, least: Decimal, most: Decimal) -> Decimal:
    return max(least, min(value, most))


_FUNCTIONS: Mapping[str, tuple[Callable[..., Decimal], tuple[int, int]]] = {
    "min": (min, (2, 8)),
    "max": (max, (2, 8)),
    "clamp": (_clamp, (3, 3)),
    "round": (_rounded(ROUND_HALF_UP), (1, 2)),
    "round_down": (_rounded(ROUND_DOWN), (1, 2)),
    "round_up": (_rounded(ROUND_UP), (1, 2)),
}
"""Name → function, fewest and most arguments."""


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the formula and what it came to."""

    text: str
    value: Decimal


def names_of(formula: str) -> set[str]:
    """The variables that it uses. BadRequestData (field `formula`) for what is no formula."""
    tree = _parse(formula)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}


def evaluate(formula: str, variables: Mapping[str, Decimal]) -> tuple[Decimal, tuple[Step, ...]]:
    """Its value, and every part of it that was computed, the innermost first.

    BadRequestData: no formula, a name that is not there, a division by zero, numbers beyond 28 digits.
    """
    tree = _parse(formula)
    steps: list[Step] = []
    try:
        with localcontext() as context:
            context.prec = 28
            return _value(tree, variables, steps), tuple(steps)
    except DecimalException as error:
        raise BadRequestData(
            f"The formula can't be computed ({type(error).__name__}).", field="formula", value=formula
        ) from None


def _parse(formula: str) -> ast.expr:
    if len(formula) > _LONGEST:
        raise BadRequestData(f"A formula has at most {_LONGEST} characters.", field="formula")
    try:
        tree = ast.parse(formula.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadRequestData("This is no formula.", field="formula", value=formula) from None
    _check(tree, 0)
    return tree


def _check(node: ast.AST, depth: int) -> None:
    if depth > _DEEPEST:
        raise BadRequestData(f"A formula nests at most {_DEEPEST} deep.", field="formula")
    children: list[ast.AST]
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool) and abs(value) < 1e15:
            children = []
        case ast.Name():
            children = []
        case ast.BinOp(op=op) if type(op) in _BINARY:
            children = [node.left, node.right]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            children = [node.operand]
        case ast.IfExp(test=ast.Compare(ops=[op]) as test) if type(op) in _COMPARE:
            children = [test.left, *test.comparators, node.body, node.orelse]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            fewest, most = _FUNCTIONS[name][1]
            if not fewest <= len(node.args) <= most:
                raise BadRequestData(f"{name} takes {fewest} to {most} values.", field="formula")
            children = list(node.args)
        case _:
            raise BadRequestData(
                "A formula has numbers, names, + - * /, `A if X >= Y else B` and "
                f"{', '.join(_FUNCTIONS)}; nothing else.",
                field="formula",
                value=ast.unparse(node) if isinstance(node, ast.expr) else None,
            )
    for child in children:
        _check(child, depth + 1)


def _value(node: Any, variables: Mapping[str, Decimal], steps: list[Step]) -> Decimal:
    match node:
        case ast.Constant(value=value):
            return Decimal(repr(value))
        case ast.Name(id=name):
            if name not in variables:
                raise BadRequestData(f"There is no {name} here.", field="formula", value=name)
            return variables[name]
        case ast.BinOp(left=left, op=op, right=right):
            found = _BINARY[type(op)](_value(left, variables, steps), _value(right, variables, steps))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, variables, steps)
        case ast.UnaryOp(operand=operand):
            return _value(operand, variables, steps)
        case ast.IfExp(test=ast.Compare() as test, body=body, orelse=orelse):
            holds = _COMPARE[type(test.ops[0])](
                _value(test.left, variables, steps), _value(test.comparators[0], variables, steps)
            )
            steps.append(Step(ast.unparse(test), Decimal(int(holds))))
            return _value(body if holds else orelse, variables, steps)
        case _:
            found = _FUNCTIONS[node.func.id][0](*(_value(one, variables, steps) for one in node.args))
    steps.append(Step(ast.unparse(node), found))
    return found
