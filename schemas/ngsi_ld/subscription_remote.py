"""What of a subscription is made at a source that it is registered for (clause 5.8.1.4). Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from schemas.ngsi_ld.context import CORE
from schemas.ngsi_ld.operations import offered
from schemas.ngsi_ld.registration_match import matching
from schemas.ngsi_ld.subscription import LOCATION, EntitySelector, Subscription
from schemas.platform import EntityPattern, Mode, Platform

Json = dict[str, Any]
OPERATION: Final = "createSubscription"
_FILTERS: Final = ("q", "expandValues", "geoQ", "scopeQ")


def reduced(subscription: Subscription, platform: Platform, name: str, uri: str) -> Json | None:
    """The copy that `platform` is given: what it has of what is asked for, notified to `uri`; in core terms, other
    names as IRIs. None if it has nothing of it, or takes no subscriptions.

    What is shown and in which form is decided here; with splitEntities also what is told of at all.
    """
    if subscription.local_only or subscription.interval is not None:
        # a periodic notification asks the sources itself
        return None
    if platform.mode is Mode.AUXILIARY or OPERATION not in offered(platform.distribution.operations):
        return None
    if not matching(_asked(subscription, platform), platform):
        return None
    entities = _entities(subscription, platform)
    if entities == []:
        return None
    watched = sorted(map(CORE.compact, _watched(subscription, platform)))
    document: Json = {
        "id": name,
        "type": "Subscription",
        "notificationTrigger": sorted(subscription.triggers),
        "notification": {
            "endpoint": {"uri": uri, "accept": "application/json"},
            "format": "normalized",
            **({"showChanges": True} if subscription.form.show_changes else {}),
            **({"sysAttrs": True} if subscription.form.sys_attrs else {}),
        },
    }
    if entities is not None:
        document["entities"] = entities
    if watched:
        document["watchedAttributes"] = watched
    for member in ("expiresAt", "datasetId", "splitEntities"):
        if member in subscription.document:
            document[member] = subscription.document[member]
    if not subscription.split and not subscription.linked:
        document |= _filters(subscription)
    if not subscription.active:
        document["isActive"] = False
    return document


def _asked(subscription: Subscription, platform: Platform) -> Subscription:
    """Conditions that the registration says nothing of may hold for what is there."""
    said = platform.coverage.registration or {}
    geo = subscription.geo
    placed = geo is not None and geo.geoproperty == LOCATION and platform.coverage.geometry is not None
    return replace(subscription, geo=geo if placed else None, scope=subscription.scope if "scope" in said else None)


def _filters(subscription: Subscription) -> Json:
    made: Json = {}
    if subscription.q is not None:
        q = subscription.q.rename(CORE.compact)
        made["q"] = q.text
        if q.expand_values:
            made["expandValues"] = ",".join(sorted(q.expand_values))
    if "geoQ" in subscription.document:
        made["geoQ"] = dict(subscription.document["geoQ"])
        if "geoproperty" in made["geoQ"]:
            made["geoQ"]["geoproperty"] = CORE.compact(made["geoQ"]["geoproperty"])
    if "scopeQ" in subscription.document:
        made["scopeQ"] = subscription.document["scopeQ"]
    return made


def _watched(subscription: Subscription, platform: Platform) -> frozenset[str]:
    held = platform.coverage.attributes
    return subscription.watched & held if subscription.watched and held else subscription.watched or held


def _entities(subscription: Subscription, platform: Platform) -> list[Json] | None:
    """The selectors cut to what is registered; None if neither says anything."""
    patterns = platform.coverage.entities
    if not subscription.selectors:
        return None if not patterns else [_selector(None, pattern) for pattern in patterns if pattern.type is not None]
    if not patterns:
        return [_selector(selector, EntityPattern()) for selector in subscription.selectors]
    found = [
        _selector(selector, pattern)
        for selector in subscription.selectors
        for pattern in patterns
        if selector.types is None or pattern.type is None or pattern.type in selector.types.names
    ]
    return [one for n, one in enumerate(found) if one not in found[:n]]


def _selector(selector: EntitySelector | None, pattern: EntityPattern) -> Json:
    types = None if selector is None else selector.types
    made: Json = {"type": "*" if types is None else types.rename(CORE.compact).text}
    if pattern.type is not None and (types is None or types.simple is not None):
        made["type"] = CORE.compact(pattern.type)
    if pattern.id is not None:
        made["id"] = pattern.id
    elif selector is not None and selector.ids:
        made["id"] = sorted(selector.ids)
    elif selector is not None and selector.pattern is not None:
        made["idPattern"] = selector.pattern.text
    elif pattern.id_pattern is not None:
        made["idPattern"] = pattern.id_pattern
    return made
