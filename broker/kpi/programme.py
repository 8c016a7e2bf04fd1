"""The way of a project's KPIs through a year: figures, 状況報告, closing, 結果報告, evaluation; each filed for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from broker.kpi.compute import compute
from broker.kpi.evidence import Ledger, NoLedger, described
from broker.kpi.joint import joint_document
from broker.kpi.measure import measure, read_facts, recount
from broker.store.database import Database
from broker.store.kpi_filings import Filed, Filings
from broker.store.projects import KpiVersion, Projects
from broker.store.usage_read import Keys, UsageReader
from broker.store.usage_rollup import roll_up
from schemas.errors import NotFound, OperationNotSupported
from schemas.kpi.definition import Kind
from schemas.kpi.document import (
    Figures,
    KpiState,
    changes_since,
    encode,
    entered_figures,
    measured_figures,
    report_document,
)
from schemas.kpi.entry import Entry, period_of
from schemas.kpi.evaluation import read_evaluation, settle
from schemas.kpi.facts import Facts
from schemas.kpi.fiscal import TOKYO, fiscal_year
from schemas.kpi.life import Filing, State, may_close
from schemas.kpi.periods import year_of
from schemas.kpi.project import Project
from schemas.kpi.quality import look
from schemas.kpi.series import Figure, Series

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_NO_TARGETS = "No KPI of the project is agreed by both sides yet."


class Programme:
    """Methods raise NotFound for a project that is not there, and StoreUnavailable, besides what they name."""

    def __init__(self, database: Database, ledger: Ledger | None = None) -> None:
        self.projects = Projects(database)
        self.filings = Filings(database)
        self.database = database
        self._ledger = ledger or NoLedger()
        self._keys = Keys()

    async def enter(self, project: str, kpi: str, period: str, entry: Entry, actor: str) -> None:
        """A value with evidence, or words. NotFound for a KPI that is not agreed; OperationNotSupported for a value of
        one that is measured, or for a year whose result is final."""
        found = (await self._agreed(project)).get(kpi)
        if found is None:
            raise NotFound(f"Project {project} has no agreed KPI {kpi}.", field="kpi", value=kpi)
        when = period_of(period)
        if entry.value is not None and found[-1].definition.kind is Kind.MEASURED:
            raise OperationNotSupported("A measured KPI is counted from the ledger, not entered.", field="value")
        year = when.since.year if when.since.month >= 4 else when.since.year - 1
        if await self.filings.newest(project, year, Filing.RESULT) is not None:
            raise OperationNotSupported("The result of that year is final.", field="period", value=period)
        await self.filings.enter(project, kpi, period, entry, actor)

    async def report(
        self,
        project: str,
        year: int | None = None,
        kind: Filing = Filing.STATUS,
        *,
        as_of: date | None = None,
        raw: bool = False,
    ) -> dict[str, Any]:
        """The document of a project's year. `as_of`: the last day of Tokyo that counts, today if not given. `raw`:
        counted from the flows themselves instead of the roll-ups. A closed year shows its closing's figures.

        OperationNotSupported if nothing is agreed yet.
        """
        return (await self._report(project, year, kind, as_of, raw=raw))[0]

    async def _report(
        self, project: str, year: int | None, kind: Filing, as_of: date | None = None, *, raw: bool = False
    ) -> tuple[dict[str, Any], int]:
        """And the transaction number below which flows are in it."""
        now = datetime.now(UTC)
        chosen = fiscal_year(now) if year is None else year
        found = await self.projects.get(project)
        agreed = await self._agreed(project)
        if not agreed:
            raise OperationNotSupported(_NO_TARGETS, field="project", value=project)
        last = min(as_of or now.astimezone(TOKYO).date(), date(chosen + 1, 3, 31))
        closing = None if raw else await self.filings.newest(project, chosen, Filing.CLOSING)
        await roll_up(self.database)
        figures, quality, below = await self._figures(
            found.project, agreed, chosen, last + timedelta(days=1), raw=raw, closing=closing
        )
        entries = await self._entries(project)
        document = report_document(
            kind.value,
            chosen,
            last,
            (found.project, found.version),
            [_state(versions, figures[name], entries.get(name, {})) for name, versions in agreed.items()],
            quality=quality,
            ledger=await self._standing(chosen),
            closed=None if closing is None else {"number": closing.number, "digest": closing.digest},
            changes=None,
        )
        if kind is Filing.INDIVIDUAL:
            before = await self.filings.newest(project, chosen, kind)
            document["changes"] = changes_since(None if before is None else _DECODER.decode(before.body), document)
        return document, below

    async def joint(self, year: int | None = None, *, as_of: date | None = None) -> dict[str, Any]:
        """合同会: every project that has agreed KPIs, side by side."""
        chosen = fiscal_year(datetime.now(UTC)) if year is None else year
        ids = [one.project.id for one in await self.projects.all()]
        reports = [await self.report(one, chosen, as_of=as_of) for one in ids if await self._agreed(one)]
        last = min(as_of or datetime.now(TOKYO).date(), date(chosen + 1, 3, 31))
        return joint_document(reports, await compute(self.database, chosen), last.isoformat())

    async def file_status(self, project: str, year: int | None, actor: str, kind: Filing = Filing.STATUS) -> Filed:
        """状況報告, or what was shown at a 個別会: the report as it is now."""
        document, below = await self._report(project, year, kind)
        return await self.filings.file(project, document["year"], kind, encode(document), actor, below=below)

    async def close(self, project: str, year: int, actor: str, *, supersedes: int | None = None) -> Filed:
        """Settle the measured figures of a fiscal year. OperationNotSupported before its end."""
        today = datetime.now(TOKYO).date()
        if not may_close(year, today):
            raise OperationNotSupported(
                f"Fiscal {year} ends on 31 March {year + 1}; it can be closed after that.", field="year", value=year
            )
        found = await self.projects.get(project)
        agreed = await self._agreed(project)
        if not agreed:
            raise OperationNotSupported(_NO_TARGETS, field="project", value=project)
        await roll_up(self.database)
        figures, quality, below = await self._figures(found.project, agreed, year, date(year + 1, 4, 1))
        standing = await self._standing(year)
        body = {
            "year": year,
            "project": project,
            "figures": {
                name: {p: {"value": f.value, "of": f.of, "per": f.per} for p, f in by.items()}
                for name, by in figures.items()
                if agreed[name][-1].definition.kind is Kind.MEASURED
            },
            "versions": {name: [{"version": v.version, "digest": v.digest} for v in vs] for name, vs in agreed.items()},
            "quality": quality,
            "ledger": standing,
        }
        return await self.filings.file(
            project, year, Filing.CLOSING, encode(body), actor, supersedes=supersedes, below=below
        )

    async def file_result(self, project: str, year: int, actor: str, *, supersedes: int | None = None) -> Filed:
        """結果報告, final. OperationNotSupported before the closing, or while nobody has witnessed the ledger."""
        closing = await self.filings.newest(project, year, Filing.CLOSING)
        if closing is None:
            raise OperationNotSupported("The year is closed first.", field="year", value=year)
        document, below = await self._report(project, year, Filing.RESULT)
        if not document["ledger"]["witnessed"]:
            raise OperationNotSupported(
                "A result is final, so it needs a ledger that a witness has co-signed; this one is unwitnessed.",
                field="ledger",
            )
        return await self.filings.file(
            project, year, Filing.RESULT, encode(document), actor, supersedes=supersedes, below=below
        )

    async def evaluate(self, project: str, year: int, given: object, actor: str) -> Filed:
        """The committee's points, and the payment. OperationNotSupported before the 結果報告 or without a formula;
        BadRequestData for points that the criteria don't have."""
        result = await self.filings.newest(project, year, Filing.RESULT)
        if result is None:
            raise OperationNotSupported("The result of the year is reported first.", field="year", value=year)
        found = await self.projects.get(project)
        evaluation = read_evaluation(given, found.project)
        reported = _DECODER.decode(result.body)
        settled = settle(
            found.project,
            evaluation,
            {k["id"]: Decimal(str(k["points"])) for k in reported["kpis"]},
            {k["id"]: Decimal(str(k["weight"])) for k in reported["kpis"]},
        )
        body = {
            "year": year,
            "project": project,
            "project_version": found.version,
            "result": {"number": result.number, "digest": result.digest},
            **settled,
        }
        return await self.filings.file(project, year, Filing.EVALUATION, encode(body), actor)

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _agreed(self, project: str) -> dict[str, list[KpiVersion]]:
        await self.projects.get(project)
        found: dict[str, list[KpiVersion]] = {}
        for one in await self.projects.versions(project):
            if one.state is State.AGREED:
                found.setdefault(one.definition.id, []).append(one)
        return found

    async def _standing(self, year: int) -> dict[str, Any]:
        span = await self._ledger.span(date(year, 4, 1), date(year + 1, 4, 1))
        return described(await self._ledger.standing(0 if span is None else span[1]), span)

    async def _entries(self, project: str) -> dict[str, dict[str, Entry]]:
        found: dict[str, dict[str, Entry]] = {}
        for one in await self.filings.entered(project):
            found.setdefault(one.kpi, {})[one.period] = one.entry
        return found

    async def _figures(
        self,
        project: Project,
        agreed: Mapping[str, Sequence[KpiVersion]],
        year: int,
        until: date,
        *,
        raw: bool = False,
        closing: Filed | None = None,
    ) -> tuple[dict[str, Figures], list[dict[str, Any]], int]:
        """By KPI, the figures of the year and of the project's other year; what the data's quality is; and the
        transaction number below which flows are counted."""
        entries = await self._entries(project.id)
        found: dict[str, dict[str, Figure]] = {name: {} for name in agreed}
        async with UsageReader.open(self.database) as reader:
            keys = self._keys
            await reader.refresh(keys)
            facts = await read_facts(reader)
            for one in dict.fromkeys((year, project.first_year, project.first_year + 1)):
                end = until if one == year else year_of(one).until
                if one > year:
                    continue
                kept = closing if one == year else await self.filings.newest(project.id, one, Filing.CLOSING)
                for name, figures in (await self._year(reader, facts, project, agreed, one, end, kept, raw)).items():
                    found[name] |= figures
                for name, versions in agreed.items():
                    if versions[-1].definition.kind is Kind.ENTERED:
                        found[name] |= entered_figures(entries.get(name, {}), one)
            below = await reader.below()
            if closing is not None:
                return dict(found), _DECODER.decode(closing.body)["quality"], below
            mine = {i for i, key in keys.keys.items() if key.project == project.id or key.service in project.services}
            sets = list({keyset for i in mine for keyset in keys.sets_of.get(i, ())})
            hours = await reader.busy_hours(sets, date(year, 4, 1), until)
        return dict(found), [one.as_dict() for one in look(hours, keys.keys, keys.sets)], below

    async def _year(
        self,
        reader: UsageReader,
        facts: Facts,
        project: Project,
        agreed: Mapping[str, Sequence[KpiVersion]],
        year: int,
        until: date,
        closing: Filed | None,
        raw: bool,
    ) -> dict[str, dict[str, Figure]]:
        """Of the measured ones."""
        if closing is not None:
            settled = _DECODER.decode(closing.body)["figures"]
            return {name: {p: _figure(f) for p, f in by.items()} for name, by in settled.items() if name in agreed}
        chosen = {
            name: [v.definition for v in versions]
            for name, versions in agreed.items()
            if versions[-1].definition.kind is Kind.MEASURED
        }
        period = year_of(year)
        series: list[Series]
        if raw:
            series = await recount(reader, project, list(chosen.values()), period, facts)
        else:
            series = [await measure(reader, self._keys, project, vs, period, facts) for vs in chosen.values()]
        return {name: measured_figures(one, year, until) for name, one in zip(chosen, series, strict=True)}


def _figure(kept: Mapping[str, Any]) -> Figure:
    value = kept["value"]
    return Figure(None if value is None else Decimal(str(value)), kept["of"], kept["per"])


def _state(versions: Sequence[KpiVersion], figures: Figures, entries: Mapping[str, Entry]) -> KpiState:
    return KpiState([(v.version, v.digest, v.definition) for v in versions], figures, entries)
