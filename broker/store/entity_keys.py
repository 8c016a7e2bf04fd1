"""What an entity is found and ordered by: for each way into it (`path`) the keys of the values there. Pure.

A way is an attribute, with sub-attributes behind it; names are IRIs. On each way an entity has at most one *main* key,
that of the value it is ordered by (`schemas.ngsi_ld.order`), and *side* keys of all other scalars: of its other
instances, and of what compound values are made of. So whatever a comparison of q holds for has a key in its range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.ngsi_ld.instants import read_date, read_datetime, read_time
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS, ENTITY_MEMBERS
from schemas.ngsi_ld.q.evaluate import instances
from schemas.ngsi_ld.scope import levels_of
from schemas.ngsi_ld.sort_key import LONGEST, plain_key, sort_key, text_key
from schemas.ngsi_ld.walk import holder_of, uris

DEEPEST: Final = 3
"""Names that a way has at most."""
SIDES: Final = 64
"""Side keys that an entity has on one way at most; where there are more, it has `ANY` instead."""
ANY: Final = b"\xff"
"""Side key of an entity that may have any value there."""
NAMED: Final = b"\xfe"
"""Main key of a name (VocabProperty): in which order names stand depends on the @context that is asked in."""
_WRITTEN_OUT: Final = 1e16
"""From here on JSON's writer gives a number an exponent."""
_LEAST, _MOST = -(2.0**63), 2.0**64
_SCOPE_RANK: Final = b"\x40"


class Key(NamedTuple):
    """`unkeyed`: there is something that has no key (`key` is empty then): on this way keys tell nothing."""

    path: str
    side: bool
    key: bytes
    unkeyed: bool = False


def way(*names: str) -> str:
    """The path of these names."""
    return "\n".join(names)


def place_of(tenant: str, path: str) -> bytes:
    """What a path of a tenant is known by: names may be of any length, entries of an index not."""
    return hashlib.blake2b(f"{tenant}\0{path}".encode(), digest_size=16).digest()


def keys_of(
    entity: Mapping[str, Any], created_at: datetime, modified_at: datetime, *, apart_from: Collection[str] = ()
) -> set[Key]:
    """All keys of a stored entity, those of some of its members left out."""
    found = {Key("createdAt", False, plain_key(created_at)), Key("modifiedAt", False, plain_key(modified_at))}
    scopes = None if "scope" in apart_from else entity.get("scope")
    texts = scopes if isinstance(scopes, list) else [scopes]
    _add_sides(found, "scope", {scope_key(text) for text in texts if isinstance(text, str)})
    for name, member in entity.items():
        if name not in ENTITY_MEMBERS and name not in apart_from:
            _add(found, name, member, 1, main=True)
    return found


def scope_key(scope: str) -> bytes:
    """Scopes stand in the order of their text, so that those below one are a range."""
    return (_SCOPE_RANK + "/".join(levels_of(scope)).encode())[:LONGEST]


def scalar_keys(value: Any) -> set[bytes]:
    """The keys that q may look for in one text, number or boolean."""
    if isinstance(value, bool | int | float):
        return {plain_key(value)}
    if not isinstance(value, str):
        return set()
    instant = read_datetime(value)
    if instant is not None:
        # It is compared as an instant with others, and equals no other text.
        return {plain_key(instant)}
    times = (read_date(value), read_time(value))
    return {text_key(value)} | {plain_key(at) for at in times if at is not None}


def _add(found: set[Key], path: str, member: Any, depth: int, *, main: bool) -> None:
    given = instances(member)
    default = next((one for one in given if "datasetId" not in one), given[0] if given else None) if main else None
    sides: set[bytes] = set()
    for one in given:
        first = one is default
        kind = one.get("type")
        if kind == "GeoProperty":
            found.add(Key(path, True, b"", unkeyed=True))
        else:
            held = holder_of(one)
            value = None if held is None else uris(one[held]) if held == "objectList" else one[held]
            key = sort_key(_as_read(value)) if first else None
            if key is not None:
                found.add(Key(path, False, NAMED if held == "vocab" else key))
            sides |= _scalars(value) if held == "vocab" else _scalars(value) - {key}
        _add_observed(found, path, one.get("observedAt"), main=first)
        if depth < DEEPEST:
            for name, inner in one.items():
                if name not in ATTRIBUTE_MEMBERS:
                    _add(found, way(path, name), inner, depth + 1, main=first)
    _add_sides(found, path, sides)


def _add_observed(found: set[Key], path: str, value: Any, *, main: bool) -> None:
    if isinstance(value, str):
        key = sort_key({"@type": "DateTime", "@value": value})
        inner = way(path, "observedAt")
        if main and key is not None:
            found.add(Key(inner, False, key))
        _add_sides(found, inner, scalar_keys(value) - {key if main else None})


def _add_sides(found: set[Key], path: str, sides: set[bytes]) -> None:
    if len(sides) > SIDES:
        sides = {ANY}
    found.update(Key(path, True, key) for key in sides)


def _scalars(value: Any) -> set[bytes]:
    if not isinstance(value, dict | list):
        return scalar_keys(value)
    found: set[bytes] = set()
    for one in _leaves(value):
        found |= scalar_keys(one)
        if len(found) > SIDES + 1:
            break
    return found


def _leaves(value: Any) -> Iterator[Any]:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
        else:
            yield one


def _as_read(value: Any) -> Any:
    """A compound value as it comes back from the database, which writes out numbers that have no fraction."""
    if isinstance(value, dict):
        return {name: _as_read(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_read(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and (not value or abs(value) >= _WRITTEN_OUT):
        return int(value) if value and _LEAST <= value < _MOST else value + 0.0
    return value
