"""Certification: the shipped contract suite, run against a registered platform on its own data. It only reads."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from typing import Any

from adapters.contract import SourceContext
from adapters.testing.checks import run_checks
from broker.registry.enrolment import Enrolment
from schemas.platform import PlatformState

_SECONDS = 10.0


async def certify(enrolment: Enrolment, platform_id: str) -> dict[str, Any]:
    """Probe, then test every claim both ways. Passed: the platform's state becomes "certified".

    `{"id", "certified", "state", "checks": [{"id", "title", "ok", "detail", "skipped_reason"}]}`; raises NotFound.
    """
    platform = await enrolment.probe(platform_id)
    if platform.probe is None or platform.probe.problem:
        problem = platform.probe.problem if platform.probe else "it was not probed"
        return {"id": platform.id, "certified": False, "state": platform.state.value, "problem": problem, "checks": []}
    access = await enrolment.access(platform.id)
    loop = asyncio.get_running_loop()
    adapter = await enrolment.open_adapter(platform)
    try:
        results = await run_checks(adapter, lambda: SourceContext(deadline=loop.time() + _SECONDS, access=access))
    finally:
        await adapter.close()
    passed = all(r.ok for r in results)
    state = PlatformState.CERTIFIED if passed else PlatformState.ACTIVE
    if state is not platform.state:
        platform = await enrolment.store.update(replace(platform, state=state))
    return {
        "id": platform.id,
        "certified": passed,
        "state": platform.state.value,
        "checks": [asdict(r) for r in results],
    }
