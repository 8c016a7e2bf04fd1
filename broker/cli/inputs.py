"""From options to documents: JSON inline or `@file`, `key=value`, and secrets that never stand on the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import typer

from schemas.errors import BadRequestData

SECRET_VARIABLE = "KAKEHASHI_CREDENTIAL"  # noqa: S105


def read_json(text: str, field: str) -> Any:
    """JSON, or `@path` of a file with JSON. BadRequestData names the option; its value only where it is a path."""
    source = read_file(text[1:], field) if text.startswith("@") else text.encode("utf-8", "surrogateescape")
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError as e:
        raise BadRequestData(f"not JSON: {e}", field=field, value=text if text.startswith("@") else None) from None


def read_object(text: str, field: str) -> dict[str, Any]:
    """As `read_json`, and it is an object."""
    document = read_json(text, field)
    if not isinstance(document, dict):
        raise BadRequestData("a JSON object is needed", field=field, value=text if text.startswith("@") else None)
    return document


def read_file(path: str, field: str) -> bytes:
    """A file's bytes; `-` is standard input."""
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).expanduser().read_bytes()
    except OSError as e:
        raise BadRequestData(f"the file can't be read: {e.strerror}", field=field, value=path) from None


def is_name(text: str) -> bool:
    """It names something and no file: neither `@path`, nor `-`, nor a file that is there."""
    return not text.startswith("@") and text != "-" and not Path(text).exists()


def read_pairs(pairs: Sequence[str], field: str) -> dict[str, Any]:
    """`key=value` each; a value that is JSON is taken as what it says, any other as text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BadRequestData("given as key=value", field=field, value=pair)
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


def merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The members of `given` that say something, over those of `base`."""
    return {**base, **{name: value for name, value in given.items() if value not in (None, [], {}, "")}}


def read_credential(
    document: str | None,
    *,
    header: str | None,
    bearer: bool,
    basic: str | None,
    file: str | None,
    prompt: str,
) -> dict[str, Any] | None:
    """A credential as `POST /platforms` takes it, or None. At most one kind may be given.

    The secret comes from `file` (`-`: standard input), else the environment, else from whoever sits at the terminal.
    """
    kinds = {"--credential": document, "--api-key-header": header, "--bearer": bearer or None, "--basic": basic}
    chosen = [name for name, value in kinds.items() if value is not None]
    if len(chosen) > 1:
        raise BadRequestData(f"only one of {', '.join(kinds)}", field=chosen[1])
    if not chosen:
        if file is not None:
            raise BadRequestData(
                "what kind of credential is it? Add --api-key-header NAME, --bearer or --basic USER",
                field="--credential-file",
            )
        return None
    if document is not None:
        return read_object(document, "--credential")
    secret = _secret(file, prompt)
    if header is not None:
        return {"kind": "header", "name": header, "value": secret}
    if basic is not None:
        return {"kind": "basic", "username": basic, "password": secret}
    return {"kind": "bearer", "token": secret}


def _secret(file: str | None, prompt: str) -> str:
    if file is not None:
        secret = read_file(file, "--credential-file").decode("utf-8", "replace").strip()
    elif SECRET_VARIABLE in os.environ:
        secret = os.environ[SECRET_VARIABLE].strip()
    elif sys.stdin.isatty():
        secret = str(typer.prompt(prompt, hide_input=True, err=True)).strip()
    else:
        raise BadRequestData(
            f"where is the secret? In {SECRET_VARIABLE}, in --credential-file FILE, or on standard input with "
            "--credential-file -",
            field="--credential-file",
        )
    if not secret:
        raise BadRequestData("the secret is empty", field="--credential-file")
    return secret
