"""Canonical text of a tree: what `parse_q` reads back as the same tree, and what is sent on to NGSI-LD sources."""

from __future__ import annotations

import json
import re

from schemas.ngsi_ld.q.ast import And, Exists, Literal, Node, Operand, Or, Path, Range, Values

_STARTS_NAME = re.compile(r"(?!\d)[\w%]")


def write(node: Node) -> str:
    """An And inside an Or is put in parentheses although it binds tighter: not every broker knows the precedence."""
    return _write(node, outer=True)


def _write(node: Node, *, outer: bool) -> str:
    if isinstance(node, And | Or):
        text = (";" if isinstance(node, And) else "|").join(_write(term, outer=False) for term in node.terms)
        return text if outer else f"({text})"
    if isinstance(node, Exists):
        return ("!" if node.negated else "") + write_path(node.path)
    return f"{write_path(node.path)}{node.op}{_operand(node.value)}"


def write_path(path: Path) -> str:
    # In braces the first colon parts the hinted types from the path, so a name's own is encoded there.
    text = ".".join(_name(name, colon=not path.hops) for name in path.names)
    if path.members:
        text += f"[{'.'.join(_member(member) for member in path.members)}]"
    for depth in range(len(path.hops) - 1, -1, -1):
        hop = path.hops[depth]
        hint = ",".join(_name(name, colon=False) for name in hop.types) + ":" if hop.types else ""
        text = f"{_name(hop.relationship, colon=depth == 0)}{{{hint}{text}}}"
    return text


def _name(name: str, *, colon: bool = True) -> str:
    """Characters that no name has (a full IRI's, say) are percent-encoded, which `parse_q` takes back."""
    plain = "_:-" if colon else "_-"
    text = "".join(ch if ch.isalnum() or ch in plain else _encoded(ch) for ch in name)
    return text if _STARTS_NAME.match(text) else _encoded(text[:1]) + text[1:]


def _member(name: str) -> str:
    return "".join(ch if ch.isalnum() or ch in "_-@*:$" else _encoded(ch) for ch in name)


def _encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _operand(value: Operand) -> str:
    if isinstance(value, Literal):
        return _literal(value)
    if isinstance(value, Values):
        return ",".join(_literal(item) for item in value.items)
    if isinstance(value, Range):
        return f"{_literal(value.low)}..{_literal(value.high)}"
    return f'"{value.text}"'


def _literal(item: Literal) -> str:
    if item.kind == "boolean":
        return "true" if item.value else "false"
    if item.kind == "number":
        return repr(item.value)
    text = str(item.value)
    return json.dumps(text, ensure_ascii=False) if item.kind == "string" else text
