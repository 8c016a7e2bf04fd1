"""The life of an agreement, step by step: what may be done when, by whom, and what then holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.agreement import Action, Agreement, Party, State, Step, Terms, Version
from schemas.errors import Forbidden, WrongState

NOW = datetime(2026, 11, 26, tzinfo=UTC)
TERMS = Terms("takeshiba", "App Inc", "tests", NOW - timedelta(days=1), NOW + timedelta(days=1))
BOTH = frozenset({Party.PROVIDER, Party.SECRETARIAT})
P, S, C = Party.PROVIDER, Party.SECRETARIAT, Party.CONSUMER
A = Action


def agreement(
    *steps: tuple[Action, Party], needs: frozenset[Party] = frozenset({P}), terms: Terms = TERMS
) -> Agreement:
    first = Step(A.PROPOSE, C, "app", 1, NOW)
    done = tuple(Step(action, party, "x", 1, NOW) for action, party in steps)
    return Agreement("a", (Version(1, terms, "d", needs),), (first, *done))


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([], State.PROPOSED),
        ([(A.APPROVE, P)], State.ACTIVE),
        ([(A.REJECT, P)], State.REJECTED),
        ([(A.APPROVE, P), (A.SUSPEND, S)], State.SUSPENDED),
        ([(A.APPROVE, P), (A.SUSPEND, S), (A.SUSPEND, P), (A.RESUME, S)], State.SUSPENDED),
        ([(A.APPROVE, P), (A.SUSPEND, S), (A.RESUME, S)], State.ACTIVE),
        ([(A.APPROVE, P), (A.REVOKE, C)], State.REVOKED),
        ([(A.REVOKE, C)], State.REVOKED),
    ],
)
def test_the_state_is_read_off_the_steps(steps: list[tuple[Action, Party]], state: State) -> None:
    found = agreement(*steps)
    assert found.state(NOW) is state
    assert (found.in_force(NOW) is not None) == (state is State.ACTIVE)


def test_the_secretariat_approves_where_it_is_asked_to() -> None:
    assert agreement((A.APPROVE, P), needs=BOTH).state(NOW) is State.PROPOSED
    assert agreement((A.APPROVE, S), needs=BOTH).state(NOW) is State.PROPOSED
    assert agreement((A.APPROVE, S), (A.APPROVE, P), needs=BOTH).state(NOW) is State.ACTIVE


def test_time_alone_begins_and_ends_it() -> None:
    found = agreement((A.APPROVE, P))
    assert found.state(TERMS.valid_from - timedelta(microseconds=1)) is State.APPROVED
    assert found.state(TERMS.valid_from) is State.ACTIVE
    assert found.state(TERMS.valid_to - timedelta(microseconds=1)) is State.ACTIVE
    assert found.state(TERMS.valid_to) is State.EXPIRED


def test_the_old_version_holds_until_the_new_one_is_approved() -> None:
    first = agreement((A.APPROVE, P))
    second = Version(2, replace(TERMS, purpose="more"), "e", frozenset({P}))
    amended = replace(first, versions=(*first.versions, second), steps=(*first.steps, Step(A.PROPOSE, C, "x", 2, NOW)))
    assert (amended.in_force(NOW), amended.pending) == (first.versions[0], second)
    approved = replace(amended, steps=(*amended.steps, Step(A.APPROVE, P, "x", 2, NOW)))
    assert (approved.in_force(NOW), approved.pending) == (second, None)
    rejected = replace(amended, steps=(*amended.steps, Step(A.REJECT, P, "x", 2, NOW)))
    assert (rejected.in_force(NOW), rejected.pending) == (first.versions[0], None)


@pytest.mark.parametrize(
    ("before", "action", "party", "error"),
    [
        ([], A.APPROVE, C, Forbidden),
        ([], A.SUSPEND, C, Forbidden),
        ([], A.PROPOSE, S, Forbidden),
        ([], A.APPROVE, S, WrongState),
        ([], A.SUSPEND, P, WrongState),
        ([], A.RESUME, P, WrongState),
        ([(A.APPROVE, P)], A.APPROVE, P, WrongState),
        ([(A.APPROVE, P)], A.REJECT, P, WrongState),
        ([(A.REJECT, P)], A.APPROVE, P, WrongState),
        ([(A.APPROVE, P), (A.SUSPEND, P)], A.SUSPEND, P, WrongState),
        ([(A.APPROVE, P), (A.SUSPEND, S)], A.RESUME, P, WrongState),
        *[([(A.APPROVE, P), (A.REVOKE, P)], action, P, WrongState) for action in Action],
    ],
)
def test_what_can_not_be_done(
    before: list[tuple[Action, Party]], action: Action, party: Party, error: type[Exception]
) -> None:
    with pytest.raises(error):
        agreement(*before).check(action, party, NOW)
