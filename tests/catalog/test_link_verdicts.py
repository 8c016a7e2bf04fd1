from __future__ import annotations

import pytest

from catalog.links import (
    DAY,
    DEAD,
    Verdict,
    head_is_enough,
    host_rests,
    is_broken,
    judged,
    links_of,
    next_check,
)
from schemas.dataset import Access, Dataset, Distribution


@pytest.mark.parametrize(
    ("status", "media", "kind", "alive", "final"),
    [
        (200, "text/csv", "CSV", True, False),
        (206, "text/csv; charset=Shift_JIS", "CSV", True, False),
        (416, "", "CSV", True, False),
        (200, "text/html; charset=utf-8", "CSV", False, True),
        (200, "TEXT/HTML", "HTML", True, False),
        (200, "text/html", "", True, False),
        (404, "text/html", "CSV", False, True),
        (410, "", "CSV", False, True),
        (403, "", "CSV", None, False),
        (401, "", "CSV", None, False),
        (500, "", "CSV", False, False),
        (405, "", "CSV", False, False),
        (302, "", "CSV", False, False),
    ],
)
def test_what_an_answer_says(status: int, media: str, kind: str, alive: bool | None, final: bool) -> None:
    verdict = judged(status, media, kind)
    assert (verdict.alive, verdict.final, verdict.trouble) == (alive, final, False)
    assert bool(verdict.words) == (alive is not True)
    assert head_is_enough(verdict) == (alive is True)


@pytest.mark.parametrize("status", [429, 503])
def test_a_host_that_asks_for_peace_says_nothing_of_its_files(status: int) -> None:
    verdict = judged(status, "", "CSV", after=7200.0)
    assert (verdict.alive, verdict.trouble, verdict.after) == (None, True, 7200.0)
    assert head_is_enough(verdict)
    assert not is_broken(verdict, 9)


def test_what_may_pass_is_believed_the_second_time() -> None:
    assert is_broken(judged(404, "", ""), 1)
    assert not is_broken(judged(500, "", ""), 1)
    assert is_broken(judged(500, "", ""), 2)


def test_what_fails_is_looked_for_less_and_less() -> None:
    fails, works = judged(404, "", ""), judged(200, "", "")
    assert [next_check(fails, n) / DAY for n in (1, 2, 3, 6, 99)] == [1, 2, 4, 30, 30]
    assert next_check(works, 0) == 30 * DAY
    assert next_check(Verdict(None, trouble=True), 0) == DAY


def test_a_host_rests_longer_each_time_and_is_given_up_late() -> None:
    rests = [host_rests(n, None) for n in range(1, 9)]
    assert rests == sorted(rests)
    assert rests[-1] == DAY
    assert sum(rests[: DEAD - 1]) >= 15 * 3600
    assert host_rests(1, 7200.0) == 7200.0
    assert host_rests(1, 10 * DAY) == DAY


def test_files_by_agreement_are_known_and_not_looked_for() -> None:
    found = (
        Distribution("0", download_url="https://A.example/x.csv", format="CSV"),
        Distribution("1", access_url="https://a.example/page"),
        Distribution("2", download_url="ftp://a.example/x"),
        Distribution("3", download_url="http://[::1/x"),
        Distribution("4", download_url="http://b.example:8080/y"),
    )
    links = list(links_of(Dataset("s", "1", "t", distributions=found)))
    assert [(one.place, one.host, one.wanted) for one in links] == [(0, "a.example", True), (4, "b.example", True)]
    closed = Dataset("s", "1", "t", access=Access.AGREEMENT, distributions=found)
    assert not any(one.wanted for one in links_of(closed))
