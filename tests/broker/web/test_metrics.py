"""/metrics of one worker, and of several that share a folder: what a worker tells of itself is on both."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.metering.ledger.sequencer import Sequencer
from broker.metering.settle import Settler
from broker.registry.registry import Registry
from broker.web.metrics import Metrics


class _NoSources:
    def sources(self) -> list[object]:
        return []


@pytest.mark.parametrize("several", [False, True])
async def test_what_a_worker_tells_of_itself(several: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if several:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics = Metrics()
    registry: Registry = _NoSources()  # type: ignore[assignment]
    url = "postgresql://nowhere.invalid/none"
    metrics.observe(registry, Settler(url), Sequencer(url, "o", list))
    metrics.request("entities", 200, 0.01)
    told = metrics.render().decode()
    names = {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE")}
    assert {"kakehashi_ledger_leads", "kakehashi_ledger_lag_seconds", "kakehashi_settlement_lag_seconds"} <= names
    assert "kakehashi_ledger_leads 0.0" in told.splitlines()
    assert "kakehashi_source_breaker" in names
    assert len([line for line in told.splitlines() if line.startswith("# TYPE")]) == len(names)
