"""What the handlers of the provision API share: who may write, parameters, writing, and answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from broker.gateway.gateway import Gateway
from broker.gateway.permits import Permits
from broker.store.entities import Entities
from broker.store.entity_change import Change, Done, Outcome
from broker.web.endpoint import Call
from broker.web.provision.distribution import Distribution
from broker.web.reading import Reader, tenant
from schemas.errors import InvalidRequest, NotFound
from schemas.ngsi_ld.context import Context
from schemas.ngsi_ld.head import types_of
from schemas.ngsi_ld.types import TypeSelection, parse_type_selection

Changed = Callable[[str, frozenset[str]], Awaitable[None]]
"""Told of a tenant and of the types that were written, so that this worker sees its own writes at once."""


class Writer:
    """Shared by the handlers. In closed mode the key of the administration is needed, or a right to write."""

    def __init__(
        self, entities: Entities, reader: Reader, changed: Changed, gateway: Gateway, permits: Permits
    ) -> None:
        self.entities = entities
        self.reader = reader
        self.distribution = Distribution(gateway, entities, reader, permits)
        self._changed = changed

    def begin(self, call: Call, *known: str) -> dict[str, str]:
        """Who asks may write, and the request has not been here; the parameters, all of them `known` (clause 6.3.20),
        as `local` always is."""
        self.distribution.admit(call)
        params = self.reader.parameters(call)
        for name in params:
            if name not in known and name != "local":
                raise InvalidRequest("the operation has no such parameter", field=name[:80], clause="6.3.20")
        flag(params, "local")
        return params

    async def change(self, call: Call, changes: Sequence[Change]) -> list[Outcome]:
        """Make the changes in the tenant of the call, as far as the caller may; for each what came of it."""
        space = tenant(call)
        permit = call.permit
        if permit is not None:
            changes = [Change(one.id, permit.guarded(one.decide)) for one in changes]
        outcomes = await self.entities.change_many(space, changes)
        types = frozenset[str]().union(*(outcome.types for outcome in outcomes if isinstance(outcome, Done)))
        if types:
            await self._changed(space, types)
        return outcomes

    async def change_one(self, call: Call, change: Change) -> Done:
        """Make the change. Raises what it raises."""
        (outcome,) = await self.change(call, [change])
        if not isinstance(outcome, Done):
            raise outcome
        return outcome


def flag(params: Mapping[str, str], name: str) -> bool:
    """A Boolean parameter, false by default."""
    text = params.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidRequest(f"{name} is true or false", field=name, value=text)
    return text == "true"


def options_of(params: Mapping[str, str], *known: str) -> frozenset[str]:
    """The options of a call, all of them `known`."""
    given = frozenset(option for option in params.get("options", "").split(",") if option)
    for option in sorted(given - set(known)):
        raise InvalidRequest("no such option", field="options", value=option, clause="6.3.20")
    return given


def selection_of(params: Mapping[str, str], context: Context) -> TypeSelection | None:
    """Parameter `type` (clause 4.17), in IRIs."""
    text = params.get("type")
    return None if text is None else parse_type_selection(text, context=context).rename(context.expand)


def selected(there: dict[str, Any] | None, entity_id: str, types: TypeSelection | None = None) -> dict[str, Any]:
    """The stored entity, if it is there and of these types. Raises NotFound."""
    if there is None:
        raise NotFound("the local store has no such entity", field="id", value=entity_id, clause="5.6.2")
    if types is not None and not types.matches(types_of(there)):
        raise NotFound("the entity is of no such type", field="type", value=types.text, clause="4.17")
    return there


def passed(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters that go along with what is sent on."""
    return {name: value for name, value in params.items() if name != "local"}
