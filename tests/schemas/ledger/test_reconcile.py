"""Two counts side by side: each line comes out one way, and says why as far as our record tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import BadRequestData
from schemas.ledger.reconcile import Cause, Counted, Match, Ours, read_count, reconcile, totals

A, B = UUID(int=1), UUID(int=2)
HOUR = datetime(2026, 11, 1, 3, tzinfo=UTC)


def one(their: dict[str, int] | None, **ours: Any) -> tuple[Match, Cause | None]:
    """What comes of a line that is there, here, or on both sides."""
    theirs = [] if their is None else [Counted(A, their)]
    numbers = ours.pop("numbers", None)
    (line,) = reconcile(theirs, [] if numbers is None else [Ours(A, numbers, **ours)])
    return line.match, line.cause


BOTH = {"entities": 3, "bytes": 300}


@pytest.mark.parametrize(
    ("their", "ours", "expected"),
    [
        (BOTH, {"numbers": BOTH}, (Match.MATCHED, None)),
        ({}, {"numbers": BOTH}, (Match.MATCHED, None)),
        ({"entities": 3}, {"numbers": BOTH}, (Match.MATCHED, None)),
        (BOTH, {}, (Match.MISSING_HERE, Cause.UNKNOWN_FLOW)),
        (BOTH, {"numbers": BOTH, "foreign": True}, (Match.MISSING_HERE, Cause.OTHER_PARTY)),
        (None, {"numbers": BOTH}, (Match.MISSING_THERE, None)),
        (None, {"numbers": BOTH, "replay": True}, (Match.MISSING_THERE, Cause.RETRY)),
        (None, {"numbers": {"entities": 0, "bytes": 2}}, (Match.MISSING_THERE, Cause.NOTHING_DELIVERED)),
        ({"entities": 4}, {"numbers": BOTH}, (Match.DIFFERENT, Cause.ENTITIES)),
        ({"entities": 3, "bytes": 310}, {"numbers": BOTH}, (Match.DIFFERENT, Cause.BYTES)),
        ({"entities": 4}, {"numbers": BOTH, "outcome": "timeout"}, (Match.DIFFERENT, Cause.FAILED)),
        ({"entities": 4}, {"numbers": BOTH, "replay": True}, (Match.DIFFERENT, Cause.RETRY)),
        ({"entities": 9}, {"numbers": BOTH, "original": {"entities": 9}}, (Match.DIFFERENT, Cause.CORRECTED)),
        ({"entities": 8}, {"numbers": BOTH, "original": {"entities": 9}}, (Match.DIFFERENT, Cause.ENTITIES)),
    ],
)
def test_a_flow(their: dict[str, int] | None, ours: dict[str, Any], expected: tuple[Match, Cause | None]) -> None:
    assert one(their, **ours) == expected


def test_an_hour_makes_up_for_the_one_beside_it() -> None:
    def hours(*requests: int) -> list[tuple[datetime, dict[str, int]]]:
        return [(HOUR + timedelta(hours=n), {"requests": count}) for n, count in enumerate(requests)]

    theirs = [Counted(*told) for told in hours(10, 12, 8, 5)]
    ours = [Ours(*told) for told in hours(10, 10, 10, 4)]
    lines = reconcile(theirs, ours)
    assert [line.cause for line in lines] == [None, Cause.NEXT_HOUR, Cause.NEXT_HOUR, Cause.COUNT]
    assert totals(lines) == {
        "results": {"matched": 1, "missing here": 0, "missing there": 0, "different": 3},
        "causes": {"next hour": 2, "count": 1},
    }


def test_a_count_is_read_from_csv_and_json() -> None:
    csv = f"\ufeffflow,entities,bytes,note\r\n{A},3,300,x\r\n{B},,,\r\n".encode()
    assert read_count(csv, "text/csv") == [Counted(A, BOTH), Counted(B, {})]
    json = b'[{"hour":"2026-11-01T12:30","requests":7},{"hour":"2026-11-01T04:00Z","bytes":1}]'
    assert read_count(json, "application/json") == [
        Counted(HOUR, {"requests": 7}),
        Counted(HOUR + timedelta(hours=1), {"bytes": 1}),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"flow\n", "body"),
        (b"\xff\xfe", "body"),
        (b"flow\nx\n", "line 1"),
        (b"hour\n2026-11-01T03:00Z\n", "line 1"),
        (b"hour,requests\n2026-11-01T03:00Z,1\nnoon,1\n", "line 2"),
        (b"hour,requests\n2026-11-01T03:00Z,-1\n", "line 1"),
        (b"hour,requests\n2026-11-01T03:00Z,1.5\n", "line 1"),
        (b"hour,requests\n2026-11-01T03:00Z,99999999999999999999999\n", "line 1"),
        (b"hour,requests\n2026-11-01T03:00Z,1\n2026-11-01T03:59Z,1\n", "body"),
        (f"hour,flow,requests\n2026-11-01T03:00Z,,1\n,{A},1\n".encode(), "body"),
    ],
)
def test_what_can_not_be_read_says_where(body: bytes, field: str) -> None:
    with pytest.raises(BadRequestData) as error:
        read_count(body, "text/csv")
    assert error.value.field == field


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b"[]", b'[{"flow":1}]', b'[{"hour":"2026-11-01","requests":true}]']
)
def test_json_of_another_kind(body: bytes) -> None:
    with pytest.raises(BadRequestData):
        read_count(body, "application/json")
