"""CPU time and memory of a process tree, from /proc. A PostgreSQL below it is the database's cost and left out."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and its children, without a database."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() != "postgres":
                found += tree(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    return _spent(tree(pid))


def database_seconds(postmaster: int) -> float:
    """The same of a PostgreSQL and its children, those that have ended left out."""
    children = [int(child) for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]
    return _spent([postmaster, *children])


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
