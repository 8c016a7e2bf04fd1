"""`python -m broker.demo.child MODULE …` runs a module that ends with whoever started it, however that ends."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Standard input is a pipe that its starter holds and never writes to."""
    threading.Thread(target=_follow, name="follow-starter", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _follow() -> None:
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
