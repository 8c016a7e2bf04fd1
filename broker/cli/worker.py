"""The application as one worker of `kakehashi serve` makes it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

from starlette.types import ASGIApp

from broker import app


def create_app() -> ASGIApp:
    """uvicorn's factory. A worker whose parent is gone, however it went, drains and ends: it would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=follow, name="follow-parent", daemon=True).start()
    return app.create_app()
