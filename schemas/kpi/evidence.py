"""A report counted anew from the entries of a bundle: its flows as corrected, the agreed definitions, what was entered.

The same class makes the report of a bundle and checks one: `take` every entry in order, then `document`, or `faults`.
What it needs beside entries (`Basis`) is checked against the entries, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from schemas.errors import BadRequestData
from schemas.kpi.basis import Basis, Counted
from schemas.kpi.definition import Kind, KpiDefinition, read_definition
from schemas.kpi.document import (
    KpiState,
    changes_since,
    encode,
    entered_figures,
    report_document,
)
from schemas.kpi.entry import Entry as Entered
from schemas.kpi.facts import KINDS, needs_facts
from schemas.kpi.project import project_digest, read_project
from schemas.kpi.reading import read
from schemas.kpi.series import Figure
from schemas.kpi.year_count import Keys, YearCount
from schemas.ledger.checkpoint import read_checkpoint
from schemas.ledger.correction import Replacement, corrected_by
from schemas.ledger.entry import Entry, EventEntry, canonical_json
from schemas.ledger.note import to_base64
from schemas.ledger.verdict import Fault, differences

BASIS = "kpi.json"
REPORT = "kpi-report.json"
_WORDING = frozenset({"label", "label_ja", "label_en", "query"})
"""Of a report's members: how periods are called, and a link to what was counted."""
_FIRST, _LAST = 2000, 2999
"""Fiscal years."""
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
Proven = Callable[[int, str], bool]
"""Whether the ledger of so many entries had this root (base64)."""


@dataclass(slots=True)
class _Told:
    """Of the ledger's events, what concerns the project, by number."""

    agreed: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    entered: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    filed: list[tuple[int, str, Mapping[str, Any]]] = field(default_factory=list)
    projects: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    corrections: dict[int, tuple[str, Replacement | None]] = field(default_factory=dict)


class Evidence:
    """Raises BadRequestData for a basis that makes no sense."""

    def __init__(self, basis: Basis) -> None:
        self.basis = basis
        self._projects = {v.version: read_project(v.project) for v in basis.projects}
        years = [one.year for one in basis.years]
        if basis.project_version not in self._projects or years[:1] != [basis.year]:
            raise BadRequestData("the project or the year is missing", field=BASIS)
        if not all(_FIRST <= year <= _LAST for year in years):
            raise BadRequestData("a year that is none", field=BASIS)
        self.project = self._projects[basis.project_version]
        self._definitions = [(one, read_definition(one.definition)) for one in basis.definitions]
        self._as_of = _day(basis.as_of)
        self._corrections: dict[str, list[tuple[int, Replacement | None]]] = {}
        for one in basis.corrections:
            self._corrections.setdefault(one.flow, []).append((one.seq, one.replacement))
        self._corrected: set[str] = set()
        self._years = [self._year(one) for one in basis.years]
        self._told = _Told()
        self._keys: Keys = {}

    def _year(self, one: Counted) -> YearCount:
        if one.project_version not in self._projects:
            raise BadRequestData("a version of the project is missing", field=BASIS)
        chosen = one.year == self.basis.year
        until = self._as_of + timedelta(days=1) if chosen and one.closing is None else date(one.year + 1, 4, 1)
        kpis: dict[str, list[KpiDefinition]] = {}
        for agreed, definition in self._definitions:
            if agreed.seq < one.events:
                kpis.setdefault(definition.id, []).append(definition)
        return YearCount(one, self._projects[one.project_version], kpis, until, self._corrections, looked=chosen)

    def take(self, entry: Entry) -> None:
        """ValueError for an event that makes no sense."""
        if isinstance(entry, EventEntry):
            self._event(entry)
            return
        for year in self._years:
            year.take(entry, self._keys)

    def shows(self, entry: Entry) -> bool:
        """Whether a masked bundle shows the entry; asked in order."""
        if isinstance(entry, EventEntry):
            correction = corrected_by(entry)
            if correction is not None:
                return correction.flow in self._corrected
            if entry.event in KINDS:
                return needs_facts(one for _, one in self._definitions)
            mine = entry.subject == self.project.id or entry.subject.startswith(f"{self.project.id}/")
            return mine and entry.event.startswith(("kpi.", "project."))
        concerns = any(year.concerns(entry, self._keys) for year in self._years)
        if concerns and entry.id in self._corrections:
            self._corrected.add(entry.id)
        return concerns

    def shown(self) -> Basis:
        """The basis, of a masked bundle with the corrections that it shows."""
        if not self.basis.masked:
            return self.basis
        corrections = [one for one in self.basis.corrections if one.flow in self._corrected]
        return msgspec.structs.replace(self.basis, corrections=corrections)

    def _event(self, entry: EventEntry) -> None:
        told, body = self._told, entry.body
        correction = corrected_by(entry)
        if correction is not None:
            told.corrections[entry.seq] = (correction.flow, correction.replacement)
        if entry.event in KINDS:
            for year in self._years:
                year.tell(entry)
        elif entry.event == "project.changed" and entry.subject == self.project.id:
            told.projects.append((entry.seq, body))
        elif entry.event.startswith("kpi."):
            project, _, kpi = entry.subject.partition("/")
            if project != self.project.id:
                return
            if entry.event == "kpi.agreed":
                told.agreed[entry.seq] = (kpi, body)
            elif entry.event == "kpi.entered":
                told.entered.append((entry.seq, kpi, body))
            elif not kpi:
                told.filed.append((entry.seq, entry.event.removeprefix("kpi."), body))

    # --- the report --------------------------------------------------------------------------------------------------

    def document(self, ledger: Mapping[str, Any], closed: Mapping[str, Any] | None) -> dict[str, Any]:
        """`ledger`: where it stood, as the report says; `closed`: the closing of its year."""
        basis = self.basis
        entries = self._entries()
        figures: dict[str, dict[str, Figure]] = {}
        versions: dict[str, list[tuple[int, str, KpiDefinition]]] = {}
        for agreed, definition in self._definitions:
            if agreed.seq < basis.events:
                versions.setdefault(definition.id, []).append((agreed.version, _digest(agreed.definition), definition))
        for year in self._years:
            counted = year.figures()
            for name, known in versions.items():
                found = figures.setdefault(name, {})
                if known[-1][2].kind is Kind.MEASURED:
                    found |= counted.get(name, {})
                else:
                    found |= entered_figures(entries.get(name, {}), year.counted.year)
        states = [KpiState(known, figures[name], entries.get(name, {})) for name, known in versions.items()]
        document = report_document(
            basis.kind,
            basis.year,
            self._as_of,
            (self.project, basis.project_version),
            states,
            quality=self._years[0].quality(),
            ledger=ledger,
            closed=closed,
            changes=None,
        )
        if basis.kind == "individual":
            before = None if basis.before is None else _DECODER.decode(basis.before)
            document["changes"] = changes_since(before, document)
        return document

    def _entries(self) -> dict[str, dict[str, Entered]]:
        found: dict[str, dict[str, Entered]] = {}
        for seq, kpi, body in self._told.entered:
            if seq < self.basis.events:
                words = {name: value for name, value in body.items() if name != "period"}
                found.setdefault(kpi, {})[str(body.get("period"))] = read(Entered, words)
        return found

    def filed_form(self, ledger: Mapping[str, Any], closed: Mapping[str, Any] | None) -> bytes:
        """The report as it is filed."""
        return encode(self.document(ledger, closed))

    # --- what is wrong -----------------------------------------------------------------------------------------------

    def faults(self, told: bytes, proven: Proven) -> Iterator[Fault]:
        """`told`: the report. Every figure that the entries don't come to, and all of the basis that they don't say."""
        yield from self._basis_faults(told)
        try:
            report = _DECODER.decode(told)
            ledger = dict(report["ledger"])
            if encode(report) != told:
                yield Fault(REPORT, "it is not written as reports are")
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError, RecursionError) as error:
            yield Fault(REPORT, f"it is no report: {error}")
            return
        if not _stood(ledger.get("checkpoint"), proven):
            yield Fault(REPORT, "ledger.checkpoint: the ledger never stood there")
        closing = self.basis.years[0].closing
        expected = None if closing is None else {"number": closing.number, "digest": closing.digest}
        try:
            counted = _DECODER.decode(self.filed_form(ledger, expected))
        except (BadRequestData, msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError) as error:
            yield Fault(BASIS, f"no report can be made of it: {error}")
            return
        for path, was, now in differences(_figures(report), _figures(counted), ""):
            yield Fault(REPORT, f"{path}: it states {was}, the entries come to {now}")

    def _basis_faults(self, told: bytes) -> Iterator[Fault]:
        basis = self.basis
        latest: dict[int, Mapping[str, Any]] = dict(self._told.projects)
        for name, limit, version in (
            ("project_version", basis.events, basis.project_version),
            *((f"years[{one.year}].project_version", one.events, one.project_version) for one in basis.years),
        ):
            found = [body for seq, body in latest.items() if seq < limit]
            if not found or found[-1].get("version") != version:
                yield Fault(BASIS, f"{name}: the ledger has another version of the project at that place")
        for version, project in self._projects.items():
            sealed = [body["digest"] for body in latest.values() if body.get("version") == version and "digest" in body]
            if sealed and sealed[-1] != project_digest(project):
                yield Fault(BASIS, f"projects[{version}]: it is not the one that the ledger vouches for")
        yield from self._agreed_faults()
        told_corrections = {one.seq: (one.flow, one.replacement) for one in basis.corrections}
        for seq in sorted(told_corrections.keys() | self._told.corrections.keys()):
            if told_corrections.get(seq) != self._told.corrections.get(seq):
                yield Fault(BASIS, f"corrections: entry {seq} of the ledger says something else of it")
        if basis.filing is not None:
            filed = (basis.kind, basis.filing, basis.year, hashlib.sha256(told).hexdigest())
            if filed not in self._filed(None):
                yield Fault(REPORT, f"it is not the {basis.kind} report no. {basis.filing} that was filed")
        for one in basis.years:
            closing = one.closing
            if closing and ("closing", closing.number, one.year, closing.digest) not in self._filed(one.events + 1):
                yield Fault(BASIS, f"years[{one.year}]: the ledger has no such closing")
        if basis.before is not None:
            before = hashlib.sha256(basis.before.encode()).hexdigest()
            if not any(kind == "individual" and known == before for kind, _, _, known in self._filed(basis.events)):
                yield Fault(BASIS, "before: it is not the pack of an earlier meeting")

    def _agreed_faults(self) -> Iterator[Fault]:
        told = {one.seq: one for one in self.basis.definitions}
        for seq in sorted(told.keys() | {seq for seq in self._told.agreed if seq < self.basis.events}):
            kpi, body = self._told.agreed.get(seq, ("", {}))
            one = told.get(seq)
            if one is None:
                yield Fault(BASIS, f"definitions: {kpi}, agreed by entry {seq}, is missing")
            elif (one.version, one.definition) != (body.get("version"), body.get("definition")):
                yield Fault(BASIS, f"definitions[{one.definition.get('id')}]: both sides agreed to something else")

    def _filed(self, before: int | None) -> set[tuple[Any, Any, Any, Any]]:
        return {
            (kind, body.get("number"), body.get("year"), body.get("digest"))
            for seq, kind, body in self._told.filed
            if before is None or seq < before
        }


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
        if _FIRST <= found.year <= _LAST:
            return found
        raise ValueError
    except ValueError:
        raise BadRequestData("as_of is no day", field=BASIS) from None


def _figures(document: Any) -> Any:
    """Without the words that later versions of the software may put otherwise."""
    if isinstance(document, dict):
        return {name: _figures(value) for name, value in document.items() if name not in _WORDING}
    return [_figures(value) for value in document] if isinstance(document, list) else document


def _stood(told: Any, proven: Proven) -> bool:
    """Whether a report's checkpoint is one of this ledger."""
    if told is None:
        return True
    try:
        checkpoint = read_checkpoint(told["note"]).checkpoint
        same = (checkpoint.size, checkpoint.root.hex()) == (told["size"], told["root"])
    except (BadRequestData, KeyError, TypeError, AttributeError):
        return False
    return same and proven(checkpoint.size, to_base64(checkpoint.root))


def _digest(definition: Mapping[str, Any]) -> str:
    """As it was when it was agreed to, whatever members definitions have got since."""
    return hashlib.sha256(canonical_json(definition)).hexdigest()
