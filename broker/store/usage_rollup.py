"""Roll-ups of the flows by hour, and by day and month of Tokyo: kept up, counted anew, and checked against the flows.

A flow belongs to a key (all that a figure filters by); a request to the set of its flows' keys. Sums of flows and
counts of requests by these equal the raw ones exactly, and so does every distinct count made of keys. The roll-ups
hold the flows of all transactions below `usage_progress.below`, which no flow can join any more
(`broker.store.flows.final_below`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import asyncpg

from broker.store.database import Database
from broker.store.flows import final_below, read_writers

SOURCE = "counted_flows"
"""The relation that is counted: flows as corrected (broker/store/corrections.py), which says so by `mark`."""

_TIMEOUT = 600.0
_BATCH = 200_000
_DAY = "(time AT TIME ZONE 'Asia/Tokyo')::date"
_HOUR_DAY = "(hour AT TIME ZONE 'Asia/Tokyo')::date"
_DIMENSIONS = (
    "service, organisation, project, consumer_area, batch, platform, provider_organisation, provider_area, cross_area,"
    " types, operation"
)
_MIDNIGHT = "(({})::timestamp AT TIME ZONE 'Asia/Tokyo')"

# $1 and $2: transaction numbers, from and below. The text of a row is unambiguous, so its digest may stand for it.
_FRESH = f"""
    CREATE TEMP TABLE usage_fresh ON COMMIT DROP AS
    SELECT *, sha256(convert_to(ROW({_DIMENSIONS}, delivered, replay)::text, 'UTF8')) AS digest FROM (
        SELECT request, date_trunc('hour', time, 'UTC') AS hour, extract(minute FROM time AT TIME ZONE 'UTC')::int
            AS minute, {_DAY} AS day, date_trunc('month', time AT TIME ZONE 'Asia/Tokyo')::date AS month,
            {_DIMENSIONS}, entities, bytes, entities > 0 AS delivered, replay_of IS NOT NULL AS replay
        FROM {SOURCE} WHERE {{where}}
    ) AS taken
"""  # noqa: S608

# Requests that were counted already and have got further flows: their days can't be added to.
_EXTENDED = f"""
    SELECT DISTINCT fresh.day FROM (SELECT DISTINCT request, hour, day FROM usage_fresh) AS fresh
    JOIN {SOURCE} AS known ON known.request = fresh.request AND known.txid < '{{below}}'::xid8
        AND known.time >= fresh.hour AND known.time < fresh.hour + interval '1 hour'
"""  # noqa: S608

_KEYS = f"""
    INSERT INTO usage_keys (digest, {_DIMENSIONS}, delivered, replay)
    SELECT DISTINCT ON (digest) digest, {_DIMENSIONS}, delivered, replay FROM usage_fresh AS fresh
    WHERE NOT EXISTS (SELECT FROM usage_keys AS known WHERE known.digest = fresh.digest) ORDER BY digest
"""  # noqa: S608

_REQUESTS = """
    CREATE TEMP TABLE usage_requests ON COMMIT DROP AS
    SELECT *, sha256(convert_to(keys::text, 'UTF8')) AS digest FROM (
        SELECT request, hour, day, month, bit_or(1::bigint << minute) AS minutes,
            array_agg(DISTINCT id ORDER BY id) AS keys
        FROM usage_fresh JOIN usage_keys USING (digest) GROUP BY request, hour, day, month
    ) AS taken
"""

_SETS = """
    INSERT INTO usage_sets (digest, keys) SELECT DISTINCT ON (digest) digest, keys FROM usage_requests AS fresh
    WHERE NOT EXISTS (SELECT FROM usage_sets AS known WHERE known.digest = fresh.digest) ORDER BY digest
"""


def _added(table: str, unit: str, by: str, sums: dict[str, str], rows: str) -> str:
    names = ", ".join(sums)
    updates = ", ".join(f"{name} = held.{name} {'|' if name == 'minutes' else '+'} excluded.{name}" for name in sums)
    return (
        f"INSERT INTO {table} AS held ({unit}, {by}, {names})"  # noqa: S608
        f" SELECT {unit}, d.id, {', '.join(sums.values())} FROM {rows} GROUP BY {unit}, d.id"
        f" ON CONFLICT ({unit}, {by}) DO UPDATE SET {updates}"
    )


_SUMS = {"flows": "count(*)", "entities": "sum(entities)", "bytes": "sum(bytes)"}
_FLOW_ROWS = "usage_fresh JOIN usage_keys AS d USING (digest)"
_REQUEST_ROWS = "usage_requests JOIN usage_sets AS d USING (digest)"
_ADD = (
    _added("flow_hourly", "hour", "key", _SUMS, _FLOW_ROWS),
    _added("flow_daily", "day", "key", _SUMS, _FLOW_ROWS),
    _added("flow_monthly", "month", "key", _SUMS, _FLOW_ROWS),
    _added("request_hourly", "hour", "keyset", {"requests": "count(*)", "minutes": "bit_or(minutes)"}, _REQUEST_ROWS),
    _added("request_daily", "day", "keyset", {"requests": "count(*)"}, _REQUEST_ROWS),
    _added("request_monthly", "month", "keyset", {"requests": "count(*)"}, _REQUEST_ROWS),
)
# Months are sums of days: those of days that were counted anew are summed anew. $1: first days of months; null: all.
_MONTHS = tuple(
    statement
    for table, by, sums in (
        ("flow", "key", "sum(flows), sum(entities), sum(bytes)"),
        ("request", "keyset", "sum(requests)"),
    )
    for statement in (
        f"DELETE FROM {table}_monthly WHERE $1::date[] IS NULL OR month = ANY($1)",  # noqa: S608
        f"INSERT INTO {table}_monthly SELECT date_trunc('month', day::timestamp)::date AS month, {by}, {sums}"  # noqa: S608
        f" FROM {table}_daily WHERE $1::date[] IS NULL OR date_trunc('month', day::timestamp)::date = ANY($1)"
        f" GROUP BY 1, {by}",
    )
)

_DIFFERENCES = f"""
    WITH raw AS (
        SELECT date_trunc('hour', time, 'UTC') AS hour, count(*) AS flows, sum(entities) AS entities,
            sum(bytes) AS bytes, count(DISTINCT request) AS requests
        FROM {SOURCE} WHERE txid < $1::text::xid8 GROUP BY 1
    ), kept AS (
        SELECT hour, flows, entities, bytes, requests
        FROM (SELECT hour, sum(flows) AS flows, sum(entities) AS entities, sum(bytes) AS bytes
              FROM flow_hourly GROUP BY hour) AS sums
        FULL JOIN (SELECT hour, sum(requests) AS requests FROM request_hourly GROUP BY hour) AS counts USING (hour)
    ), days AS (
        SELECT (hour AT TIME ZONE 'Asia/Tokyo')::date AS day, sum(flows) AS flows, sum(entities) AS entities,
            sum(bytes) AS bytes, sum(requests) AS requests FROM kept GROUP BY 1
    ), kept_days AS (
        SELECT day, flows, entities, bytes, requests
        FROM (SELECT day, sum(flows) AS flows, sum(entities) AS entities, sum(bytes) AS bytes
              FROM flow_daily GROUP BY day) AS sums
        FULL JOIN (SELECT day, sum(requests) AS requests FROM request_daily GROUP BY day) AS counts USING (day)
    )
    , months AS (
        SELECT date_trunc('month', day::timestamp)::date AS month, sum(flows) AS flows, sum(entities) AS entities,
            sum(bytes) AS bytes, sum(requests) AS requests FROM kept_days GROUP BY 1
    ), kept_months AS (
        SELECT month, flows, entities, bytes, requests
        FROM (SELECT month, sum(flows) AS flows, sum(entities) AS entities, sum(bytes) AS bytes
              FROM flow_monthly GROUP BY month) AS sums
        FULL JOIN (SELECT month, sum(requests) AS requests FROM request_monthly GROUP BY month) AS counts USING (month)
    )
    SELECT hour::text AS place, (hour AT TIME ZONE 'Asia/Tokyo')::date AS day FROM raw FULL JOIN kept USING (hour)
    WHERE (raw.flows, raw.entities, raw.bytes, raw.requests) IS DISTINCT FROM
        (kept.flows, kept.entities, kept.bytes, kept.requests)
    UNION ALL
    SELECT day::text, day FROM days FULL JOIN kept_days USING (day)
    WHERE (days.flows, days.entities, days.bytes, days.requests) IS DISTINCT FROM
        (kept_days.flows, kept_days.entities, kept_days.bytes, kept_days.requests)
    UNION ALL
    SELECT to_char(month, 'YYYY-MM'), month FROM months FULL JOIN kept_months USING (month)
    WHERE (months.flows, months.entities, months.bytes, months.requests) IS DISTINCT FROM
        (kept_months.flows, kept_months.entities, kept_months.bytes, kept_months.requests)
    ORDER BY place
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Progress:
    """`below`: flows of transactions with lesser numbers are counted; `added`: flows that this turn counted."""

    below: int
    added: int


async def roll_up(database: Database, *, anew: bool = False) -> Progress:
    """Take up everything that has been committed; when it returns, the roll-ups hold every flow that was final when it
    was called. `anew`: forget what is there and count all. One process at a time does it, others wait for their turn.

    Raises StoreUnavailable.
    """
    added = 0
    while True:
        async with database.transaction() as connection:
            known = 0 if anew else None
            held = await connection.fetchval("SELECT below FROM usage_progress FOR UPDATE", timeout=_TIMEOUT)
            following, writers = await read_writers(connection)
            final = final_below(following, writers)
            # a number that this server has not reached yet comes from another one: a dump was restored
            known = held if known is None and held <= following else 0
            if known == 0:
                added += await _all(connection, final)
                below = final
            else:
                below = await _piece(connection, known, final)
                added += await _more(connection, known, below)
            await connection.execute("UPDATE usage_progress SET below = $1 WHERE below <> $1", below)
        anew = False
        if below >= final:
            return Progress(below, added)


async def mark(connection: asyncpg.Connection, days: Iterable[date]) -> None:
    """Within the transaction that changes what `SOURCE` gives for these days of Tokyo: they are counted anew."""
    await connection.execute(
        "INSERT INTO usage_dirty (day) SELECT * FROM unnest($1::date[]) ON CONFLICT DO NOTHING", sorted(set(days))
    )


async def forget(connection: asyncpg.Connection) -> None:
    """Within the caller's transaction: at the next turn everything is counted anew."""
    await connection.execute("UPDATE usage_progress SET below = 0")


async def differences(database: Database) -> list[str]:
    """Hours (UTC), days and months (Tokyo) whose roll-ups don't equal the flows; empty, as it should be. Reads every
    flow; of what has gone to an archive there is nothing to compare with."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        below = await connection.fetchval("SELECT below FROM usage_progress")
        kept = await kept_days(connection)
        rows = await connection.fetch(_DIFFERENCES, str(below), timeout=_TIMEOUT)
        return [row["place"] for row in rows if not any(first <= row["day"] < after for first, after in kept)]


async def kept_days(connection: asyncpg.Connection) -> list[tuple[date, date]]:
    """Days of Tokyo (first, after the last) of which some flows have left the database for an archive. Their roll-ups
    are all that is left here: they are never counted anew."""
    rows = await connection.fetch(
        "SELECT (month::timestamp AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo')::date AS first,"
        " ((month + interval '1 month') AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo')::date + 1 AS after"
        " FROM ledger_archives WHERE removed IS NOT NULL ORDER BY month"
    )
    return [(row["first"], row["after"]) for row in rows]


async def _piece(connection: asyncpg.Connection, known: int, final: int) -> int:
    """Where to stop, so that a long backlog goes in parts. Between transactions, never within one."""
    found = await connection.fetchval(
        f"SELECT txid::text::bigint FROM {SOURCE} WHERE txid >= $1::text::xid8 AND txid < $2::text::xid8"  # noqa: S608
        " ORDER BY txid, seq OFFSET $3 LIMIT 1",
        str(known),
        str(final),
        _BATCH,
        timeout=_TIMEOUT,
    )
    return final if found is None else min(final, max(int(found), known + 1))


async def _all(connection: asyncpg.Connection, below: int) -> int:
    kept = await kept_days(connection)
    await connection.execute("DELETE FROM usage_dirty")
    for table in ("flow_daily", "request_daily"):
        await connection.execute(f"DELETE FROM {table} WHERE true{_without(kept, 'day')}")  # noqa: S608
    for table in ("flow_hourly", "request_hourly"):
        await connection.execute(f"DELETE FROM {table} WHERE true{_without(kept, _HOUR_DAY)}")  # noqa: S608
    first, last = await connection.fetchrow(
        f"SELECT min({_DAY}), max({_DAY}) FROM {SOURCE} WHERE txid < '{int(below)}'::xid8",  # noqa: S608
        timeout=_TIMEOUT,
    )
    added = 0
    if first is None:
        await _sum_months(connection, None)
        return added
    # a month at a time, which bounds the temporary tables
    months = await connection.fetch(
        "SELECT day::date, (day + interval '1 month')::date FROM"
        " generate_series(date_trunc('month', $1::date::timestamp), $2::date::timestamp, interval '1 month') AS day",
        first,
        last,
    )
    for since, until in months:
        added += await _count(connection, _days(since, until, below) + _without(kept, _DAY))
    await _sum_months(connection, None)
    # nothing is known of rows that came all at once, until autovacuum looks: figures would be planned blindly
    await connection.execute(
        "ANALYZE usage_sets, flow_hourly, flow_daily, flow_monthly, request_hourly, request_daily, request_monthly",
        timeout=_TIMEOUT,
    )
    return added


async def _more(connection: asyncpg.Connection, known: int, below: int) -> int:
    await connection.execute(
        _FRESH.format(where=f"txid >= '{int(known)}'::xid8 AND txid < '{int(below)}'::xid8"), timeout=_TIMEOUT
    )
    await connection.execute("ANALYZE usage_fresh")
    added: int = await connection.fetchval("SELECT count(*) FROM usage_fresh")
    marked = await connection.fetch("DELETE FROM usage_dirty RETURNING day")
    extended = await connection.fetch(_EXTENDED.format(below=int(known)), timeout=_TIMEOUT) if added else []
    kept = await kept_days(connection)
    touched = sorted({row["day"] for row in (*marked, *extended)})
    anew = [day for day in touched if not any(first <= day < after for first, after in kept)]
    if anew:
        await connection.execute("DELETE FROM usage_fresh WHERE day = ANY($1)", anew)
    if added:
        await _add(connection)
    await connection.execute("DROP TABLE usage_fresh")
    for day in anew:
        until = await connection.fetchval("SELECT $1::date + 1", day)
        for table, unit in (("flow_daily", "day"), ("request_daily", "day")):
            await connection.execute(f"DELETE FROM {table} WHERE {unit} = $1", day)  # noqa: S608
        for table in ("flow_hourly", "request_hourly"):
            await connection.execute(
                f"DELETE FROM {table} WHERE hour >= {_MIDNIGHT.format('$1::date')}"  # noqa: S608
                f" AND hour < {_MIDNIGHT.format('$2::date')}",
                day,
                until,
            )
        await _count(connection, _days(day, until, below))
    if anew:
        await _sum_months(connection, sorted({day.replace(day=1) for day in anew}))
    return added


async def _sum_months(connection: asyncpg.Connection, months: list[date] | None) -> None:
    for statement in _MONTHS:
        await connection.execute(statement, months, timeout=_TIMEOUT)


def _without(kept: Iterable[tuple[date, date]], day: str) -> str:
    return "".join(f" AND NOT ({day} >= '{first:%Y-%m-%d}' AND {day} < '{after:%Y-%m-%d}')" for first, after in kept)


def _days(since: date, until: date, below: int) -> str:
    """Dates and whole numbers only, so it may stand in the statement: a statement that makes a table takes none."""
    first, after = (_MIDNIGHT.format(f"date '{day:%Y-%m-%d}'") for day in (since, until))
    return f"time >= {first} AND time < {after} AND txid < '{int(below)}'::xid8"


async def _count(connection: asyncpg.Connection, where: str) -> int:
    await connection.execute(_FRESH.format(where=where), timeout=_TIMEOUT)
    await connection.execute("ANALYZE usage_fresh")
    await _add(connection)
    added: int = await connection.fetchval("SELECT count(*) FROM usage_fresh")
    await connection.execute("DROP TABLE usage_fresh")
    return added


async def _add(connection: asyncpg.Connection) -> None:
    for statement in (_KEYS, _REQUESTS, _SETS, *_ADD):
        await connection.execute(statement, timeout=_TIMEOUT)
    await connection.execute("DROP TABLE usage_requests")
