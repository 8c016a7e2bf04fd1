"""The NGSI-LD query language (clause 4.9): tree, reader, writer, evaluator. No translation to other languages."""

from __future__ import annotations

from schemas.ngsi_ld.q.ast import (
    And,
    Comparison,
    Exists,
    Hop,
    Literal,
    Node,
    Operand,
    Or,
    Path,
    Range,
    Regex,
    Values,
)
from schemas.ngsi_ld.q.query import Q, parse_q

__all__ = [
    "And",
    "Comparison",
    "Exists",
    "Hop",
    "Literal",
    "Node",
    "Operand",
    "Or",
    "Path",
    "Q",
    "Range",
    "Regex",
    "Values",
    "parse_q",
]
