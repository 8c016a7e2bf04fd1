"""The ledger over HTTP, by a gateway that numbers and signs while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from gateway import Gateway, fresh_database, run, settings

from broker.metering.settle import Settler
from broker.store.database import Database
from broker.store.services import Service, Services
from schemas.flow import Consumer, Flow, Provider, uuid7
from schemas.ledger.checkpoint import SignedCheckpoint, read_checkpoint
from schemas.ledger.entry import FlowEntry, read_entry
from schemas.ledger.note import VerifyingKey, from_base64
from schemas.ledger.receipt import verify_receipt
from schemas.ledger.tree import consistent, included, leaf_hash

ADMIN = "an-admin-key-for-tests"


@dataclass
class Ledger:
    gateway: Gateway
    keys: dict[str, str]

    def get(self, path: str, who: str | None = None, **params: Any) -> Any:
        headers = {} if who is None else {"x-api-key": self.keys[who]}
        return self.gateway.client.get(f"/ledger/{path}", params=params, headers=headers)

    def settle(self, count: int = 1) -> list[Flow]:
        """Flows that the service "app" took from the organisation "council"."""
        made = [
            Flow(
                uuid7(), uuid7(), datetime.now(UTC), "query", Consumer("app", "app-inc", None, "toyosu"),
                Provider("p1", "council", "takeshiba"), ("urn:t:Shelter",), 3, 300, "ok", 1.5,
            )
            for _ in range(count)
        ]  # fmt: skip
        run(_settle(self.gateway.settings.database_url, made))
        return made

    def signed(self, flow: UUID) -> dict[str, Any]:
        """The receipt, once there is one."""
        deadline = time.monotonic() + 30
        while True:
            answer = self.get(f"receipt/{flow}", "app")
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
            assert answer.status_code == 202, answer.text
            assert answer.headers["retry-after"] == "1"
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def key(self) -> VerifyingKey:
        return VerifyingKey.parse(self.get("keys").json()[-1]["key"])


async def _settle(url: str, flows: list[Flow]) -> None:
    settler = await Settler.start(url, budget=5.0)
    for flow in flows:
        await settler.settle([flow])
    await settler.drain()


async def _services(url: str) -> dict[str, str]:
    database = await Database.open(url)
    store = Services(database)
    given = (
        Service("app", organisation="app-inc", area="toyosu"),
        Service("council-desk", organisation="council", area="takeshiba"),
        Service("stranger", organisation="other", area="takeshiba"),
    )
    keys = {s.id: (await store.create(s))[1] for s in given}
    await database.close()
    return keys


@pytest.fixture(scope="module")
def ledger(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with fresh_database(postgres_url) as url:
        keys = run(_services(url)) | {"admin": ADMIN}
        gateway = Gateway(settings(tmp_path_factory.mktemp("ledger"), url, access="closed", admin_key=ADMIN))
        yield Ledger(gateway, keys)
        gateway.close()


def checked(ledger: Ledger, note: str) -> SignedCheckpoint:
    read = read_checkpoint(note)
    assert read.note.signed_by(ledger.key())
    return read


def test_a_receipt_proves_that_a_flow_is_in_the_ledger(ledger: Ledger) -> None:
    flow = ledger.settle()[0]
    receipt = ledger.signed(flow.id)
    checkpoint = checked(ledger, receipt["checkpoint"]).checkpoint
    entry = read_entry(receipt["entry"].encode())
    assert isinstance(entry, FlowEntry)
    assert (entry.id, entry.entities, entry.provider_area) == (str(flow.id), 3, "takeshiba")
    proof = [from_base64(text) or b"" for text in receipt["proof"]]
    leaf = leaf_hash(receipt["entry"].encode())
    assert included(leaf, receipt["index"], checkpoint.size, proof, checkpoint.root)
    assert receipt["witnesses"] == 0
    # and as it is, for `kakehashi verify`
    verdict = verify_receipt(ledger.get(f"receipt/{flow.id}", "app").content, trust=[ledger.key()])
    assert verdict.faults == []
    assert (verdict.facts["flow"], verdict.facts["trusted"]) == (str(flow.id), True)


def test_a_receipt_is_for_those_whom_it_concerns(ledger: Ledger) -> None:
    flow = ledger.settle()[0]
    ledger.signed(flow.id)
    statuses = {who: ledger.get(f"receipt/{flow.id}", who).status_code for who in (*ledger.keys, None)}
    assert statuses == {"app": 200, "council-desk": 200, "admin": 200, "stranger": 404, None: 401}
    assert ledger.get(f"receipt/{uuid7()}", "app").status_code == 404
    assert ledger.get("receipt/nonsense", "app").status_code == 400


def test_checkpoints_are_consistent_as_the_ledger_grows(ledger: Ledger) -> None:
    ledger.signed(ledger.settle()[0].id)
    first = checked(ledger, ledger.get("checkpoint").text).checkpoint
    ledger.signed(ledger.settle(20)[-1].id)
    answer = ledger.get("checkpoint")
    second = checked(ledger, answer.text).checkpoint
    assert answer.headers["kakehashi-witnesses"] == "0"
    assert second.size >= first.size + 20
    told = ledger.get("consistency", **{"from": first.size, "to": second.size}).json()
    proof = [from_base64(text) or b"" for text in told["proof"]]
    assert consistent(first.size, first.root, second.size, second.root, proof)
    assert checked(ledger, ledger.get("checkpoint", size=first.size).text).checkpoint == first
    assert ledger.get("checkpoint", size=10**6).status_code == 404


def test_what_can_not_be_proved_is_400(ledger: Ledger) -> None:
    ledger.signed(ledger.settle()[0].id)
    for params in ({"from": 5, "to": 1}, {"from": 0, "to": 10**9}, {"from": "x", "to": 1}, {"from": -1, "to": 1}, {}):
        assert ledger.get("consistency", **params).status_code == 400


def test_entries_are_for_auditors(ledger: Ledger) -> None:
    index = ledger.signed(ledger.settle()[0].id)["index"]
    assert ledger.get("entries", "app").status_code == 403
    lines = ledger.get("entries", "admin", limit=1000).content.splitlines()
    assert [read_entry(line).seq for line in lines] == list(range(len(lines)))
    assert len(lines) > index
    assert ledger.get("entries", "admin", **{"from": index, "limit": 1}).content == lines[index] + b"\n"


def test_metrics_tell_how_far_it_is(ledger: Ledger) -> None:
    index = ledger.signed(ledger.settle()[0].id)["index"]
    told = dict(
        line.split(" ")
        for line in ledger.gateway.client.get("/metrics").text.splitlines()
        if "{" not in line and line[0] != "#"
    )
    assert float(told["kakehashi_ledger_leads"]) == 1
    assert float(told["kakehashi_ledger_signed_entries"]) > index
    assert float(told["kakehashi_ledger_lag_seconds"]) >= 0


def test_a_correction_takes_two(ledger: Ledger) -> None:
    flow = ledger.settle()[0]
    ledger.signed(flow.id)
    client = ledger.gateway.client
    document = {"flow": str(flow.id), "reason": "counted twice", "replacement": {"entities": 1, "bytes": 10}}
    path = "/ledger/corrections"
    for who, status in ((None, 401), ("app", 403)):
        headers = {} if who is None else {"x-api-key": ledger.keys[who]}
        assert client.post(path, json=document, headers=headers).status_code == status
    admin = {"x-api-key": ADMIN}
    for wrong in (
        {},
        document | {"flow": "x"},
        document | {"reason": ""},
        document | {"replacement": {"entities": -1}},
    ):
        assert client.post(path, json=wrong, headers=admin).status_code == 400
    assert client.post(path, json=document | {"flow": str(uuid7())}, headers=admin).status_code == 404
    made = client.post(path, json=document, headers=admin)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["requested_by"]) == ("requested", "administration")
    for decision in ("approve", "reject"):
        answer = client.post(f"{path}/{made.json()['id']}/{decision}", headers=admin)
        assert answer.status_code == 403
        assert "another than who requested" in answer.json()["detail"]
    assert ledger.get("corrections", "admin", state="requested").json() == [made.json()]
    assert ledger.get("corrections", "admin", state="undecided").status_code == 400


def test_a_service_lays_its_own_count_beside_the_record(ledger: Ledger) -> None:
    flow = ledger.settle()[0]
    ledger.signed(flow.id)
    client, unknown = ledger.gateway.client, uuid7()
    csv = f"flow,entities,bytes\n{flow.id},3,300\n{unknown},1,1\n"

    def ask(who: str, body: str = csv, media: str = "text/csv", **params: str) -> Any:
        headers = {"x-api-key": ledger.keys[who], "content-type": media}
        return client.post("/ledger/reconciliation", content=body, headers=headers, params=params)

    told = ask("app", **{"as": "consumer", "party": "app"}).json()
    assert told["results"] == {"matched": 1, "missing here": 1, "missing there": 0, "different": 0}
    told = ask("app", **{"as": "consumer", "party": "app", "differences": "true"}).json()
    assert [(line["flow"], line["cause"]) for line in told["lines"]] == [(str(unknown), "unknown flow")]
    assert ask("app", **{"as": "consumer", "party": "council"}).status_code == 403
    assert ask("app", **{"as": "provider", "party": "council"}).status_code == 403
    assert ask("admin", **{"as": "provider", "party": "council"}).json()["results"]["matched"] == 1
    assert ask("app", media="text/html", **{"as": "consumer", "party": "app"}).status_code == 415
    assert ask("app", "nonsense", **{"as": "consumer", "party": "app"}).status_code == 400
    assert ask("app", **{"as": "somebody", "party": "app"}).status_code == 400
