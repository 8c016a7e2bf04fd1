"""CPU time and memory of a process tree, from /proc. A PostgreSQL below it is the database's cost and left out."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and its children, without a database."""
    return [pid, *(one for child in _children(pid) if not _is_database(child) for one in tree(child))]


def unpin_database(pid: int) -> None:
    """Let the PostgreSQL below a process that is kept on one processor run on all of them."""
    for child in _children(pid):
        if _is_database(child):
            for one in (child, *_children(child)):
                os.sched_setaffinity(one, range(os.cpu_count() or 1))
        else:
            unpin_database(child)


def _children(pid: int) -> list[int]:
    found = [task.read_text().split() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in found for child in children]


def _is_database(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    return _spent(tree(pid))


def database_seconds(postmaster: int) -> float:
    """The same of a PostgreSQL and its children, those that have ended left out."""
    return _spent([postmaster, *_children(postmaster)])


def _spent(pids: list[int]) -> float:
    ticks = 0
    for one in pids:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


def rss_mb(pid: int) -> float:
    """Resident memory."""
    total = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return round(total / 1024, 1)
