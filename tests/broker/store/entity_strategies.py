"""What hypothesis makes entities, q texts and scopes of: few names and values, so that they often meet."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import strategies as st

from schemas.ngsi_ld.context import build

OWN = build({"ex": "https://example.org/ns#", "b": "https://example.org/ns#bee", "Male": "https://example.org/M"}, {})
NAMES = ("a", "b", "ex:c", "日本")
TEXTS = ("", "x", "y", "Male", "urn:x:1", "2024-05-01T00:00:00Z", "2024-05-01T00:00:00.000Z", "08:30:00Z", 'q"\\\n避')
NUMBERS = (0, 1, -1, 1.0, 0.1, 2**53, 2**53 + 1, 2**63, 9.223372036854775808e18, 1e300, 5e-324, -7.25)
scalars = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans(), st.none())
typed = st.one_of(scalars, scalars.map(lambda v: {"@type": "T", "@value": v}))
values = st.recursive(
    typed,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(("m", "n")), inner)),
    max_leaves=4,
)
uris = st.sampled_from(("urn:x:1", "urn:x:2"))
words = st.sampled_from(("Male", "x", "urn:x:1"))


def one(holder: str, kind: str, content: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return content.map(lambda value: {"type": kind, holder: value})


plain = st.one_of(
    one("value", "Property", values),
    one("json", "JsonProperty", values),
    one("valueList", "ListProperty", st.lists(values, max_size=3)),
    one("object", "Relationship", st.one_of(uris, st.lists(uris, max_size=2))),
    one("objectList", "ListRelationship", st.lists(st.one_of(uris, uris.map(lambda u: {"object": u})), max_size=2)),
    one("vocab", "VocabProperty", st.one_of(words, st.lists(words, max_size=2))),
    one(
        "languageMap",
        "LanguageProperty",
        st.dictionaries(st.sampled_from(("ja", "EN")), st.one_of(words, st.lists(words))),
    ),
)


@st.composite
def attributes(draw: st.DrawFn) -> Any:
    made = []
    for n in range(draw(st.integers(1, 2))):
        instance = dict(draw(plain))
        if n:
            instance["datasetId"] = f"urn:d:{n}"
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=1)):
            instance[name] = draw(st.one_of(plain, st.lists(plain, min_size=1, max_size=2)))
        made.append(instance)
    return made if len(made) > 1 or draw(st.booleans()) else made[0]


entities = st.fixed_dictionaries(
    {"id": st.just("urn:x"), "type": st.just("T")}, optional={name: attributes() for name in NAMES}
)


def literal(value: Any) -> str:
    return (
        str(value).lower() if isinstance(value, bool) else repr(value) if not isinstance(value, str) else quoted(value)
    )


def quoted(text: str) -> str:
    return orjson.dumps(text).decode()


paths = st.tuples(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2), st.sampled_from(("", "[m]", "[m.n]", "[ja]", "[*]"))
).map(lambda parts: ".".join(name.replace(":", "%3A") for name in parts[0]) + parts[1])
literals = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans()).map(literal)
bare = st.sampled_from(("urn:x:1", "Male", "2024-05-01T00:00:00Z", "08:30:00Z"))
equalities = st.one_of(
    literals,
    bare,
    st.lists(literals, min_size=2, max_size=3).map(",".join),
    st.sampled_from(("0..1", "-8..0.5", '"a".."z"')),
)
orderings = st.one_of(
    st.sampled_from((*TEXTS[1:4], *NUMBERS)).map(literal), st.sampled_from(("2024-01-01T00:00:00Z", "08:00:00Z"))
)
terms = st.one_of(
    st.tuples(paths, st.sampled_from(("==", "!=")), equalities).map("".join),
    st.tuples(paths, st.sampled_from((">", ">=", "<", "<=")), orderings).map("".join),
    st.tuples(paths, st.sampled_from(('~="x"', '!~="^M"', ""))).map("".join),
    paths.map(lambda path: f"!{path}"),
)
queries = st.recursive(
    terms,
    lambda inner: st.tuples(inner, st.sampled_from((";", "|")), inner).map(lambda p: f"({p[0]}{p[1]}{p[2]})"),
    max_leaves=4,
)


levels = st.sampled_from(("Tokyo", "東京", "a_1", "Minato"))
scopes = st.tuples(
    st.sampled_from(("/", "", "//")), st.lists(levels, max_size=3).map("/".join), st.sampled_from(("", "/"))
).map("".join)
patterns = st.tuples(
    st.sampled_from(("/", "")),
    st.lists(st.one_of(levels, st.just("+")), min_size=1, max_size=3).map("/".join),
    st.sampled_from(("", "/#")),
).map("".join)
scope_queries = st.lists(
    st.lists(st.one_of(patterns, st.just("/#")), min_size=1, max_size=2).map(";".join), min_size=1, max_size=2
).map(",".join)
