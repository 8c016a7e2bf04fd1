"""One call of the command in a process of its own, forked from one that has everything imported."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["broker.cli.main", "broker.app", "broker.kpi.show", "broker.registry.certify"])


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Result]
"""The fixture `cli`."""


def call(folder: Path, arguments: list[str], environment: Mapping[str, str], stdin: bytes) -> Result:
    """`folder` takes what it writes."""
    folder.joinpath("stdin").write_bytes(stdin)
    process = _CONTEXT.Process(target=_command, args=(str(folder), arguments, dict(environment)))
    process.start()
    process.join(60)
    assert process.exitcode is not None, "the command did not end"
    out, err = (folder.joinpath(name).read_text("utf-8") for name in ("stdout", "stderr"))
    return Result(process.exitcode, out, err)


def _command(folder: str, arguments: list[str], environment: dict[str, str]) -> None:
    for name in [n for n in os.environ if n.startswith(("KAKEHASHI_", "LC_", "LANG"))]:
        del os.environ[name]
    os.environ.update(environment)
    os.dup2(os.open(Path(folder, "stdin"), os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    from broker.cli.main import main

    main(arguments)
