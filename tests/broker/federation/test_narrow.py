"""A query as a source may be asked it, and what of its answer is its to give (clauses 4.3.6.1, 4.3.6.3). No I/O."""

from __future__ import annotations

from typing import Any

import pytest
from registered import info, source

from adapters.contract import Page
from broker.federation.collected import Collected
from broker.federation.modes import owners_of, reduce, unpassed
from broker.federation.narrow import narrowed
from broker.federation.plan import Step
from broker.registry.source import Source
from schemas.capability import Pushdown
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.params import parse_query, parse_retrieve
from schemas.ngsi_ld.query import EntityQuery
from schemas.outcome import Outcome, Status

ID = "urn:x:1"


def query(**params: str) -> EntityQuery:
    return parse_query(params, CORE)[0]


def narrow(asked: EntityQuery, *information: dict[str, Any], **members: Any) -> dict[str, Any]:
    """What is another in the narrowed query."""
    made = narrowed(asked, source("s", "inclusive", *information, **members))
    changed = {n: getattr(made, n) for n in asked.__struct_fields__ if getattr(made, n) != getattr(asked, n)}
    return changed | ({"types": changed["types"].text} if "types" in changed else {})


@pytest.mark.parametrize(
    ("params", "information", "changed"),
    [
        ({"type": "T"}, [info()], {}),
        ({"type": "T,U"}, [info()], {"types": "T"}),
        ({"q": "a>1"}, [info()], {"types": "T"}),
        ({"type": "T"}, [info(id=ID)], {"ids": (ID,)}),
        ({"type": "T", "id": f"{ID},urn:x:2"}, [info(id=ID)], {"ids": (ID,)}),
        ({"type": "T"}, [info(idPattern="^a")], {"id_pattern": "^a"}),
        ({"type": "T", "idPattern": "^b"}, [info(idPattern="^a")], {}),
        ({"type": "T"}, [info("a", "b")], {"attrs": ("a", "b")}),
        ({"type": "T", "attrs": "b,c"}, [info("a", "b")], {"attrs": ("b",)}),
        ({"type": "T", "pick": "id,b,c"}, [info("a", "b")], {"pick": ("id", "b")}),
        ({"type": "T"}, [info("a", id=ID), info("b", id="urn:x:2")], {"ids": (ID, "urn:x:2"), "attrs": ("a", "b")}),
    ],
)
def test_narrowed(params: dict[str, str], information: list[dict[str, Any]], changed: dict[str, Any]) -> None:
    assert narrow(query(**params), *information) == changed


def test_what_need_not_be_narrowed_is_the_same_object() -> None:
    asked = query(type="T")
    assert narrowed(asked, source("s")) is asked


def test_a_retrieve_by_a_query() -> None:
    asked, _ = parse_retrieve(ID, {}, CORE)
    assert narrow(asked, operations=["retrieveEntity"]) == {}
    assert narrow(asked, operations=["queryEntity"]) == {"retrieve": False, "types": "T"}


# --- whose it is -----------------------------------------------------------------------------------------------------


def version(of: Source, **attributes: int) -> Collected:
    entity = {"id": ID, "type": "T"} | {n: {"type": "Property", "value": v} for n, v in attributes.items()}
    return Collected(Step(of, Pushdown(None)), Outcome(of.id, Status.OK), [Page(entities=[entity])])


def local() -> Source:
    made = source("local")
    made.network = False
    return made


def reduced(asked: EntityQuery, *given: Collected) -> list[list[str] | None]:
    """Names of attributes that are left of each version; None: nothing is."""
    owners = owners_of(asked, [c.step.source for c in given if c.step.source.platform.proxied])
    reduce(given, asked, owners)
    found = [list(c.pages[0].entities or ()) for c in given]
    return [sorted(rows[0].keys() - {"id", "type"}) if rows else None for rows in found]


def test_exclusive_takes_its_attributes_from_all_others() -> None:
    exclusive = source("e", "exclusive", info("a", id=ID))
    given = (version(local(), a=1, b=1), version(source("i"), a=2, c=2), version(exclusive, a=3, b=3))
    assert reduced(query(type="T"), *given) == [["b"], ["c"], ["a"]]


def test_redirect_takes_whole_entities() -> None:
    given = (version(local(), a=1), version(source("i"), a=2), version(source("r", "redirect"), a=3))
    assert reduced(query(type="T"), *given) == [None, None, ["a"]]


def test_redirects_share() -> None:
    one, other = source("r", "redirect"), source("s", "redirect", info("a"))
    assert reduced(query(type="T"), version(one, a=1, b=1), version(other, a=2, b=2)) == [["a", "b"], ["a"]]


def test_what_is_left_of_a_local_entity_is_shown() -> None:
    exclusive = source("e", "exclusive", info("a", id=ID))
    assert reduced(query(type="T"), version(local(), a=1), version(exclusive)) == [[], []]


@pytest.mark.parametrize(
    ("params", "information", "local_is_asked"),
    [
        ({"type": "T"}, [info()], False),
        ({"type": "T,U"}, [info()], True),
        ({"type": "T"}, [info("a")], True),
        ({"type": "T"}, [info(id=ID)], True),
        ({"type": "T", "id": ID}, [info(id=ID)], False),
        ({"type": "T", "id": f"{ID},urn:x:2"}, [info(id=ID)], True),
        ({"type": "T", "id": ID}, [info(idPattern="^urn:x")], False),
        ({"type": "U"}, [info()], True),
    ],
)
def test_who_is_not_even_asked(params: dict[str, str], information: list[dict[str, Any]], local_is_asked: bool) -> None:
    redirect = source("r", "redirect", *information)
    sources = [local(), redirect]
    owners = owners_of(query(**params), [redirect])
    left = sources if owners is None else owners.undisplaced(sources)
    assert (sources[0] in left) is local_is_asked
    if not local_is_asked and owners is not None:
        assert not owners.divide(left)


def test_local_questions_are_the_local_stores() -> None:
    assert owners_of(query(type="T", local="true"), [source("r", "redirect")]) is None


def test_who_has_passed_it_already_is_not_asked() -> None:
    known = source("k", contextSourceAlias="other")
    sources = [known, source("i")]
    assert unpassed(sources, "1.1 me") is sources
    assert [s.id for s in unpassed(sources, "1.1 other, 1.1 me")] == ["urn:r:i"]
    assert len(unpassed(sources, "1.1 another, 1.1 me")) == 2
