"""The ledger's figures: settling while it is numbered and signed, how far the checkpoint is behind, and verification.

`python -m tests.benchmarks.ledger settle` and `… verify [EVENTS]`; JSON. On a machine that does other things, compare
CPU and ratios, not wall times.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from broker.embedded.server import PrivatePostgres, remove
from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.store.database import Database
from broker.store.flows_upkeep import upkeep
from broker.store.ledger import Ledger
from broker.store.migrate import migrate
from schemas.flow import uuid7
from schemas.ledger import bundle
from schemas.ledger.checkpoint import Checkpoint
from schemas.ledger.container import DEFLATED, STORED, Member, directory
from schemas.ledger.entry import FlowEntry, canonical, written
from schemas.ledger.note import SigningKey, to_base64
from schemas.ledger.tally import Tally
from schemas.ledger.tree import Frontier, leaf_hash
from schemas.ledger.verify import verify
from tests.benchmarks.gateway_process import fsync_ms
from tests.benchmarks.settle import request

RATE = 2000
"""Requests a second, of three flows each."""
SECONDS = 20


async def settling(url: str, rate: int, seconds: int, *, numbered: bool) -> dict[str, Any]:
    """`rate` requests a second for so long: waits until durable, and how far the checkpoint was behind, in ms."""
    settler = await Settler.start(url, budget=5.0)
    sequencer = Sequencer(url, "bench/ledger", lambda: [bytes(32)])
    if numbered:
        # what the last measurement left does not count as this one's delay
        await sequencer.catch_up(300)
        sequencer.start()
    database = await Database.open(url)
    ledger = Ledger(database)
    waits: list[float] = []
    behind: list[float] = []

    async def one() -> None:
        flows = request()
        begun = time.perf_counter()
        await settler.settle(flows)
        waits.append(time.perf_counter() - begun)

    async def watch() -> None:
        while True:
            await asyncio.sleep(0.05)
            waiting = await ledger.waiting()
            behind.append(0.0 if waiting is None else (datetime.now(UTC) - waiting).total_seconds())

    watching = asyncio.create_task(watch()) if numbered else None
    cpu, begun = time.process_time(), time.perf_counter()
    tasks: list[asyncio.Task[None]] = []
    for tick in range(seconds * 100):
        tasks += [asyncio.create_task(one()) for _ in range(rate // 100)]
        await asyncio.sleep(max(0.0, begun + (tick + 1) / 100 - time.perf_counter()))
    await asyncio.gather(*tasks)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    if watching is not None:
        watching.cancel()
        await sequencer.stop(60)
    await settler.drain()
    await database.close()
    centiles = statistics.quantiles(waits, n=100)
    late = statistics.quantiles(behind, n=100) if behind else [0.0] * 99
    return {
        "numbered": numbered,
        "rate": rate,
        "events_per_second": round(3 * len(waits) / took),
        "cpu_us_per_request": round(cpu / len(waits) * 1e6, 1),
        "p50_ms": round(centiles[49] * 1e3, 2),
        "p99_ms": round(centiles[98] * 1e3, 2),
        "checkpoint_behind_p50_ms": round(late[49] * 1e3),
        "checkpoint_behind_p99_ms": round(late[98] * 1e3),
    }


def settle() -> dict[str, Any]:
    import uvloop

    home = Path(tempfile.mkdtemp(prefix="kakehashi-bench-"))
    home.chmod(0o711)
    try:
        with PrivatePostgres.start(home) as server:
            uvloop.run(_prepare(server.url))
            results = [
                uvloop.run(settling(server.url, rate, SECONDS, numbered=numbered))
                for rate in (RATE // 2, RATE)
                for numbered in (False, True)
            ]
            return {"fsync_ms": fsync_ms(home), "load_average": os.getloadavg()[0], "results": results}
    finally:
        remove(home)
        shutil.rmtree(home, ignore_errors=True)


async def _prepare(url: str) -> None:
    await migrate(url)
    database = await Database.open(url)
    await upkeep(database)
    await database.close()


def made(events: int, target: Path) -> None:
    """A bundle of so many flows, three a request, over the days of a month."""
    key = SigningKey("bench/ledger", bytes(32))
    tree, tally, members, packed = Frontier(), Tally(None, None), [], []
    now = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    blocks: list[str] = []
    with target.open("wb") as out:

        def put(name: str, content: bytes, raw: bytes, method: int) -> None:
            member = Member(name, method, zlib.crc32(content), len(raw), len(content), out.tell())
            out.write(member.header + raw)
            members.append(member)
            packed.append(bundle.Packed(name, sha256(raw).hexdigest()))

        block, asked = Frontier(), uuid7()
        for part, name in enumerate(bundle.entry_names(events)):
            lines = []
            for seq in range(part * bundle.PART, min((part + 1) * bundle.PART, events)):
                asked = uuid7() if seq % 3 == 0 else asked
                entry = _entry(seq, asked, now + seq / 3 * 2.5)
                text = canonical(entry)
                tally.add(entry)
                digest = leaf_hash(text)
                tree.push(digest)
                block.push(digest)
                if block.size == bundle.BLOCK:
                    blocks.append(to_base64(block.root()))
                    block = Frontier()
                lines.append(text + b"\n")
            content = b"".join(lines)
            deflate = zlib.compressobj(4, zlib.DEFLATED, -15)
            put(name, content, deflate.compress(content) + deflate.flush(), DEFLATED)
        text = Checkpoint("bench/ledger", events, tree.root()).text
        keys = bundle.Keys([bundle.Signer(str(key.verifying), None)], [])
        for name, content in (
            (bundle.PROOF, bundle.to_text(bundle.Proof(blocks, [], [], []))),
            (bundle.CHECKPOINT, f"{text}\n{key.sign(text)}".encode()),
            (bundle.KEYS, bundle.to_text(keys)),
            (bundle.REPORT, bundle.to_text(tally.report())),
        ):
            put(name, content, content, STORED)
        manifest = bundle.to_text(bundle.Manifest(1, events, list(packed), None, 0, "bench/ledger", events, None))
        statement = bundle.statement("bench/ledger", manifest)
        put(bundle.MANIFEST, manifest, manifest, STORED)
        signed = f"{statement}\n{key.sign(statement)}".encode()
        put(bundle.STATEMENT, signed, signed, STORED)
        out.write(directory(members))


def _entry(seq: int, asked: UUID, at: float) -> FlowEntry:
    area = ("otemachi", "takeshiba", "toyosu")[seq % 3]
    return FlowEntry(
        agreement=None, agreement_version=None, batch=False, bytes=40_000 + seq % 977, cache_hit=False,
        consumer_area="takeshiba", consumer_organisation="org-navigation", consumer_project="project-1",
        consumer_service=f"navigation-{seq % 40}", cross_area=area != "takeshiba", entities=seq % 101, form=1,
        id=str(uuid7()), kind="flow", latency_us=3200 + seq % 501, operation="query", outcome="ok",
        platform=f"urn:ngsi-ld:ContextSourceRegistration:{area}", provider_area=area,
        provider_organisation=f"org-{area}", replay_of=None, request=str(asked), seq=seq,
        time=written(datetime.fromtimestamp(at, UTC)),
        types=("https://uri.etsi.org/ngsi-ld/default-context/EvacuationShelter",),
    )  # fmt: skip


def verifying(events: int) -> dict[str, Any]:
    import mmap
    import resource

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bundle.zip"
        made(events, file)
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            cpu, begun = time.process_time(), time.perf_counter()
            view = memoryview(mapped)
            verdict = verify(view)
            view.release()
            took, cpu = time.perf_counter() - begun, time.process_time() - cpu
        return {
            "events": events,
            "holds": verdict.holds,
            "bundle_mb": round(file.stat().st_size / 1e6, 1),
            "seconds": round(took, 1),
            "cpu_seconds": round(cpu, 1),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
            "load_average": os.getloadavg()[0],
        }


def main() -> None:
    what, *rest = sys.argv[1:] or ["settle"]
    result = settle() if what == "settle" else verifying(int(rest[0]) if rest else 1_000_000)
    print(json.dumps({what: result}, indent=2))


if __name__ == "__main__":
    main()
