"""Catalogues, hits and datasets as tables, and the progress of a harvest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from broker.cli.platform_view import cell, few
from broker.cli.session import Session
from broker.demo.language import clean
from catalog.faces.plain import shown
from catalog.hit import AgreementState, Hit
from catalog.quality import quality
from schemas.catalogue import HarvestStatus

if TYPE_CHECKING:
    from broker.store.catalog_links import BrokenLink
    from broker.store.catalog_search import Found

_STYLES = {"done": "green", "failed": "bold red", "partial": "yellow"}


def show_sources(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """One line each."""
    if not rows:
        session.say("catalog.none", "dim")
        return
    words = session.words
    table = Table(title=words("catalog.title_table"))
    for column in ("id", "kind", "title", "datasets", "state", "succeeded", "problem"):
        table.add_column(words(f"catalog.col.{column}"), overflow="fold")
    for row in rows:
        harvest = row["harvest"]
        state = harvest["state"]
        table.add_row(
            cell(row["id"]),
            cell(row["kind"]),
            cell(row["title"]),
            cell(harvest["datasets"]),
            f"[{_STYLES.get(state, 'dim')}]{words(f'catalog.state.{state}')}[/]",
            cell(harvest["succeeded"]),
            cell(harvest["problem"]),
        )
    session.out.print(table)


@contextmanager
def progress_of(session: Session, source: str) -> Iterator[Callable[[HarvestStatus], None]]:
    """A bar where somebody is looking, else nothing."""
    if not session.err.is_terminal:
        yield lambda status: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True) as bar:
        task = bar.add_task(clean(source), total=None)
        yield lambda status: bar.update(task, completed=status.seen, total=status.total)


@contextmanager
def looking(session: Session, total: int) -> Iterator[Callable[[bool], None]]:
    """A bar of files that are looked for, where somebody is looking."""
    if not session.err.is_terminal:
        yield lambda broken: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True) as bar:
        task = bar.add_task(session.words("catalog.links.bar"), total=total)
        yield lambda broken: bar.advance(task)


def show_links(session: Session, rows: Sequence[BrokenLink], total: int) -> None:
    """The files that can't be had."""
    if not rows:
        session.say("catalog.links.none_broken", "dim")
        return
    words = session.words
    table = Table(title=words("catalog.links.title", n=len(rows), total=total))
    for column in ("title", "url", "words", "checked", "dataset"):
        table.add_column(words(f"catalog.col.{column}"), overflow="fold")
    for row in rows:
        table.add_row(cell(row.title), cell(row.url), cell(row.words), cell(row.checked), cell(row.dataset))
    session.out.print(table)


def show_status(session: Session, status: HarvestStatus) -> None:
    """How a harvest ended."""
    counts = {n: getattr(status, n) for n in ("seen", "added", "changed", "removed", "unchanged", "skipped")}
    style = _STYLES.get(status.state.value, "")
    session.say("catalog.harvested", style, source=status.source, **counts)
    if status.problem:
        session.note("catalog.problem", "red", source=status.source, problem=status.problem)


def show_hits(session: Session, found: Found, *, as_json: bool) -> None:
    """A line for each hit."""
    today = datetime.now(UTC).date()
    if as_json:
        hits = [shown(hit, "", AgreementState.UNKNOWN, today) for hit in found.hits]
        session.json({"total": found.total, "loose": found.loose, "datasets": hits})
        return
    if not found.hits:
        session.say("catalog.nothing", "dim")
        return
    if found.loose:
        session.note("catalog.loose", "yellow")
    words = session.words
    table = Table(title=words("catalog.found", n=len(found.hits), total=found.total))
    for column in ("title", "publisher", "formats", "quality", "sources", "id"):
        table.add_column(words(f"catalog.col.{column}"), overflow="fold")
    for hit in found.hits:
        dataset = hit.dataset
        mark = f"● {words('catalog.live_mark')} " if dataset.live else ""
        table.add_row(
            cell(mark + dataset.title),
            cell(dataset.publisher.name),
            few(dataset.formats),
            cell(quality(dataset, today, hit.findings).score),
            few(list(dict.fromkeys(origin.source for origin in hit.origins))),
            cell(dataset.id),
        )
    session.out.print(table)


def show_dataset(session: Session, hit: Hit, *, as_json: bool) -> None:
    """Everything that is known of it that fits a screen."""
    today = datetime.now(UTC).date()
    if as_json:
        session.json(shown(hit, "", AgreementState.UNKNOWN, today))
        return
    dataset, words = hit.dataset, session.words
    table = Table(show_header=False, title=clean(dataset.title))
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    judged = quality(dataset, today, hit.findings)
    facts = {
        "id": dataset.id,
        "description": dataset.description[:1000],
        "publisher": dataset.publisher.name,
        "licence": dataset.licence.title or dataset.licence.id,
        "spatial": dataset.spatial,
        "modified": dataset.modified,
        "count": dataset.live.count if dataset.live else None,
        "quality": f"{judged.score} {' '.join(judged.reasons)}",
        "sources": ", ".join(f"{origin.source} ({origin.identifier})" for origin in hit.origins),
    }
    for name, value in facts.items():
        if value not in (None, ""):
            table.add_row(words(f"catalog.col.{name}"), cell(value))
    for one in dataset.distributions[:20]:
        table.add_row(words("catalog.col.url"), cell(f"{one.format} {one.title} {one.url}".strip()))
    session.out.print(table)
