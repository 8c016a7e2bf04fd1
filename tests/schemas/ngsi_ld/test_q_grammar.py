"""Reading and writing of q (clause 4.9): examples, bad input, and that text and tree stand for each other."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadRequestData, TooComplexQuery
from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.q import And, Comparison, Exists, Hop, Literal, Node, Or, Path, Q, Range, Regex, Values, parse_q
from schemas.ngsi_ld.q.ast import conjunction, disjunction
from schemas.ngsi_ld.q.text import write


def text(value: str) -> Literal:
    return Literal("string", value, value)


@pytest.mark.parametrize(
    ("given_text", "tree"),
    [
        ("temperature", Exists(Path(("temperature",)))),
        ("!heading", Exists(Path(("heading",)), negated=True)),
        ("temperature==20", Comparison(Path(("temperature",)), "==", Literal("number", 20))),
        ('brandName!="Mercedes"', Comparison(Path(("brandName",)), "!=", text("Mercedes"))),
        (
            "temperature.observedAt>=2017-12-24T12:00:00Z",
            Comparison(Path(("temperature", "observedAt")), ">=", Literal("datetime", "2017-12-24T12:00:00Z")),
        ),
        ('address[city]=="Berlin"', Comparison(Path(("address",), ("city",)), "==", text("Berlin"))),
        (
            "sensor.rawdata[airquality.particulate]==40",
            Comparison(Path(("sensor", "rawdata"), ("airquality", "particulate")), "==", Literal("number", 40)),
        ),
        ("gender==Male", Comparison(Path(("gender",)), "==", Literal("word", "Male", "Male"))),
        ("sensor{humidity}==40", Comparison(Path(("humidity",), (), (Hop("sensor"),)), "==", Literal("number", 40))),
        (
            "sensor{Device:humidity}==40",
            Comparison(Path(("humidity",), (), (Hop("sensor", ("Device",)),)), "==", Literal("number", 40)),
        ),
        (
            "owner{Person,Firm:works{name}}",
            Exists(Path(("name",), (), (Hop("owner", ("Person", "Firm")), Hop("works")))),
        ),
        ("speed==10..40.5", Comparison(Path(("speed",)), "==", Range(Literal("number", 10), Literal("number", 40.5)))),
        ('color=="a", "b"', Comparison(Path(("color",)), "==", Values((text("a"), text("b"))))),
        ('color[*]=="red"', Comparison(Path(("color",), ("*",)), "==", text("red"))),
        ('color[zh-Hant]=="red"', Comparison(Path(("color",), ("zh-Hant",)), "==", text("red"))),
        ('name~="^Eiffel"', Comparison(Path(("name",)), "~=", Regex("^Eiffel"))),
        ("name!~=^(a|b;c)[)|]$", Comparison(Path(("name",)), "!~=", Regex("^(a|b;c)[)|]$"))),
        ('name~=say "no"', Comparison(Path(("name",)), "~=", Regex('say \\"no\\"'))),
        ("ref==urn:a:b", Comparison(Path(("ref",)), "==", Literal("uri", "urn:a:b", "urn:a:b"))),
        ("open==true", Comparison(Path(("open",)), "==", Literal("boolean", True))),
        ("at<12:30:00.5Z", Comparison(Path(("at",)), "<", Literal("time", "12:30:00.5Z"))),
        ("観測値>1", Comparison(Path(("観測値",)), ">", Literal("number", 1))),
    ],
)
def test_reads(given_text: str, tree: Node) -> None:
    assert parse_q(given_text).root == tree


def test_and_binds_tighter_than_or() -> None:
    a, b, c = (Exists(Path((name,))) for name in "abc")
    assert parse_q("a;b|c").root == Or((And((a, b)), c))
    assert parse_q("a;(b|c)").root == And((a, Or((b, c))))
    assert parse_q("((a);(b;c))").root == And((a, b, c))


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ("", 1),
        ("   ", 4),
        ("(a", 1),
        ("((a;b)", 1),
        ("a)", 2),
        ("a==", 4),
        ("a==1;", 6),
        ("a=1", 2),
        ("a;;b", 3),
        ("==1", 1),
        ("9a==1", 1),
        ('name=="Eiffel', 7),
        ("a>true", 2),
        ("a>urn:x:y", 2),
        ("a>4..5", 2),
        ("a>1,2", 2),
        ('a==1.."x"', 2),
        ("a==null", 4),
        ("a==007", 5),
        ("a==2024-13-01", 4),
        ("a==1e999", 4),
        ("a[b", 4),
        ("a[]", 3),
        ("a{b", 4),
        ("a{B,C}", 6),
        ("a==1 b==2", 6),
        ('a=="\\ud800"', 4),
        ("a.", 3),
        ("a%zz==1", 5),
        ("!(a;b)", 2),
        ("a~=", 4),
        ("a\x00", 2),
    ],
)
def test_says_what_is_wrong_and_where(bad: str, place: int) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_q(bad)
    assert caught.value.field == "q"
    assert caught.value.clause == "4.9"
    assert f"character {place}:" in caught.value.detail


def test_look_ahead_is_refused_in_words() -> None:
    with pytest.raises(BadRequestData, match="look-ahead") as caught:
        parse_q('name~="(?=a)b"')
    assert caught.value.field == "q"


def test_lone_surrogate_is_refused() -> None:
    with pytest.raises(BadRequestData, match="Unicode"):
        parse_q('a=="\ud800"')


@pytest.mark.parametrize(
    "monster",
    [
        "a" * 8193,
        "(" * 33 + "a" + ")" * 33,
        ";".join(["a"] * 257),
        "a==" + ",".join(["1"] * 1025),
        "a{" * 33 + "b" + "}" * 33,
    ],
)
def test_bounds(monster: str) -> None:
    with pytest.raises(TooComplexQuery) as caught:
        parse_q(monster)
    assert caught.value.field == "q"


def test_just_within_bounds() -> None:
    assert parse_q("(" * 32 + "a" + ")" * 32).root == Exists(Path(("a",)))
    assert len(parse_q(";".join(["a"] * 256)).root.terms) == 256  # type: ignore[union-attr]


def test_ten_megabytes_are_not_even_looked_at() -> None:
    huge = "a==1;" * 2_000_000
    started = time.process_time()
    for _ in range(100):
        with pytest.raises(TooComplexQuery):
            parse_q(huge)
    # Reading it once takes seconds; a hundred refusals by length take far below one.
    assert time.process_time() - started < 0.5


def test_names_become_canonical_in_the_context() -> None:
    default = "https%3A%2F%2Furi%2Eetsi%2Eorg%2Fngsi-ld%2Fdefault-context%2F"
    query = parse_q(f"{default}temperature.observedAt>2024-01-01T00:00:00Z", context=CORE)
    assert query == parse_q("temperature.observedAt>2024-01-01T00:00:00Z", context=CORE)
    assert query.attributes == {"temperature"}


def test_rename_goes_there_and_back_and_into_text() -> None:
    query = parse_q("a.b.observedAt>2024-01-01T00:00:00Z|c{T:d}==1;createdAt", context=CORE)
    expanded = query.rename(CORE.expand)
    assert expanded.attributes == {CORE.expand("a"), CORE.expand("c")}
    assert parse_q(expanded.text) == expanded
    assert expanded.rename(CORE.compact) == query


def test_values_are_terms_only_under_expand_values() -> None:
    plain = parse_q("gender==Male", context=CORE)
    named = parse_q("gender==Male", context=CORE, expand_values=("gender",))
    assert plain.root.value.term is None  # type: ignore[union-attr]
    assert named.root.value.term == "Male"  # type: ignore[union-attr]
    moved = named.rename(CORE.expand)
    assert moved.expand_values == {CORE.expand("gender")}
    assert moved.text.endswith('=="https://uri.etsi.org/ngsi-ld/default-context/Male"')


@pytest.mark.parametrize(
    ("given_text", "operators"),
    [
        ("a", {"exists"}),
        ("!a", {"exists", "not"}),
        ("a.b==1;c!=2|d>3", {"==", "!=", ">", "and", "or", "path"}),
        ("a[b]==1,2", {"==", "list", "path"}),
        ("a==1..2", {"==", "range"}),
        ('a~="x"|b!~="y"', {"~=", "!~=", "or"}),
        ("a{b}", {"exists", "join"}),
    ],
)
def test_operators(given_text: str, operators: set[str]) -> None:
    assert parse_q(given_text).operators == operators


def test_what_it_looks_at() -> None:
    query = parse_q("id==urn:a:b;createdAt>2024-01-01T00:00:00Z|c.d|e{f}")
    assert query.attributes == {"c", "e"}
    assert query.sys_attrs
    assert parse_q("a.modifiedAt").sys_attrs
    assert not parse_q("a.observedAt").sys_attrs


# --- text and tree ---------------------------------------------------------------------------------------------------

anything = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
short_names = st.from_regex(r"[a-zA-Zé観][a-z0-9_:-]{0,6}", fullmatch=True)
names = short_names | st.sampled_from(["http://example.org/a%20b#c", "urn:x:(y;z)", "9x", "日本・x", "a.b"])
members = short_names | anything | st.sampled_from(["*", "@none", "0", "a.b", " x "])
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
strings = st.text(st.characters(exclude_categories=("Cs",)), max_size=10)
ordered = st.one_of(
    numbers.map(lambda value: Literal("number", value)),
    strings.map(text),
    st.datetimes().map(lambda value: Literal("datetime", value.isoformat(timespec="microseconds") + "Z")),
    st.dates().map(lambda value: Literal("date", value.isoformat())),
    st.times().map(lambda value: Literal("time", value.isoformat(timespec="milliseconds") + "Z")),
)
literals = st.one_of(
    ordered,
    st.booleans().map(lambda value: Literal("boolean", value)),
    st.sampled_from(["urn:a:b", "http://example.org/x?y=1#z"]).map(lambda value: Literal("uri", value, value)),
    st.sampled_from(["Male", "非公開", "true-ish"]).map(lambda value: Literal("word", value, value)),
)
paths = st.builds(
    Path,
    st.lists(names, min_size=1, max_size=3).map(tuple),
    st.lists(members, max_size=3).map(tuple),
    st.lists(st.builds(Hop, names, st.lists(names, max_size=2).map(tuple)), max_size=2).map(tuple),
)
ranges = st.one_of(
    st.builds(Range, *(numbers.map(lambda value: Literal("number", value)),) * 2),
    st.builds(Range, *(strings.map(text),) * 2),
)
lists = st.lists(literals, min_size=2, max_size=4).map(lambda items: Values(tuple(items)))
patterns = st.sampled_from(["^a", "a|b;c", '\\"x\\"', "[)|;]", "\\d+\\.", "(a(b|c))*"]).map(Regex)
terms = st.one_of(
    st.builds(Exists, paths, st.booleans()),
    st.builds(Comparison, paths, st.sampled_from(["==", "!="]), literals | lists | ranges),
    st.builds(Comparison, paths, st.sampled_from([">", ">=", "<", "<="]), ordered),
    st.builds(Comparison, paths, st.sampled_from(["~=", "!~="]), patterns),
)
trees = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(conjunction),
        st.lists(inner, min_size=2, max_size=3).map(disjunction),
    ),
    max_leaves=8,
)


def read_or_refused(given_text: str) -> Q | None:
    """None if it was refused as it should be; any other exception comes through."""
    try:
        return parse_q(given_text)
    except (BadRequestData, TooComplexQuery) as error:
        refused = error
    assert refused.field == "q"
    refused.detail.encode()
    return None


@given(trees)
def test_text_reads_back_as_the_same_tree(tree: Node) -> None:
    query = Q(tree)
    again = parse_q(query.text)
    assert again == query
    assert again.text == query.text


@settings(max_examples=300)
@given(st.text(st.sampled_from("ab(.);|=!<>~,[]{}\"'\\ %:*1-TZ観"), max_size=40) | st.text(max_size=40))
def test_garbage_is_read_or_refused(garbage: str) -> None:
    query = read_or_refused(garbage)
    assert query is None or parse_q(query.text) == query


@given(trees, st.data())
def test_a_cut_text_is_read_or_refused(tree: Node, data: st.DataObject) -> None:
    whole = write(tree)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    query = read_or_refused(cut)
    assert query is None or parse_q(query.text) == query
