"""The attribute projection language (clause 4.21)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.projection import parse_projection


def test_reads() -> None:
    iri = CORE.expand("humidity")
    assert parse_projection(f"id,temperature|humidity, {iri}", field="pick", context=CORE) == (
        "id",
        "temperature",
        "humidity",
    )
    assert parse_projection("観測.値", field="attrs") == ("観測.値",)


@pytest.mark.parametrize("text", ["", "a,", ",a", "a b", "a,{b}", "rel{a}", "a;b", "\ud800", "a" * 8193])
def test_refuses(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_projection(text, field="omit")
    assert (caught.value.field, caught.value.clause) == ("omit", "4.21")


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_:]{0,5}", fullmatch=True), min_size=1), st.sampled_from(",|"))
def test_every_name_once(names: list[str], mark: str) -> None:
    assert parse_projection(mark.join(names), field="pick") == tuple(dict.fromkeys(names))
