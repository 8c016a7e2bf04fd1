"""Evidence of a report: it verifies by itself, and a figure that the entries don't come to is refused and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from bundle_forger import KEY, ORIGIN, contents, pack, seal
from recorded_year import ACTOR, AFTER, FIRST, YEAR, events, flows, kpis, projects, settle, store, tell

from broker.gateway.evidence import EvidenceDesk
from broker.kpi.bundling import Wanted
from broker.kpi.evidence import StoredLedger
from broker.kpi.programme import Programme
from broker.metering.ledger.sequencer import Sequencer
from broker.store.corrections import Corrections
from broker.store.database import Database
from broker.store.ledger import Ledger
from broker.store.ledger_witnesses import Witnesses
from broker.store.projects import Change as ProjectChange
from schemas.errors import NotFound, OperationNotSupported
from schemas.flow import Flow
from schemas.kpi.definition import read_definition
from schemas.kpi.document import encode
from schemas.kpi.entry import Entry
from schemas.kpi.library import completed
from schemas.kpi.life import Filing, Side
from schemas.kpi.project import read_project
from schemas.ledger import bundle
from schemas.ledger.checkpoint import read_checkpoint
from schemas.ledger.correction import Replacement
from schemas.ledger.note import COSIGNATURE, SigningKey
from schemas.ledger.tree import leaf_hash
from schemas.ledger.verdict import Verdict
from schemas.ledger.verify import verify

SEED = b"\1" * 32
WITNESS = SigningKey("tmg", b"\7" * 32, COSIGNATURE)
LAST = date(YEAR + 1, 3, 31)
INPUTS, REPORT = bundle.KPI
Change = Callable[[dict[str, Any]], object]


class Office:
    """A gateway's programme with its ledger, and a folder for bundles."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        self.database = database
        self.programme = Programme(database, StoredLedger(database))
        self.sequencer = Sequencer(url, ORIGIN, lambda: [SEED])
        self.desk = EvidenceDesk(self.programme, self.sequencer, lambda: [SEED])
        self._folder = folder

    async def evidence(self, **wanted: Any) -> bytes:
        target = self._folder / "evidence.zip"
        await self.desk.write(Wanted("p1", **wanted), target)
        return target.read_bytes()

    async def correct(self, flow: Flow, replacement: Replacement | None) -> None:
        await self.sequencer.catch_up()
        corrections = Corrections(self.database)
        asked = await corrections.request(flow.id, replacement, "counted twice", "operator")
        await corrections.approve(asked.id, "secretariat")

    async def witness(self) -> None:
        await self.sequencer.catch_up()
        witnesses = Witnesses(self.database)
        await witnesses.add(WITNESS.verifying, "secretariat")
        await self.sequencer.catch_up()
        latest = await Ledger(self.database).latest()
        assert latest is not None
        text = read_checkpoint(latest.note).checkpoint.text
        await witnesses.cosign(read_checkpoint(f"{text}\n{WITNESS.sign(text)}"))


@pytest.fixture
async def office(database: Database, database_url: str, tmp_path: Path) -> Office:
    made = Office(database, database_url, tmp_path)
    await settle(made.programme, 2)
    await tell(database, events())
    await made.programme.enter("p1", "satisfaction", f"{YEAR}-Q2", Entry(Decimal(72), "survey"), "org-1")
    await made.programme.enter("p1", "api-uses", str(YEAR), Entry(unmet_reason="工事"), "org-1")
    return made


def check(made: bytes) -> Verdict:
    return verify(memoryview(made), trust=[KEY.verifying])


def told(made: bytes) -> str:
    verdict = check(made)
    assert not verdict.holds
    return "\n".join(f"{fault.where}: {fault.what}" for fault in verdict.faults)


def forged(made: bytes, **changes: bytes) -> bytes:
    """By a gateway that cheats: with the ledger's own key."""
    files = contents(made)
    files.pop(bundle.STATEMENT)
    manifest = bundle.from_text(files.pop(bundle.MANIFEST), bundle.Manifest)
    files |= changes
    packed = [bundle.Packed(name, sha256(pack(name, content)).hexdigest()) for name, content in files.items()]
    fields = (manifest.end, packed, manifest.since, manifest.first, manifest.origin, manifest.size, manifest.until)
    return seal(files, bundle.to_text(bundle.Manifest(1, *fields)), KEY)


def report_with(made: bytes, change: Change) -> bytes:
    report = json.loads(contents(made)[REPORT])
    change(report)
    return forged(made, **{REPORT: encode(report)})


def basis_with(made: bytes, change: Change) -> bytes:
    basis = json.loads(contents(made)[INPUTS])
    change(basis)
    return forged(made, **{INPUTS: bundle.to_text(basis)})


def kpi(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in report["kpis"] if one["id"] == name)


async def test_a_report_as_it_is_now_is_the_one_of_its_evidence(office: Office) -> None:
    made = list(flows(2500, seed=11))
    await store(office.database, made)
    counted = next(f for f in made if f.consumer.project == "p1" and f.entities and not f.replay_of)
    await office.correct(counted, Replacement(True, 1, 4))
    reversed_ = next(f for f in made[::-1] if f.consumer.project == "p1" and f.entities and not f.replay_of)
    await office.correct(reversed_, None)
    await office.sequencer.catch_up()
    expected = await office.programme.report("p1", YEAR, as_of=LAST)
    found = await office.evidence(year=YEAR, as_of=LAST)
    verdict = check(found)
    assert verdict.faults == []
    assert verdict.facts["kpi"] == {"project": "p1", "year": YEAR, "kind": "status", "filing": None, "masked": 0}
    assert contents(found)[REPORT] == encode(expected)
    for name in ("api-uses", "linked-assets", "rollouts"):
        assert kpi(expected, name)["year2"]["actual"] > 0, name
    assert expected["quality"]
    assert check(await office.evidence(year=YEAR, as_of=date(YEAR, 9, 15), kind=Filing.INDIVIDUAL)).faults == []


async def test_a_changed_figure_is_refused_and_named(office: Office) -> None:
    await store(office.database, list(flows(1500, seed=12)))
    made = await office.evidence(year=YEAR, as_of=LAST)
    assert check(forged(made)).faults == []

    def add(path: str, key: str) -> Change:
        def change(report: dict[str, Any]) -> None:
            one: Any = kpi(report, "api-uses")
            for step in path.split("."):
                one = one[int(step) if step.isdecimal() else step] if step else one
            one[key] = (one[key] or 0) + 1

        return change

    for path, key, name in (
        ("year2", "actual", "kpis[api-uses].year2.actual"),
        ("year1", "actual", "kpis[api-uses].year1.actual"),
        ("months.3", "value", f"kpis[api-uses].months[{YEAR}-07].value"),
        ("quarters.1", "cumulative", f"kpis[api-uses].quarters[{YEAR}-Q2].cumulative"),
        ("", "achievement", "kpis[api-uses].achievement"),
        ("", "points", "kpis[api-uses].points"),
        ("", "weight", "kpis[api-uses].weight"),
        ("basis.counted", "of", "kpis[api-uses].basis.counted.of"),
    ):
        assert f"{REPORT}: {name}: it states" in told(report_with(made, add(path, key)))
    assert "score.points: it states" in told(report_with(made, lambda r: r["score"].update(points=99)))
    words = report_with(made, lambda r: kpi(r, "api-uses")["basis"].update(query="/elsewhere"))
    assert check(words).faults == [], "a link is no figure"
    assert "quality" in told(report_with(made, lambda r: r.update(quality=[{"sign": "polling"}])))
    assert "kpis: it states" in told(report_with(made, lambda r: r["kpis"].pop()))
    assert "ledger.checkpoint" in told(report_with(made, lambda r: r["ledger"]["checkpoint"].update(size=3)))
    assert REPORT in told(forged(made, **{REPORT: b"{}"}))
    assert REPORT in told(forged(made, **{REPORT: contents(made)[REPORT] + b" "}))


async def test_what_it_counts_by_is_what_the_ledger_says(office: Office) -> None:
    some = list(flows(1500, seed=13))
    await store(office.database, some)
    flow = next(f for f in some if f.consumer.project == "p1" and f.entities)
    await office.correct(flow, None)
    made = await office.evidence(year=YEAR, as_of=LAST)
    for change, words in (
        (lambda b: b["definitions"][0]["definition"].update(weight="99"), "both sides agreed to something else"),
        (lambda b: b["definitions"].pop(), "is missing"),
        (lambda b: b["corrections"].clear(), "corrections: entry"),
        (lambda b: b["corrections"][0].update(replacement={"batch": True, "bytes": 1, "entities": 1}), "corrections"),
        (lambda b: b["projects"][0]["project"]["services"].append("svc-2-0"), "projects[1]: it is not the one"),
        (lambda b: b.update(project_version=2), INPUTS),
        (lambda b: b.update(filing=1), "it is not the status report no. 1"),
        (lambda b: b["years"][0].update(closing={"number": 1, "digest": "0"}), "no such closing"),
        (lambda b: b["years"][0].update(flows=5), "it states"),
        (lambda b: b.update(before="{}"), "before: it is not the pack"),
        (lambda b: b.update(as_of="soon"), INPUTS),
        (lambda b: b.update(as_of="9999-12-31"), INPUTS),
        (lambda b: b["years"][1].update(year=10**6), INPUTS),
        (lambda b: b.update(kind="individual", before="[]"), INPUTS),
        (lambda b: b["years"].clear(), INPUTS),
        (lambda b: b.update(more=1), INPUTS),
    ):
        assert words in told(basis_with(made, change)), words
    # and no entry can be left out: the root would be another
    files = contents(made)
    text = files["entries/000000.ndjson"]
    assert "line" in told(forged(made, **{"entries/000000.ndjson": text[text.index(b"\n") + 1 :]}))


async def test_what_was_filed_stands_while_the_ledger_goes_on(office: Office) -> None:
    programme, some = office.programme, list(flows(2400, seed=14))
    await store(office.database, some[:1200])
    status = await programme.file_status("p1", YEAR, "org-1")
    meeting = await programme.file_status("p1", YEAR, "org-1", Filing.INDIVIDUAL)
    await store(office.database, some[1200:1800])
    later = await programme.file_status("p1", YEAR, "org-1", Filing.INDIVIDUAL)
    closing = await programme.close("p1", YEAR, "secretariat")
    # late, and corrected after the closing: neither is in what was settled
    await store(office.database, some[1800:])
    flow = next(f for f in some if f.consumer.project == "p1" and f.entities)
    await office.correct(flow, None)
    await programme.projects.put(read_project(projects()[0] | {"services": ["svc-2-0"]}), ACTOR)
    await office.witness()
    result = await programme.file_result("p1", YEAR, "secretariat")
    corrected = await programme.close("p1", YEAR, "secretariat", supersedes=closing.number)
    for filed in (status, meeting, later, result):
        made = await office.evidence(filing=filed.number)
        assert check(made).faults == [], filed.kind
        assert contents(made)[REPORT] == filed.body
    assert json.loads(later.body)["changes"] != []
    now = await office.evidence(year=YEAR, kind=Filing.RESULT)
    assert check(now).faults == []
    assert json.loads(contents(now)[REPORT])["closed"]["number"] == corrected.number
    assert contents(now)[REPORT] != result.body
    # the result of then is not what the corrected closing says
    swapped = forged(now, **{REPORT: result.body})
    assert "closed.number: it states" in told(swapped)
    for number, error in ((closing.number, OperationNotSupported), (99, NotFound)):
        with pytest.raises(error):
            await office.evidence(filing=number)


async def test_the_projects_own_copy_hides_what_is_others(office: Office) -> None:
    some = list(flows(1500, seed=15))
    await store(office.database, some)
    with pytest.raises(OperationNotSupported, match="masked"):
        await office.evidence(year=YEAR, as_of=LAST, masked=True)


async def test_a_masked_bundle_verifies(database: Database, database_url: str, tmp_path: Path) -> None:
    office = Office(database, database_url, tmp_path)
    for document in projects()[:2]:
        project = read_project(document)
        await office.programme.projects.put(project, ACTOR)
    for one in kpis():
        if one.id != "entities":
            made = await office.programme.projects.propose("p1", read_definition(completed(one.document)), ACTOR)
            await office.programme.projects.agree("p1", one.id, made.version, ProjectChange("org-1", Side.PROJECT))
    await tell(database, events())
    some = list(flows(1500, seed=16))
    await store(database, some)
    mine = next(f for f in some if f.consumer.project == "p1" and f.entities)
    others = next(f for f in some if f.consumer.project == "p4" and f.provider.area != "takeshiba")
    await office.correct(mine, None)
    await office.correct(others, None)
    found = await office.evidence(year=YEAR, as_of=LAST, masked=True)
    verdict = check(found)
    assert verdict.faults == []
    assert verdict.facts["kpi"]["masked"] > 500
    whole = await office.evidence(year=YEAR, as_of=LAST)
    assert contents(found)[REPORT] == contents(whole)[REPORT]
    text = contents(found)["entries/000000.ndjson"].decode()
    assert str(mine.id) in text
    assert str(others.id) not in text
    shown = [json.loads(line) for line in text.splitlines() if line.startswith('{"agreement"')]
    consumers = {e["consumer_service"] for e in shown if e["provider_area"] != "takeshiba"}
    assert consumers == {"svc-1-0", "svc-1-1", "svc-1-2", "extra-1"}
    # a hash in place of one of its own shows: the figures are others
    lines = text.splitlines()
    alone = next(
        f
        for f in some
        if (f.consumer.project, f.replay_of) == ("p1", None)
        and f.entities
        and f.id != mine.id
        and FIRST <= f.time < AFTER
        and [g.request for g in some].count(f.request) == 1
    )
    place = next(n for n, line in enumerate(lines) if str(alone.id) in line)
    lines[place] = bundle.masked(leaf_hash(lines[place].encode())).decode()
    hidden = "".join(line + "\n" for line in lines).encode()
    assert REPORT in told(forged(found, **{"entries/000000.ndjson": hidden}))
    # and in a bundle that is not masked there are none
    assert not check(forged(whole, **{"entries/000000.ndjson": hidden})).holds
