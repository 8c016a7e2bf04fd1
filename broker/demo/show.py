"""The demo on the screen: progress while it starts, then what the tour has seen, as tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from broker.demo.areas import AREAS, SHELTER
from broker.demo.flows_view import flow_table
from broker.demo.language import Language, Words, clean
from broker.demo.report import Report, Step
from broker.demo.words import WORDS
from broker.kpi.compute import compute
from broker.kpi.show import tables
from broker.store.database import Database

_FLOWS = 12
_GOOD = ("ok", "empty")


class Screen:
    """`quiet`: nothing but problems, and those on standard error."""

    def __init__(self, out: Console, err: Console, language: Language, *, quiet: bool) -> None:
        self._out = out
        self._err = err
        self._language = language
        self._quiet = quiet
        self._words = Words(WORDS, language)

    @contextmanager
    def busy(self, key: str) -> Iterator[None]:
        """A spinner, or a line where nobody is looking."""
        if self._quiet:
            yield
        elif self._err.is_terminal:
            with self._err.status(self._words(key)):
                yield
        else:
            self._err.print(Text(self._words(key), style="dim"))
            yield

    async def report(
        self, report: Report, platforms: Sequence[Mapping[str, Any]], source: Path | None, database: Database
    ) -> None:
        """Everything that the tour has seen."""
        if not self._quiet:
            out, words = self._out, self._words
            told = words("demo.synthetic") if source is None else words("demo.real", folder=source)
            out.print(Panel(Text(clean(told)), title=words("demo.title"), border_style="cyan"))
            out.print(self._platforms(platforms), self._entities(report), self._steps(report), self._plan(report.plan))
            latest = report.flows[-_FLOWS:]
            out.print(Text(words("demo.flows", n=len(report.flows), shown=len(latest)), style="bold"))
            out.print(flow_table(words, latest))
            out.print(tables(await compute(database), self._language.value))
            if report.ok:
                out.print(Text(words("demo.ok"), style="bold green"))
        for problem in report.problems:
            line = Text(self._words("demo.problem"), style="bold red")
            self._err.print(line.append(" " + clean(problem), style="red"), soft_wrap=True)

    def running(self, url: str, key: str, home: Path) -> None:
        """How to go on from here."""
        near = "georel=near;maxDistance==1000&geometry=Point&coordinates=%5B139.7571,35.6555%5D"
        asked = f"{url}/ngsi-ld/v1"
        command = sys.argv[0] if Path(sys.argv[0]).name == "kakehashi" else "kakehashi"
        lines = (
            f"export KEY={key}  # {self._words('demo.key')}",
            f"curl -i -H \"X-API-Key: $KEY\" '{asked}/entities?type={SHELTER}&limit=3&count=true'",
            f"curl -H \"X-API-Key: $KEY\" '{asked}/entities?type={SHELTER}&{near}&format=keyValues'",
            f"curl -H \"X-API-Key: $KEY\" -H 'Accept: application/geo+json' '{asked}/entities?type=CrowdFlowObserved'",
            f"curl -H \"X-API-Key: $KEY\" '{url}/federation/explain?type={SHELTER}&{near}'",
            f"curl -H \"X-API-Key: $KEY\" '{url}/flows?limit=3'",
            f"KAKEHASHI_HOME='{home}' {command} kpi show  # {self._words('demo.kpi_later')}",
        )
        self._out.print(Text(self._words("demo.running", url=url), style="bold green"))
        for line in lines:
            self._out.print(Text("  " + line), soft_wrap=True)

    def stopping(self) -> None:
        self._err.print(Text(self._words("demo.stopping"), style="dim"))

    def _platforms(self, platforms: Sequence[Mapping[str, Any]]) -> Table:
        table = self._table("demo.areas", "area", "speaks", "at", "found")
        for platform in platforms:
            probe = platform["probe"] or {}
            found = ", ".join(probe.get("types") or ()) or probe.get("problem", "")
            cells = (self._area(platform["area"]), probe.get("dialect") or platform["adapter"], platform["endpoint"])
            table.add_row(*(Text(clean(c)) for c in (*cells, found)))
        return table

    def _entities(self, report: Report) -> Table:
        table = self._table("demo.merged", "id", "name", "address", "place", n=report.entities)
        for entity in report.sample:
            coordinates = entity.get("location", {}).get("value", {}).get("coordinates", ())
            cells = (
                entity["id"].removeprefix("urn:ngsi-ld:"),
                entity.get("name", {}).get("value", ""),
                entity.get("address", entity.get("municipality", {})).get("value", ""),
                ", ".join(f"{c:.4f}" for c in coordinates[:2]),
            )
            table.add_row(*(Text(clean(c)) for c in cells))
        return table

    def _steps(self, report: Report) -> Table:
        table = self._table("demo.steps", "what", "who", "n")
        for area in AREAS:
            table.add_column(self._words(f"short.{area}"), justify="right")
        entities = {f["id"]: f["entities"] for f in report.flows}
        platform_area = {f["platform"]: f["provider"]["area"] for f in report.flows}
        for step in report.steps:
            cells = [self._share(step, area, entities, platform_area) for area in AREAS]
            question = step.question
            table.add_row(self._words(question.text), self._words(f"short.{question.by}"), f"{step.n:,}", *cells)
        return table

    def _share(
        self, step: Step, area: str, entities: Mapping[str, int], platform_area: Mapping[str, str | None]
    ) -> Text:
        """What an area did for a step: how many, in how many milliseconds (of its slowest platform)."""
        mine = [s for s in step.shares if platform_area.get(s.platform) == area]
        if not mine:
            return Text(self._words("demo.not_asked"), style="dim")
        ms = f"{max(s.ms for s in mine):,.1f}"
        bad = [s.status for s in mine if s.status not in _GOOD]
        if bad:
            status = self._words.or_same("status.", bad[0])
            return Text(self._words("demo.trouble", status=status, ms=ms), style="red")
        if step.question.path.endswith("/types"):
            return Text(self._words("demo.only_ms", ms=ms), style="green")
        flows = zip(step.shares, step.flows, strict=False)
        n = sum(entities.get(flow, 0) for share, flow in flows if share in mine)
        return Text(self._words("demo.ms", n=f"{n:,}", ms=ms), style="green")

    def _plan(self, plan: Mapping[str, Any]) -> Table:
        table = Table.grid(padding=(0, 2))
        table.title = self._words("demo.explain")
        table.title_style = "bold"
        table.title_justify = "left"
        for source in plan["sources"]:
            if "asked" not in source:
                continue
            here = ", ".join(source["filtered_here"])
            told = self._words("demo.filtered_here", names=here) if here else self._words("demo.nothing_here")
            table.add_row(
                self._words.or_same("short.", source["area"] or ""),
                Text(clean(source["asked"]), overflow="fold"),
                Text(told),
            )
        return table

    def _table(self, title: str, *columns: str, **values: object) -> Table:
        table = Table(title=self._words(title, **values), title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(self._words(f"demo.col.{column}"), overflow="fold")
        return table

    def _area(self, area: str | None) -> str:
        return self._words.or_same("area.", area or "")
