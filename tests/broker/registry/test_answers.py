"""The room for kept answers: bounded, and apart for each source."""

from __future__ import annotations

from adapters.contract import Page
from adapters.freshness import Freshness
from broker.registry.answers import Answers, Flight, Room


def keep(answers: Answers, key: str, size: int = 0, **said: float) -> None:
    freshness = Freshness(**{"seconds": 10.0, **said})  # type: ignore[arg-type]
    answers.keep(key, (Page(b"x" * size, []),), size, freshness, 100.0)


def test_it_never_holds_more_than_its_room() -> None:
    room = Room(100_000, 5.0)
    one, two = Answers(room), Answers(room)
    for n in range(50):
        keep(one if n % 2 else two, f"k{n}", 5000)
        one.kept("k1")
        assert room.used <= 100_000
    assert one.kept("k1") is not None, "what is used stays"
    assert two.kept("k0") is None
    assert two.kept("k48") is not None
    one.forget()
    two.forget()
    assert room.used == 0


def test_an_answer_too_large_for_the_room_replaces_and_is_not_kept() -> None:
    room = Room(100_000)
    answers = Answers(room)
    keep(answers, "k", 100)
    keep(answers, "k", 20_000)
    assert (answers.kept("k"), room.used) == (None, 0)


def test_nothing_crosses_sources() -> None:
    room = Room(100_000)
    one, two = Answers(room), Answers(room)
    keep(one, "k")
    assert two.kept("k") is None
    two.forget()
    assert one.kept("k") is not None


def test_how_long_it_is_good() -> None:
    answers = Answers(Room(100_000, 5.0), cache_s=3.0)
    for said, fresh, usable in (
        (Freshness(seconds=10.0), 110.0, 115.0),
        (Freshness(), 103.0, 108.0),
        (Freshness(seconds=10.0, stale_if_error=0.0), 110.0, 110.0),
    ):
        answers.keep("k", (), 0, said, 100.0)
        kept = answers.kept("k")
        assert kept is not None
        assert (kept.fresh_until, kept.usable_until) == (fresh, usable)
    assert not Answers(Room(1)).may_keep(Freshness())
    assert Answers(Room(1)).may_keep(Freshness(etag='"a"'))
    assert not answers.may_keep(Freshness(store=False))
    assert not answers.may_keep(Freshness(seconds=0.0))


def test_a_write_takes_questions_under_way_off_the_board() -> None:
    answers = Answers(Room(100_000))
    answers.flights["k"] = Flight()
    keep(answers, "k")
    before = answers.epoch
    answers.forget()
    assert (answers.kept("k"), answers.flights, answers.epoch) == (None, {}, before + 1)
