"""What the application below the NGSI-LD routes fails with is answered, and told in the log under the request's id."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
import structlog
import structlog.testing
from fastapi import FastAPI

from broker.web import counted
from broker.web.administration.application import Announced, _problem
from broker.web.counted import Counted
from schemas.errors import KakehashiError, StoreUnavailable


class _Counts:
    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def request(self, route: str, status: int, seconds: float) -> None:
        self.told.append((route, status))


class _Callers:
    async def prepare(self, headers: dict[bytes, bytes]) -> None:
        if b"authorization" in headers:
            raise StoreUnavailable("nobody can be known now")


def _application() -> FastAPI:
    app = FastAPI()
    app.add_exception_handler(KakehashiError, _problem)
    app.add_exception_handler(Exception, _problem)

    @app.get("/flows")
    async def flows(at: str) -> None:
        raise StoreUnavailable("the database does not answer") if at == "store" else RuntimeError("a fault")

    return app


async def _ask(path: str, **headers: str) -> tuple[httpx2.Response, list[Any], _Counts]:
    counts = _Counts()
    below: Any = Announced(_application(), _Callers(), most=1000)  # type: ignore[arg-type]
    app = Counted(below, counts, frozenset({"flows"}))  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as logs:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://gateway") as client:
            return await client.get(path, headers=headers), logs, counts


async def test_failures_are_answered_and_logged_with_the_id_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    # a gateway that another test has started in this process has bound the module's logger for good
    monkeypatch.setattr(counted, "log", structlog.get_logger())
    for path, headers, status in (
        ("/flows?at=memory", {}, 500),
        ("/flows?at=store", {}, 503),
        ("/flows?at=door", {"authorization": "Bearer secret"}, 503),
    ):
        answer, logs, counts = await _ask(path, **headers)
        assert (answer.status_code, answer.json()["status"], counts.told) == (status, status, [("flows", status)])
        (line,) = logs
        assert (line["event"], line["status"], line["route"]) == ("request_failed", status, "flows")
        assert line["request"] == answer.headers["x-request-id"]
        assert "at=" not in str(line)
        assert "secret" not in str(line)
        # what nobody meant has its cause in the log, and says nothing of it
        assert ("exc_info" in line) == (status == 500)
        assert "a fault" not in answer.json()["detail"].replace("a fault of the gateway", "")
