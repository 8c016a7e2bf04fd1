"""`make bench ARGS=--federation`: what federation adds to its slowest source, what each further source costs, what a
stopped one does, and whether memory stays flat while many entities are paged through. JSON out."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson

from tests.benchmarks.gateway_process import free_port, fsync_ms, gateway, pinned, process, say, wait_for
from tests.benchmarks.processes import cpu_seconds, rss_mb

QUERY = "/ngsi-ld/v1/entities?type=Vehicle&limit=100"
TIMEOUT_MS = 1000


@contextlib.contextmanager
def area(tag: str, delay_ms: float, entities: int) -> Iterator[tuple[str, int]]:
    """URL and pid of a platform."""
    port = free_port()
    command = ("-m", "tests.benchmarks.area_source", str(port), tag, str(delay_ms), str(entities))
    with process(sys.executable, *command, core=1) as pid:
        wait_for(f"http://127.0.0.1:{port}/ngsi-ld/v1/types")
        yield f"http://127.0.0.1:{port}", pid


def register(base: str, name: str, url: str) -> None:
    document = {"id": name, "adapter": "ngsi_ld", "endpoint": url, "timeout_ms": TIMEOUT_MS, "max_concurrency": 256}
    httpx2.post(f"{base}/platforms", json=document, timeout=30).raise_for_status()
    end = time.monotonic() + 20
    while "breaker" not in httpx2.get(f"{base}/platforms/{name}/health", timeout=10).json():
        if time.monotonic() > end:
            raise SystemExit("a platform was not seen in time")
        time.sleep(0.05)


def load(module: str, *arguments: str) -> dict[str, Any]:
    command = [*pinned(1), sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    found: dict[str, Any] = orjson.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def overhead(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Three sources of 2, 5 and 20 ms: what the gateway adds to the slowest, alone and at half of its saturation."""
    with contextlib.ExitStack() as stack:
        areas = [stack.enter_context(area(f"o{n}", ms, 30)) for n, ms in enumerate((2, 5, 20))]
        base, _ = stack.enter_context(gateway(folder / "overhead"))
        for n, (url, _) in enumerate(areas):
            register(base, f"o{n}", url)
        slowest = areas[-1][0]
        seconds = str(options.seconds)
        saturation = load("load", base + QUERY, "50", seconds)["requests_per_s"]
        half = str(round(saturation / 2, 1))
        return {
            "saturation_per_s": saturation,
            "one at a time": _added(
                load("load", base + QUERY, "1", seconds), load("load", slowest + QUERY, "1", seconds)
            ),
            "at half of saturation": _added(
                load("paced", base + QUERY, half, seconds), load("paced", slowest + QUERY, half, seconds)
            ),
        }


def _added(through: dict[str, Any], direct: dict[str, Any]) -> dict[str, Any]:
    return {
        "through": {name: through[name] for name in ("p50_ms", "p99_ms")},
        "slowest_alone": {name: direct[name] for name in ("p50_ms", "p99_ms")},
        "added_p50_ms": round(through["p50_ms"] - direct["p50_ms"], 2),
        "added_p99_ms": round(through["p99_ms"] - direct["p99_ms"], 2),
        "other_statuses": through["other_statuses"],
    }


def further_sources(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """CPU of the gateway per request for one entity, with 1 to 8 sources that have to be asked."""
    with contextlib.ExitStack() as stack:
        areas = [stack.enter_context(area(f"f{n}", 0, 10)) for n in range(8)]
        base, pid = stack.enter_context(gateway(folder / "further"))
        spent = {}
        wanted = f"{base}/ngsi-ld/v1/entities/urn:ngsi-ld:Vehicle:f0:0000001"
        for n, (url, _) in enumerate(areas, 1):
            register(base, f"f{n}", url)
            if n in (1, 2, 4, 8):
                before = cpu_seconds(pid)
                requests = load("load", wanted, "16", str(options.seconds))["requests"]
                spent[n] = round((cpu_seconds(pid) - before) / requests * 1e6, 1)
        return {"cpu_us_by_sources": spent, "cpu_us_per_further_source": round((spent[8] - spent[1]) / 7, 1)}


def stopped(folder: Path) -> dict[str, Any]:
    """One of three is stopped (SIGSTOP): at first it costs its time, then its breaker opens."""
    with contextlib.ExitStack() as stack:
        areas = [stack.enter_context(area(f"s{n}", 0, 30)) for n in range(3)]
        base, _ = stack.enter_context(gateway(folder / "stopped"))
        for n, (url, _) in enumerate(areas):
            register(base, f"s{n}", url)
        client = stack.enter_context(httpx2.Client(base_url=base, timeout=30, trust_env=False))
        client.get(QUERY)
        os.kill(areas[0][1], signal.SIGSTOP)
        try:
            closed: list[float] = []
            while client.get("/platforms/s0/health").json()["usable"]:
                closed.append(_timed(client))
            opened = sorted(_timed(client) for _ in range(300))
        finally:
            os.kill(areas[0][1], signal.SIGCONT)
        return {
            "deadline_ms": TIMEOUT_MS,
            "until_the_breaker_opens": {"requests": len(closed), "max_ms": max(closed)},
            "with_the_breaker_open": {"p50_ms": opened[150], "p99_ms": opened[297]},
        }


def _timed(client: httpx2.Client) -> float:
    began = time.perf_counter()
    answer = client.get(QUERY)
    spent = (time.perf_counter() - began) * 1000
    if "ngsild-warning" not in answer.headers:
        raise SystemExit("what is missing was not said")
    return round(spent, 2)


def paging(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Resident memory of the gateway while all entities of one source are paged through."""
    with area("p", 0, options.paged) as (url, _), gateway(folder / "paging") as (base, pid):
        register(base, "p", url)
        client = httpx2.Client(base_url=base, timeout=60, trust_env=False)
        seen, memory = 0, {}
        before = ""
        for offset in range(0, options.paged, 1000):
            answer = client.get("/ngsi-ld/v1/entities", params={"type": "Vehicle", "limit": 1000, "offset": offset})
            ids = [e["id"] for e in answer.json()]
            if ids != sorted(ids) or (ids and ids[0] <= before) or "ngsild-warning" in answer.headers:
                raise SystemExit(f"the page at {offset} is not what it should be")
            seen, before = seen + len(ids), ids[-1]
            if seen % (options.paged // 10) == 0:
                memory[seen] = rss_mb(pid)
        client.close()
        if seen != options.paged:
            raise SystemExit(f"{seen} of {options.paged} entities came")
        values = list(memory.values())
        return {"entities": seen, "rss_mb_by_entities": memory, "grown_mb": round(values[-1] - values[0], 1)}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=--federation", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="per measurement (4)")
    parser.add_argument("--paged", type=int, default=100_000, help="entities to page through (100000)")
    parser.add_argument("--part", choices=["overhead", "further", "stopped", "paging"], help="only one (all)")
    options = parser.parse_args(arguments)
    parts: dict[str, Any] = {
        "overhead": lambda f: overhead(options, f),
        "further": lambda f: further_sources(options, f),
        "stopped": stopped,
        "paging": lambda f: paging(options, f),
    }
    with tempfile.TemporaryDirectory() as folder:
        result: dict[str, Any] = {"fsync_ms": fsync_ms(Path(folder)), "load_average": os.getloadavg()[0]}
        for name, measure in parts.items():
            if options.part in (None, name):
                say(name)
                result[name] = measure(Path(folder))
    sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS) + b"\n")
