"""A platform in words and JSON, for its operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.ngsi_ld.context import CORE
from schemas.platform import Platform


def describe(platform: Platform) -> dict[str, Any]:
    """A platform as the API and the command line show it: without its credential.

    Names are short in the core context; those of a platform with an @context of its own are IRIs, which mean the same
    when they are given back in it.
    """
    name: Callable[[str], str] = CORE.compact if platform.context is None else str
    coverage = platform.coverage
    probe = platform.probe
    return {
        "id": platform.id,
        "area": platform.area,
        "organisation": platform.organisation,
        "name": platform.name,
        "adapter": platform.adapter,
        "endpoint": platform.endpoint,
        "registry_tenant": platform.registry_tenant,
        "tenant": platform.tenant,
        "service_path": platform.service_path,
        "context": platform.context,
        "options": platform.options,
        "coverage": {
            "types": list(dict.fromkeys(name(p.type) for p in coverage.entities if p.type)),
            "ids": list(dict.fromkeys(p.id for p in coverage.entities if p.id)),
            "id_patterns": list(dict.fromkeys(p.id_pattern for p in coverage.entities if p.id_pattern)),
            "attributes": sorted(map(name, coverage.attributes)),
            "geometry": coverage.geometry,
        },
        "open_data": platform.open_data
        if isinstance(platform.open_data, bool)
        else list(map(name, platform.open_data)),
        "mode": platform.mode.value,
        "timeout_ms": platform.timeout_ms,
        "max_concurrency": platform.max_concurrency,
        "operations": list(platform.distribution.operations),
        "alias": platform.distribution.alias,
        "local_only": platform.distribution.local_only,
        "cooldown_ms": platform.distribution.cooldown_ms,
        "cache_ms": platform.distribution.cache_ms,
        "expires_at": platform.distribution.expires_at,
        "state": platform.state.value,
        "has_credential": platform.has_credential,
        "probe": None
        if probe is None
        else {
            "ok": probe.ok,
            "dialect": probe.dialect,
            "types": [name(t) for t in probe.types],
            "page_limit": probe.page_limit,
            "clock_offset": probe.clock_offset,
            "verified": sorted(probe.verified),
            "sample": probe.sample,
            "findings": list(probe.findings),
            "problem": probe.problem,
            "field": probe.field,
            "probed_at": probe.probed_at,
        },
        "created_at": platform.created_at,
        "modified_at": platform.modified_at,
        "version": platform.version,
    }
