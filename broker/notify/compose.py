"""From what waits in the outbox to the notification that leaves: in the subscriber's @context and form, with what it
links to, recorded before it leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import structlog

from broker.notify.index import Active
from broker.notify.ports import Entity, Occasion, Permitted, Registrations, Sources
from broker.store.outbox import Waiting
from broker.store.subscriptions import Kind
from schemas.errors import ContextNotAvailable, KakehashiError, StoreUnavailable
from schemas.flow import uuid7
from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.linked import Join, inline
from schemas.ngsi_ld.notification import PREFIX, data_of, document_of, join_of, linked_by_header, outward
from schemas.ngsi_ld.params import MAX_LIMIT
from schemas.ngsi_ld.q.ast import leaves
from schemas.ngsi_ld.query import EntityQuery, Selector
from schemas.ngsi_ld.registration_match import matching, reason_of, shown
from schemas.ngsi_ld.subscription import Subscription
from schemas.ngsi_ld.subscription_view import instant
from schemas.ngsi_ld.types import TypeSelection
from schemas.platform import Platform

log = structlog.get_logger(__name__)
INITIAL = b'{"initial":true}'
"""Body of the notification that tells of all registrations that fit (clause 5.11.2.4)."""


class _Told(msgspec.Struct):
    """A body of the outbox, of a subscription to registrations."""

    before: Platform | None = None
    after: Platform | None = None
    initial: bool = False


_told = msgspec.json.Decoder(_Told)


@dataclass(frozen=True, slots=True)
class Notice:
    """Ready to leave."""

    document: Mapping[str, Any]
    context: Context


class Composer:
    """`context_of` gives the @context of an @context member, `addressed` the same with an address for a Link header."""

    def __init__(
        self,
        sources: Sources,
        registrations: Registrations,
        context_of: Callable[[object], Awaitable[Context]],
        addressed: Callable[[Context, str, str], Awaitable[Context]],
    ) -> None:
        self._sources = sources
        self._registrations = registrations
        self._context_of = context_of
        self._addressed = addressed

    async def of_change(self, active: Active, waiting: Waiting) -> Notice | None:
        """What a change gives, None if nothing is left of it. Its flows are durable when this returns."""
        occasion = Occasion(waiting.id, waiting.created_at, active.consumer, active.key.tenant)
        context = await self._context(active)
        if active.key.kind is Kind.REGISTRATIONS:
            return await self._registered(active, _told.decode(waiting.body), occasion, context)
        told = orjson.loads(waiting.body)
        platform = told[0].get("platform")
        if platform is not None:
            occasion = replace(occasion, platform=platform)
            if active.subscription.split:
                return await self._put_together(active, [one["entity"]["id"] for one in told], occasion, context)
        entities = outward([one["entity"] for one in told], context)
        permitted = await self._sources.permitted(entities, occasion, context)
        kept = [
            seen
            for one, entity, seen in zip(told, entities, permitted.entities, strict=True)
            if seen is entity
            or (
                seen is not None
                and still_told(active.subscription, seen, map(context.compact, one["changed"]), context)
            )
        ]
        return await self._of_entities(active, kept, occasion, permitted, context)

    async def periodic(self, active: Active) -> Notice | None:
        """Everything that the subscription is about (timeInterval), None if there is nothing."""
        occasion = Occasion(uuid7(), datetime.now(UTC), active.consumer, active.key.tenant)
        context = await self._context(active)
        if active.key.kind is Kind.REGISTRATIONS:
            return await self._registered(active, _Told(initial=True), occasion, context)
        found = await self._sources.query(query_of(active.subscription, context), occasion)
        data = data_of(found.entities, found.linked, active.subscription.form, context)
        return self._notice(active, "Notification", data, occasion, context) if data else None

    async def _of_entities(
        self, active: Active, entities: list[Entity], occasion: Occasion, permitted: Permitted, context: Context
    ) -> Notice | None:
        subscription = active.subscription
        linked: Mapping[str, Entity] = {}
        join = join_of(subscription.form, context)
        base = _asking(subscription, context)
        if subscription.linked:
            entities = await self._decided(subscription, entities, base, occasion)
        if join is not None and entities:
            linked = await self._sources.linked(entities, join, base, occasion)
        data = data_of(entities, linked, subscription.form, context)
        if not data:
            return None
        size = len(orjson.dumps(data))
        types = tuple(sorted(subscription.types or ()))
        await self._sources.settle(occasion, permitted, types, len(entities), size)
        return self._notice(active, "Notification", data, occasion, context)

    async def _put_together(
        self, active: Active, ids: Sequence[str], occasion: Occasion, context: Context
    ) -> Notice | None:
        """Entities that are split over sources, of which one has told (clause 5.8.6): all of them, if they fit."""
        subscription = active.subscription
        asked = _asking(subscription, context).alter(
            ids=tuple(ids), split_entities=True, join=join_of(subscription.form, context)
        )
        found = await self._sources.query(asked, occasion)
        kept = [one for one in found.entities if fits(subscription, one, context)]
        data = data_of(kept, found.linked, subscription.form, context)
        return self._notice(active, "Notification", data, occasion, context) if data else None

    async def _decided(
        self, subscription: Subscription, entities: list[Entity], base: EntityQuery, occasion: Occasion
    ) -> list[Entity]:
        """Those for which q holds along their Relationships (clause 4.9)."""
        q = subscription.q
        if q is None:
            return entities
        reach = Join(True, _depth(subscription))
        found = await self._sources.linked(entities, reach, base, occasion)
        named = q.rename(base.context.compact)
        whole = inline(entities, found, reach, decided=True)
        return [entity for entity, seen in zip(entities, whole, strict=True) if named.matches(seen)]

    async def _registered(self, active: Active, told: _Told, occasion: Occasion, context: Context) -> Notice | None:
        subscription = active.subscription
        if told.initial:
            reason = "newlyMatching"
            found = [p for p in await self._registrations.all() if p.registry_tenant == active.key.tenant]
            platforms = [p for p in found if matching(subscription, p)]
        else:
            decided = reason_of(subscription, told.before, told.after)
            if decided is None:
                return None
            reason, platforms = decided[0], [decided[1]]
        if not platforms:
            return None
        data = [shown(subscription, platform, context) for platform in platforms]
        notice = self._notice(active, "ContextSourceNotification", data, occasion, context)
        return Notice({**notice.document, "triggerReason": reason}, context)

    def _notice(self, active: Active, kind: str, data: list[Entity], occasion: Occasion, context: Context) -> Notice:
        # the same name when it is sent again, so that a receiver can tell
        name = f"{PREFIX}{occasion.id}"
        at = instant(datetime.now(UTC))
        form = active.subscription.form
        return Notice(document_of(name, kind, active.key.subscription, at, data, form, context), context)

    async def _given(self, active: Active) -> Context:
        named = active.subscription.document.get("jsonldContext")
        if named is not None:
            try:
                return await self._context_of(named)
            except ContextNotAvailable:
                if not str(named).startswith(active.base):
                    raise
                # served by ourselves until it made room for another; what it was made of is still here
        return await self._context_of(active.context)

    async def _context(self, active: Active) -> Context:
        """The subscriber's context; while it can't be had, names are written out as IRIs, which mean the same."""
        try:
            context = await self._given(active)
            if context.url is None and linked_by_header(active.subscription.form):
                context = await self._addressed(context, active.key.tenant, active.base)
            return context
        except StoreUnavailable:
            raise
        except KakehashiError as error:
            log.warning("context_of_notification", subscription=active.key.subscription, reason=error.detail)
            return CORE


def still_told(subscription: Subscription, seen: Entity, changed: Iterable[str], context: Context) -> bool:
    """Whether of an entity of which only a part may be seen that part alone would have been told of: what is hidden
    must not show in that a notification comes."""
    if "deletedAt" not in seen and not any(name in seen for name in changed):
        return False
    return fits(subscription, seen, context)


def fits(subscription: Subscription, entity: Entity, context: Context) -> bool:
    """q (one along Relationships apart), geoQ and scopeQ of an entity in a context."""
    q, geo, scope = subscription.q, subscription.geo, subscription.scope
    return (
        (q is None or subscription.linked or q.rename(context.compact).matches(entity))
        and (geo is None or geo.rename(context.compact).matches(entity))
        and (scope is None or scope.matches(entity.get("scope")))
    )


def query_of(subscription: Subscription, context: Context) -> EntityQuery:
    """The question whose answer a periodic notification tells (clause 5.8.6)."""
    name = context.compact
    form = subscription.form
    selectors = tuple(
        Selector(
            None if one.types is None else one.types.rename(name),
            tuple(sorted(one.ids)),
            None if one.pattern is None else one.pattern.text,
        )
        for one in subscription.selectors
    )
    base = _asking(subscription, context)
    query = base.alter(
        q=None if subscription.q is None else subscription.q.rename(name),
        geo=None if subscription.geo is None else subscription.geo.rename(name),
        scope=subscription.scope,
        join=join_of(form, context) or (Join(True, _depth(subscription)) if subscription.linked else None),
        limit=MAX_LIMIT,
        split_entities=subscription.split,
    )
    if len(selectors) == 1:
        (only,) = selectors
        return query.alter(types=only.types, ids=only.ids, id_pattern=None if only.ids else only.id_pattern)
    types = subscription.types
    return query.alter(
        types=None if types is None else TypeSelection(tuple(frozenset((name(t),)) for t in sorted(types))),
        ids=tuple(i for one in selectors for i in one.ids) if selectors and all(s.ids for s in selectors) else (),
        selectors=selectors,
    )


def _depth(subscription: Subscription) -> int:
    """How many Relationships q goes along."""
    q = subscription.q
    return 0 if q is None else max((len(leaf.path.hops) for leaf in leaves(q.root)), default=0)


def _asking(subscription: Subscription, context: Context) -> EntityQuery:
    csf = subscription.csf
    return EntityQuery(
        context=context,
        csf=None if csf is None else csf.rename(context.compact),
        sys_attrs=subscription.form.sys_attrs,
        local=subscription.local_only,
        tenant=subscription.tenant,
    )
