"""Which sources are asked for which entities of an EntityMap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.federation.entity_map import IDS_IN_A_QUESTION, questions

_ENTRIES = st.dictionaries(
    st.integers(0, 999).map("urn:x:{}".format), st.lists(st.sampled_from("abc"), min_size=1, unique=True), max_size=400
)


@given(_ENTRIES)
def test_each_entity_is_asked_once_of_exactly_those_that_hold_it(entries: dict[str, list[str]]) -> None:
    asked = list(questions(entries.items()))
    assert all(0 < len(ids) <= IDS_IN_A_QUESTION for _, ids in asked)
    flat = [(entity, sources) for sources, ids in asked for entity in ids]
    assert len(flat) == len(entries)
    assert dict(flat) == {entity: tuple(sources) for entity, sources in entries.items()}
