"""The evidence of a report: what of the ledger it rests on, and the report itself, as the appendix of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from broker.kpi.evidence import StoredLedger, described
from broker.kpi.programme import Programme
from broker.store.kpi_evidence import KpiEvidence, NumberedEvent
from broker.store.kpi_filings import Filed
from broker.store.ledger import Ledger, LedgerDamaged
from broker.store.projects import ProjectVersion
from schemas.errors import NotFound, OperationNotSupported
from schemas.kpi.basis import Agreed, Basis, Closing, Corrected, Counted, Version
from schemas.kpi.definition import Scope, read_definition
from schemas.kpi.evidence import Evidence
from schemas.kpi.facts import JUDGED, KINDS, needs_facts
from schemas.kpi.fiscal import TOKYO, fiscal_year
from schemas.kpi.life import Filing
from schemas.kpi.project import public_part
from schemas.ledger import bundle
from schemas.ledger.correction import APPROVED, Replacement
from schemas.ledger.entry import Entry
from schemas.ledger.tree import Span

_REPORTS = (Filing.STATUS, Filing.INDIVIDUAL, Filing.RESULT)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A report as it is now (`kind`, `as_of`), or the one that was filed under a number. `masked`: entries that don't
    concern the project are told by their hashes only."""

    project: str
    year: int | None = None
    kind: Filing = Filing.STATUS
    as_of: date | None = None
    filing: int | None = None
    masked: bool = False


class ReportAppendix:
    """Of a bundle. `span`: the entries that it needs; `earlier`: checkpoints that they are to be proved against."""

    def __init__(
        self, evidence: Evidence, span: Span, filed: Filed | None, standing: dict[str, Any], closed: Filed | None
    ) -> None:
        self.span = span
        self.evidence = evidence
        checkpoint = standing["checkpoint"]
        self.earlier: list[str] = [] if checkpoint is None else [checkpoint["note"]]
        self._filed = filed
        self._standing = standing
        self._closed = None if closed is None else {"number": closed.number, "digest": closed.digest}

    def take(self, entry: Entry) -> bool:
        if self.evidence.basis.masked and not self.evidence.shows(entry):
            return False
        self.evidence.take(entry)
        return True

    def files(self) -> list[tuple[str, bytes]]:
        """LedgerDamaged if the entries don't come to what was filed: such evidence would refute itself."""
        filed = self._filed
        report = self.evidence.filed_form(self._standing, self._closed) if filed is None else filed.body
        basis = self.evidence.basis = self.evidence.shown()
        wrong = next(self.evidence.faults(report, lambda *_: True), None)
        if wrong is not None:
            raise LedgerDamaged(f"{wrong.where}: {wrong.what}")
        return [(bundle.KPI[0], bundle.to_text(basis)), (bundle.KPI[1], report)]


class Bundling:
    """Methods raise StoreUnavailable besides what they name."""

    def __init__(self, programme: Programme) -> None:
        self._programme = programme
        self._store = KpiEvidence(programme.database)
        self._ledger = StoredLedger(programme.database)

    async def appendix(self, wanted: Wanted, size: int) -> ReportAppendix:
        """`size`: entries of the ledger, in which everything is that was recorded until now.

        NotFound for the project or the filing; OperationNotSupported while nothing is agreed, for filings that are no
        reports, and for a masked bundle of a KPI that counts the flows of all.
        """
        history = await self._programme.projects.history(wanted.project)
        if not history:
            raise NotFound(f"There is no project {wanted.project}.", field="project", value=wanted.project)
        events = await self._store.events(wanted.project, size)
        filings = await self._programme.filings.filed(wanted.project)
        filed = None if wanted.filing is None else _the_filing(filings, wanted)
        if filed is None:
            limit, flows = size, size
            today = datetime.now(TOKYO).date()
            kind, year = wanted.kind, wanted.year or fiscal_year(datetime.now(UTC))
            last = min(wanted.as_of or today, date(year + 1, 3, 31))
        else:
            report = msgspec.json.decode(filed.body)
            limit = _place(events, filed)
            flows = await self._counted(filed, limit)
            kind, year, last = filed.kind, filed.year, date.fromisoformat(report["as_of"])
        basis = Basis(
            form=1,
            kind=kind.value,
            year=year,
            as_of=last.isoformat(),
            filing=wanted.filing,
            events=limit,
            project_version=_version(events, limit),
            projects=[],
            definitions=_definitions(events, limit),
            corrections=[],
            years=[],
            before=None,
            masked=wanted.masked,
        )
        if not basis.definitions:
            raise OperationNotSupported("No KPI of the project is agreed by both sides yet.", field="project")
        if wanted.masked and any(one.definition["scope"] == Scope.ALL.value for one in basis.definitions):
            raise OperationNotSupported(
                "A KPI of the project counts the flows of all, which a masked bundle hides.", field="masked"
            )
        first = _first_year(history, basis.project_version)
        closings: list[Filed | None] = []
        for one in dict.fromkeys((year, first, first + 1)):
            if one <= year:
                closings.append(_closing(filings, events, one, limit))
                basis.years.append(await self._year(one, closings[-1], events, limit, flows))
        versions = {basis.project_version, *(one.project_version for one in basis.years)}
        basis.projects.extend(Version(v.version, public_part(v.project)) for v in history if v.version in versions)
        if kind is Filing.INDIVIDUAL:
            basis = _with_pack(basis, filings, events, limit)
        since = min(one.year for one in basis.years)
        begin = min(_own(events), _told(events, basis, since))
        # what was filed is complete with its filing, and can so be under a checkpoint that was witnessed since
        end = size if filed is None else max(limit + 1, *(one.flows for one in basis.years))
        span = await self._span(since, begin, end)
        basis.corrections.extend(_corrections(events, span))
        if filed is not None:
            standing = msgspec.json.decode(filed.body)["ledger"]
        else:
            held = await self._ledger.span(date(year, 4, 1), date(year + 1, 4, 1))
            standing = described(await self._ledger.standing(0 if held is None else held[1]), held)
        return ReportAppendix(Evidence(basis), span, filed, standing, closings[0])

    async def _year(
        self, year: int, closing: Filed | None, events: Sequence[NumberedEvent], limit: int, flows: int
    ) -> Counted:
        if closing is None:
            return Counted(year, flows, limit, _version(events, limit), None)
        place = _place(events, closing)
        counted = await self._counted(closing, place)
        return Counted(year, counted, place, _version(events, place), Closing(closing.number, closing.digest))

    async def _counted(self, filed: Filed, place: int) -> int:
        """Flows before this entry were in its figures."""
        if filed.below is None or not await self._store.knows(filed.below):
            return place
        return await self._store.flows_below(filed.below)

    async def _span(self, year: int, begin: int, limit: int) -> Span:
        """From the first that is of the year or the project on, since corrections and late flows may stand anywhere."""
        first, end = await Ledger(self._programme.database).range_of(
            datetime.combine(date(year, 4, 1), time(), TOKYO), None
        )
        return (min(begin, first if first < end else limit), limit)


def _with_pack(basis: Basis, filings: Sequence[Filed], events: Sequence[NumberedEvent], limit: int) -> Basis:
    """With the pack of the meeting before."""
    earlier = [
        one
        for one in filings
        if one.kind is Filing.INDIVIDUAL and one.year == basis.year and _place(events, one) < limit
    ]
    return msgspec.structs.replace(basis, before=earlier[-1].body.decode()) if earlier else basis


def _own(events: Sequence[NumberedEvent]) -> int:
    """The first event of the project itself."""
    return min(one.seq for one in events if one.kind.startswith(("kpi.", "project.")))


def _told(events: Sequence[NumberedEvent], basis: Basis, year: int) -> int:
    """From where on roll-outs and judgements are needed, if they are: the last full judgement before the year."""
    if not needs_facts(read_definition(one.definition) for one in basis.definitions):
        return _own(events)
    begin = datetime(year, 4, 1, tzinfo=TOKYO)
    told = [one for one in events if one.kind in KINDS]
    full = [one.seq for one in told if one.kind == JUDGED and one.body.get("full") is True and one.time < begin]
    return full[-1] if full else min((one.seq for one in told), default=_own(events))


def _the_filing(filings: Sequence[Filed], wanted: Wanted) -> Filed:
    for one in reversed(filings):
        if one.number == wanted.filing and (wanted.year is None or one.year == wanted.year):
            if one.kind not in _REPORTS:
                raise OperationNotSupported(
                    "Evidence is of a status, an individual or a result report.", field="filing", value=wanted.filing
                )
            return one
    raise NotFound("There is no such filing.", field="filing", value=wanted.filing)


def _place(events: Sequence[NumberedEvent], filed: Filed) -> int:
    """The entry by which it was filed. LedgerDamaged if there is none."""
    for one in events:
        if one.kind == f"kpi.{filed.kind.value}" and (one.body["year"], one.body["number"]) == (
            filed.year,
            filed.number,
        ):
            return one.seq
    raise LedgerDamaged(f"the ledger does not tell of {filed.kind.value} {filed.number} of {filed.year}")


def _closing(filings: Sequence[Filed], events: Sequence[NumberedEvent], year: int, limit: int) -> Filed | None:
    found = [one for one in filings if one.kind is Filing.CLOSING and one.year == year and _place(events, one) < limit]
    return found[-1] if found else None


def _version(events: Sequence[NumberedEvent], limit: int) -> int:
    """Of the project at a place of the ledger."""
    found = [one.body["version"] for one in events if one.kind == "project.changed" and one.seq < limit]
    return int(found[-1]) if found else 1


def _first_year(history: Sequence[ProjectVersion], version: int) -> int:
    return next(one.project.first_year for one in history if one.version == version)


def _definitions(events: Sequence[NumberedEvent], limit: int) -> list[Agreed]:
    """By KPI, as reports have them."""
    found = [
        Agreed(one.seq, one.body["version"], one.body["definition"])
        for one in events
        if one.kind == "kpi.agreed" and one.seq < limit
    ]
    return sorted(found, key=lambda one: (str(one.definition["id"]), one.version))


def _corrections(events: Sequence[NumberedEvent], span: Span) -> list[Corrected]:
    return [
        Corrected(
            one.seq,
            one.body["flow"],
            None if one.body["replacement"] is None else Replacement(**one.body["replacement"]),
        )
        for one in events
        if one.kind == APPROVED and span[0] <= one.seq < span[1]
    ]
