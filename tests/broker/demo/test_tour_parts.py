"""The tour's own judgement: a wrong answer is seen as one."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from broker.demo.flows_view import flow_table
from broker.demo.language import Language, Words
from broker.demo.processes import DemoFailed, Fleet, bare_environment, free_port
from broker.demo.questions import HAMAMATSUCHO, QUESTIONS, Known, Question
from broker.demo.report import Share
from broker.demo.tour import shares_of
from broker.demo.words import WORDS


def test_server_timing() -> None:
    header = "demo-otemachi;dur=1.2;desc=ok, demo-toyosu-x;dur=30;desc=rate-limited"
    assert shares_of(header) == [Share("demo-otemachi", "ok", 1.2), Share("demo-toyosu-x", "rate-limited", 30.0)]
    assert shares_of("") == []


def shelter(n: int, lon: float = HAMAMATSUCHO[0], lat: float = HAMAMATSUCHO[1]) -> dict[str, Any]:
    return {"id": f"urn:x:{n}", "location": {"value": {"coordinates": [lon, lat]}}}


def question(text: str) -> Question:
    return next(q for q in QUESTIONS if q.text == text)


def test_a_tour_in_which_everything_is_right() -> None:
    known = Known({"a": 1, "b": 2})
    everything = [shelter(1), shelter(2), shelter(3, lat=35.7)]
    right = {
        "step.shelters": everything,
        "step.near": everything[:2],
        "step.crowd": [{"peopleCount": {"value": 50}}],
        "step.toilets": [{"wheelchairAccessible": True}],
        "step.geojson": {"type": "FeatureCollection", "features": everything},
        "step.types": {"typeList": ["AccessibleToilet", "CrowdFlowObserved", "EvacuationShelter", "Other"]},
    }
    assert {q.text for q in QUESTIONS} == right.keys()
    assert {q.by for q in QUESTIONS} == {"otemachi", "takeshiba", "toyosu"}
    for text, body in right.items():
        assert question(text).check(body, known) == "", text


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("step.shelters", [shelter(1), shelter(2)]),
        ("step.shelters", [shelter(1), shelter(2), shelter(2)]),
        ("step.near", []),
        ("step.near", [shelter(1)]),
        ("step.near", [shelter(1), shelter(2), shelter(3)]),
        ("step.crowd", []),
        ("step.crowd", [{"peopleCount": {"value": 49}}]),
        ("step.toilets", []),
        ("step.toilets", [{"wheelchairAccessible": False}]),
        ("step.geojson", {"type": "FeatureCollection", "features": [1, 2]}),
        ("step.geojson", {"type": "Feature", "features": [1, 2, 3]}),
        ("step.types", {"typeList": ["EvacuationShelter"]}),
    ],
)
def test_a_wrong_answer_is_seen(text: str, body: Any) -> None:
    places = {"urn:x:1": HAMAMATSUCHO, "urn:x:2": HAMAMATSUCHO, "urn:x:3": (139.75, 35.7)}
    assert question(text).check(body, Known({"a": 1, "b": 2}, places)) != ""


def test_a_preferred_port_is_taken_only_if_it_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        assert free_port(taken) != taken
    assert free_port(taken) == taken


def test_what_configures_a_gateway_does_not_reach_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_SECRET_KEY", "secret")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/x")
    monkeypatch.setenv("OTHER", "1")
    found = bare_environment()
    assert found["OTHER"] == "1"
    assert not {"KAKEHASHI_SECRET_KEY", "PROMETHEUS_MULTIPROC_DIR"} & found.keys()


async def test_a_process_that_does_not_start_is_told_with_its_log(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    command = ("broker.demo.files", "--dir", str(tmp_path / "nix"))
    with pytest.raises(DemoFailed, match="no folder"):
        await fleet.start("toyosu", lambda port: [*command, "--port", str(port)], "/", bare_environment())
    await fleet.stop()


async def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from broker.demo.processes import Fleet, bare_environment\n"
        "async def main():\n"
        "    fleet = Fleet(Path(sys.argv[1]))\n"
        "    command = lambda port: ['broker.demo.files', '--port', str(port)]\n"
        "    print(await fleet.start('toyosu', command, '/', bare_environment()), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    port = int(out.decode().strip().rpartition(":")[2])
    await asyncio.to_thread(wait_until_gone, port)
    assert not answers(port)


def wait_until_gone(port: int) -> None:
    deadline = time.monotonic() + 20
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_flows_from_outside_are_only_text() -> None:
    flow = {
        "time": "2026-11-22T00:00:00Z",
        "consumer": {"service": "\x1b[2J"},
        "platform": "[red]x",
        "types": [],
        "entities": 1,
        "bytes": 2,
        "latency_ms": 3.0,
        "outcome": "ok",
        "cross_area": True,
    }
    table = flow_table(Words(WORDS, Language.EN), [flow])
    cells = [str(next(iter(column.cells))) for column in table.columns]
    assert cells[1:4] == ["\ufffd[2J", "[red]x", "●"]
