"""Parameters that more than one operation reads with rules of their own: q, csf, datasetId and join. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.errors import BadRequestData
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.linked import MAX_LEVEL, Join
from schemas.ngsi_ld.names import is_uri, printable
from schemas.ngsi_ld.projection import NOTHING, Projection, parse_linked_projection, parse_projection
from schemas.ngsi_ld.q import Q, parse_q
from schemas.ngsi_ld.q.ast import leaves

MAX_URIS = 1000
_LINKING = ("joinLevel", "containedBy")


def q_of(params: Mapping[str, str], context: Context, join: Join | None) -> Q | None:
    """Parameter q with expandValues, less what jsonKeys names; BadRequestData also where it follows more Relationships
    than a join does (clause 5.7.2.4)."""
    expand = _listed(params, "expandValues", context)
    literal = _listed(params, "jsonKeys", context)
    text = params.get("q")
    if text is None:
        return None
    q = parse_q(text, context=context, expand_values=[name for name in expand if name not in literal])
    depth = max(len(leaf.path.hops) for leaf in leaves(q.root))
    if depth > (0 if join is None else join.level):
        raise BadRequestData(
            "q goes further along Relationships than join and joinLevel do",
            field="q",
            value=printable(text),
            clause="5.7.2.4",
        )
    return q


def csf_of(params: Mapping[str, str], context: Context) -> Q | None:
    """The context source filter (clause 4.9), to be compared with registrations in the same context."""
    text = params.get("csf")
    if text is None:
        return None
    try:
        return parse_q(text, context=context)
    except BadRequestData as error:
        raise BadRequestData(
            f"csf can't be read: {error.detail}", field="csf", value=error.value, clause="4.9"
        ) from None


def join_of(params: Mapping[str, str], context: Context) -> Join | None:
    """Linked entity retrieval (clause 4.5.23), None without; the projection of linked entities goes with it."""
    kind = params.get("join", "@none")
    if kind not in ("@none", "flat", "inline"):
        raise BadRequestData("join is flat, inline or @none", field="join", value=printable(kind), clause="6.4.3.2")
    if kind == "@none":
        for name in _LINKING:
            if name in params:
                raise BadRequestData(f"{name} goes only with join", field=name, clause="6.4.3.2")
        return None
    level = params.get("joinLevel", "1")
    if not (level.isascii() and level.isdigit() and len(level) < 4) or not 1 <= int(level) <= MAX_LEVEL:
        raise BadRequestData(
            f"joinLevel is a whole number from 1 to {MAX_LEVEL}",
            field="joinLevel",
            value=printable(level),
            clause="6.4.3.2",
        )
    pick, omit = (_projection(params, name, context, int(level)) for name in ("pick", "omit"))
    return Join(kind == "inline", int(level), frozenset(uris_of(params, "containedBy")), pick, omit)


def _projection(params: Mapping[str, str], name: str, context: Context, level: int) -> Projection:
    text = params.get(name)
    if text is None:
        return NOTHING
    found = parse_linked_projection(text, field=name, context=context)
    if found.depth > level:
        raise BadRequestData(
            f"{name} goes further along Relationships than joinLevel does",
            field=name,
            value=printable(text),
            clause="5.7.2.4",
        )
    return found


def datasets_of(params: Mapping[str, str]) -> frozenset[str]:
    """Parameter datasetId: URIs and `@none` (clause 4.5.5)."""
    return frozenset(uris_of(params, "datasetId", also="@none"))


def uris_of(params: Mapping[str, str], name: str, also: str = "") -> tuple[str, ...]:
    """A list of URIs, or of the one word beside them; BadRequestData for anything else."""
    text = params.get(name)
    if text is None:
        return ()
    found = tuple(dict.fromkeys(text.split(",")))
    if len(found) > MAX_URIS:
        raise BadRequestData(f"more than {MAX_URIS} of them", field=name)
    for one in found:
        if not is_uri(one) and (not also or one != also):
            raise BadRequestData(f"{name} is a list of URIs", field=name, value=printable(one), clause="6.4.3.2")
    return found


def _listed(params: Mapping[str, str], name: str, context: Context) -> tuple[str, ...]:
    text = params.get(name)
    return () if text is None else parse_projection(text, field=name, context=context)
