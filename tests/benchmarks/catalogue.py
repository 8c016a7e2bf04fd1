"""`make bench ARGS=--catalogue`: a portal of 10,000 datasets harvested, harvested again, killed half-way; searches.

The portal runs in a process of its own. Prints JSON: seconds of wall and CPU time, the harvesting process's largest
resident memory, and of the searches p50, p95 and p99 in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from adapters.testing.portal import Portal, packages
from adapters.testing.serving import Server
from broker.embedded.server import PrivatePostgres, remove
from broker.store.catalog_search import CatalogSearch, Filter
from broker.store.database import Database, connect
from catalog.search.question import parse

_QUESTIONS = Path(__file__).parents[1] / "catalog"
BROAD = ("東京都", "データ", "区", "CSV", "施設", "一覧 令和5年度", "population", "")
"""What nearly everything fits."""


async def serve_portal(count: int) -> None:
    async with Server(Portal(packages(count))) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def harvest(environment: dict[str, str]) -> dict[str, Any]:
    """`kakehashi catalog harvest` in a process of its own: seconds, and its largest memory."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "broker", "catalog", "harvest", "portal", "--json"],
        env=environment,
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    [status] = orjson.loads(done.stdout)
    counts = {n: status[n] for n in ("state", "seen", "added", "changed", "removed", "unchanged")}
    return {"wall_s": round(time.monotonic() - began, 1), "cpu_s": round(cpu, 1), **counts}


async def interrupted(environment: dict[str, str], url: str) -> int:
    """Killed in the middle; how many it had seen."""
    command = [sys.executable, "-m", "broker", "catalog", "harvest", "portal"]
    child = subprocess.Popen(command, env=environment)  # noqa: ASYNC220 - nothing else runs in this loop
    connection = await connect(url)
    seen = 0
    while child.poll() is None:
        seen = await connection.fetchval("SELECT seen FROM catalog_sources WHERE state = 'running'") or 0
        if seen > 3000:
            child.send_signal(signal.SIGKILL)
            child.wait()
            break
        await asyncio.sleep(0.02)
    await connection.close()
    return seen


async def state(url: str) -> str:
    """A digest of everything that is in the catalogue."""
    connection = await connect(url)
    rows = await connection.fetch("SELECT id, document, words::text FROM catalog_datasets ORDER BY id")
    await connection.close()
    return hashlib.blake2b("".join(f"{r[0]}{r[1]}{r[2]}" for r in rows).encode(), digest_size=8).hexdigest()


async def forget(url: str) -> None:
    connection = await connect(url)
    for table in ("catalog_datasets", "catalog_records", "catalog_changes", "catalog_faults"):
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute("UPDATE catalog_sources SET state = 'never', run = 0, cursor = ''")
    await connection.close()


async def searches(url: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of questions with few and with many hits, and of facets."""
    sys.path.insert(0, str(_QUESTIONS))
    from catalogue_questions import QUESTIONS  # type: ignore[import-not-found]

    database = await Database.open(url, max_size=2)
    search = CatalogSearch(database)
    told: dict[str, Any] = {}
    for label, questions in (("60 questions", [q for q, _ in QUESTIONS]), ("broad questions", BROAD)):
        times = []
        for round_ in range(rounds + 1):
            for question in questions:
                began = time.perf_counter()
                await search.search(Filter(parse(question)), limit=20, offset=0)
                if round_:
                    times.append((time.perf_counter() - began) * 1000)
        told[label] = quantiles(times)
    times = []
    for question in [q for q, _ in QUESTIONS]:
        began = time.perf_counter()
        await search.facets(Filter(parse(question)), ["publisher", "format", "theme"])
        times.append((time.perf_counter() - began) * 1000)
    told["three facets of 60 questions"] = quantiles(times)
    await database.close()
    return told


def quantiles(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {name: round(cuts[n - 1], 2) for name, n in (("p50_ms", 50), ("p95_ms", 95), ("p99_ms", 99))}


async def bench(folder: Path, count: int, rounds: int) -> dict[str, Any]:
    with PrivatePostgres.start(folder) as postgres:
        command = [sys.executable, "-m", "tests.benchmarks.catalogue", "--portal", str(count)]
        portal = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: ASYNC220
        assert portal.stdout is not None
        url = portal.stdout.readline().decode().strip()
        environment = {
            **os.environ,
            "KAKEHASHI_HOME": str(folder / "home"),
            "KAKEHASHI_DATABASE_URL": postgres.url,
            "KAKEHASHI_ACCESS": "open",
        }
        try:
            command = [sys.executable, "-m", "broker", "catalog", "add", "--id", "portal", "--kind", "ckan"]
            subprocess.run([*command, "--endpoint", url], env=environment, check=True)  # noqa: ASYNC221
            first = harvest(environment)
            before = await state(postgres.url)
            second = harvest(environment)
            await forget(postgres.url)
            seen = await interrupted(environment, postgres.url)
            resumed = harvest(environment)
            same = await state(postgres.url) == before
            largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            connection = await connect(postgres.url)
            await connection.execute("VACUUM ANALYZE catalog_datasets")
            await connection.close()
            return {
                "datasets": count,
                "first": first,
                "second": second,
                "killed at": seen,
                "resumed": resumed,
                "same state as without the kill": same,
                "largest_rss_mb": round(largest, 1),
                "searches": await searches(postgres.url, rounds),
            }
        finally:
            portal.kill()
            portal.wait()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=--catalogue", description=__doc__)
    parser.add_argument("--datasets", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="how often each question is asked")
    parser.add_argument("--portal", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.portal:
        asyncio.run(serve_portal(options.portal))
        return
    folder = Path(tempfile.mkdtemp(prefix="kakehashi-bench-"))
    folder.chmod(0o711)
    try:
        print(orjson.dumps(asyncio.run(bench(folder, options.datasets, options.rounds)), option=2).decode())
    finally:
        remove(folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
