"""Projects, versions and filings as JSON-able objects."""

from __future__ import annotations

from typing import Any

from broker.store.kpi_filings import Filed
from broker.store.projects import KpiVersion, ProjectVersion
from schemas.kpi.reading import dump


def described_project(one: ProjectVersion) -> dict[str, Any]:
    return {
        **dump(one.project),
        "version": one.version,
        "changed": {"actor": one.actor, "reason": one.reason, "at": one.at.isoformat()},
    }


def described_version(one: KpiVersion) -> dict[str, Any]:
    return {
        "project": one.project,
        "id": one.definition.id,
        "version": one.version,
        "state": one.state.value,
        "digest": one.digest,
        "definition": dump(one.definition),
        "proposed": {
            "actor": one.actor, "side": one.side.value, "reason": one.reason, "at": one.at.isoformat(),
        },
        "agreed": one.agreed,
    }  # fmt: skip


def described_filing(one: Filed) -> dict[str, Any]:
    return {
        "project": one.project,
        "year": one.year,
        "number": one.number,
        "kind": one.kind.value,
        "digest": one.digest,
        "actor": one.actor,
        "at": one.at.isoformat(),
        "supersedes": one.supersedes,
    }
