"""What the gateway answers is in the document that it publishes, whatever it is asked: schemathesis makes the cases.

`make fuzz` runs 2,000 cases; `SCHEMATHESIS_CASES` and `SCHEMATHESIS_SEED` choose others. Half of the cases keep to the
document and half breach it; of both, three in four are then led to what is there (see `_lead`), or nearly all would
end at a tenant or an id that does not exist.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from gateway import ENTITIES, Gateway, fresh_database, settings
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as options
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, not_a_server_error
from sources import Host, NgsiLdSource

CASES = int(os.environ.get("SCHEMATHESIS_CASES", "200"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))
_ID = "urn:ngsi-ld:EvacuationShelter:13103-0001"
_SHELTER: dict[str, Any] = {"id": _ID, "type": "EvacuationShelter", "capacity": {"type": "Property", "value": 320}}
_EVOLUTION = _SHELTER | {"capacity": [{"type": "Property", "value": 1, "observedAt": "2026-04-01T09:00:00Z"}]}
_CONTEXT = {"@context": {"capacity": "https://smartdatamodels.org/dataModel.Example/capacity"}}
_NEEDED = ("timerel", "timeAt")
_CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def fuzzed(postgres_url: str, tmp_path_factory: pytest.TempPathFactory, host: Host) -> Iterator[Gateway]:
    """A gateway of its own, since what is there may all be deleted; with one platform."""
    home: Path = tmp_path_factory.mktemp("fuzzed")
    with fresh_database(postgres_url) as url:
        running = Gateway(settings(home, url))
        yield running
        running.close()


def test_no_fault_and_no_answer_that_is_not_described(fuzzed: Gateway, host: Host) -> None:
    source = host.serve(NgsiLdSource([_SHELTER | {"id": f"{_ID}-there"}]))
    schema = schemathesis.openapi.from_url(f"{fuzzed.url}/openapi.json")
    run = _Run([found.ok() for found in schema.get_all_operations()], SEED)
    while run.cases < CASES:
        run.round(CASES, lambda: _furnish(fuzzed, source.url))
    print(f"{run.cases} cases of seed {SEED}; answers by status: {dict(sorted(run.statuses.items()))}")
    assert not run.faults, "\n\n".join(run.faults.values())
    # a run that only ever met refusals would say little
    assert run.statuses[200] > run.cases / 20, run.statuses
    assert run.statuses[204] > 0, run.statuses


def test_what_is_not_described_is_found(fuzzed: Gateway) -> None:
    document = requests.get(f"{fuzzed.url}/openapi.json", timeout=10).json()
    responses = document["paths"]["/health/live"]["get"]["responses"]
    for spoilt, words in (
        ({"204": responses["200"]}, "Undocumented status code"),
        ({"200": {**responses["200"], "content": {"text/plain": {}}}}, "Undocumented Content-Type"),
        ({"200": _shaped(responses["200"], {"type": "array"})}, "Response violates schema"),
    ):
        document["paths"]["/health/live"]["get"]["responses"] = spoilt
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=fuzzed.url)
        run = _Run([schema["/health/live"]["GET"]], SEED)
        run.round(1, lambda: None)
        assert words in "".join(run.faults.values()), words


class _Run:
    """`cases` so far, the `statuses` of their answers, and the first of each kind of fault in words."""

    def __init__(self, operations: list[Any], seed: int) -> None:
        self.cases = 0
        self.statuses: Counter[int] = Counter()
        self.faults: dict[tuple[str, int, str], str] = {}
        self._operations = operations
        self._seed = seed
        self._session = requests.Session()
        self._checks = [not_a_server_error, *CHECKS.get_by_names(_CHECKS)]

    def round(self, total: int, furnish: Any) -> None:
        """As many cases of each operation as bring all together near `total`; at least one."""
        share = max(1, (total - self.cases) // (2 * len(self._operations)))
        for operation in self._operations:
            furnish()
            self._ask(operation, GenerationMode.POSITIVE, share)
            raw = operation.definition.raw
            if "parameters" in raw or "requestBody" in raw:
                self._ask(operation, GenerationMode.NEGATIVE, share)
        self._seed += 1

    def _ask(self, operation: Any, mode: GenerationMode, count: int) -> None:
        @seed(self._seed)
        @options(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode), st.integers(-1, 2))
        def ask(case: Any, kept: int) -> None:
            if kept >= 0:
                _lead(operation, case, kept)
            answer = case.call(session=self._session, timeout=30)
            self.cases += 1
            self.statuses[answer.status_code] += 1
            try:
                case.validate_response(answer, checks=self._checks)
            except BaseExceptionGroup as group:
                for fault in group.exceptions:
                    kind = (operation.label, answer.status_code, type(fault).__name__)
                    said = answer.content[:500].decode(errors="replace")
                    words = f"{operation.label}: {fault}\n{case.as_curl_command()[:1000]}\n{said}"
                    self.faults.setdefault(kind, words)

        ask()


def _lead(operation: Any, case: Any, kept: int) -> None:
    """To what is there: the document's example ids, no tenant, no @context, and `kept` parameters of the query.

    With none kept, the body, too, is that of the document.
    """
    for parameter in operation.path_parameters:
        if "example" in parameter.definition and case.path_parameters:
            case.path_parameters[parameter.name] = parameter.definition["example"]
    if case.headers:
        case.headers = {k: v for k, v in case.headers.items() if k.lower() not in ("ngsild-tenant", "link")}
    if isinstance(case.query, dict):
        others = [name for name in sorted(case.query) if name not in _NEEDED]
        turn = sum(map(len, others)) % len(others) if others else 0
        names = {*_NEEDED, *(others[turn:] + others[:turn])[:kept]}
        case.query = {name: value for name, value in case.query.items() if name in names}
    if kept == 0 and len(operation.body):
        example = operation.body[0].definition.get("example")
        if example is not None:
            case.body = example


def _furnish(gateway: Gateway, source: str) -> None:
    """An entity and its evolution, a hosted @context and a platform, if they are not there any more."""
    platform = {"id": "otemachi-cityos", "adapter": "ngsi_ld", "endpoint": source}
    if gateway.client.get("/platforms/otemachi-cityos").status_code == 404:
        assert gateway.client.post("/platforms", json=platform).status_code == 201
    assert gateway.client.post(ENTITIES, json=_SHELTER).status_code in (201, 409)
    assert gateway.client.post("/ngsi-ld/v1/temporal/entities", json=_EVOLUTION).status_code in (201, 204)
    assert gateway.client.post("/ngsi-ld/v1/jsonldContexts", json=_CONTEXT).status_code == 201


def _shaped(response: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return response | {"content": {"application/json": {"schema": schema}}}
