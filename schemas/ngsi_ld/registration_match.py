"""Which registrations a subscription to registrations is told of, and what it is shown of them. Pure.

Clauses 5.11.2.4, 5.11.7 and 5.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from schemas.ngsi_ld.context import CORE, Context
from schemas.ngsi_ld.geo import GeoQuery
from schemas.ngsi_ld.geometry import geometry_of
from schemas.ngsi_ld.instants import read_datetime
from schemas.ngsi_ld.patterns import compile_pattern
from schemas.ngsi_ld.registration import to_registration
from schemas.ngsi_ld.registration_properties import registered
from schemas.ngsi_ld.subscription import EntitySelector, Subscription
from schemas.platform import Platform

Json = dict[str, Any]
_OBSERVED: Final = ("observationInterval", "managementInterval")


def reason_of(
    subscription: Subscription, before: Platform | None, after: Platform | None
) -> tuple[str, Platform] | None:
    """The trigger reason of a change and what it is told with (clause 5.3.3); None if it does not matter."""
    was = before is not None and bool(matching(subscription, before))
    if after is not None and matching(subscription, after):
        return ("updated" if was else "newlyMatching"), after
    # one that fits no longer is told as it was when it did
    return ("noLongerMatching", before) if was and before is not None else None


def matching(subscription: Subscription, platform: Platform) -> list[int]:
    """Positions of the RegistrationInfo elements that fit; none if the registration does not."""
    document = to_registration(platform, CORE)
    if not _conditions_hold(subscription, document) or not _is_meant(subscription, platform):
        return []
    information = document.get("information") or [{}]
    return [n for n, info in enumerate(information) if _informs(subscription, info)]


def shown(subscription: Subscription, platform: Platform, context: Context) -> Json:
    """The registration in the subscriber's context, with the RegistrationInfo elements that matter to it."""
    document = to_registration(platform, context)
    found = matching(subscription, platform)
    information = document.get("information", [])
    return {**document, "information": [_listed(information[n]) for n in found if n < len(information)]}


def _listed(info: Mapping[str, Any]) -> Json:
    """Types as arrays, whatever was posted: both are good (clause 5.2.8), and receivers need know one."""
    if "entities" not in info:
        return dict(info)
    entities = [{**one, "type": [one["type"]]} if isinstance(one.get("type"), str) else one for one in info["entities"]]
    return {**info, "entities": entities}


def _informs(subscription: Subscription, info: Mapping[str, Any]) -> bool:
    names = _asked_names(subscription)
    held = {CORE.expand(n) for member in ("propertyNames", "relationshipNames") for n in info.get(member, ())}
    if names and held and names.isdisjoint(held):
        return False
    entities = info.get("entities")
    if not subscription.selectors or not entities:
        return True
    return any(_selects(selector, entity) for selector in subscription.selectors for entity in entities)


def _asked_names(subscription: Subscription) -> frozenset[str]:
    form = subscription.form
    shown_names = {*form.attributes, *form.pick.names}
    # either of them missing means all attributes
    return frozenset(subscription.watched | shown_names) if subscription.watched and shown_names else frozenset()


def _selects(selector: EntitySelector, entity: Mapping[str, Any]) -> bool:
    given = entity.get("type", ())
    types = {CORE.expand(name) for name in ((given,) if isinstance(given, str) else given)}
    if selector.types is not None and types and selector.types.names.isdisjoint(types):
        return False
    held, pattern = entity.get("id"), entity.get("idPattern")
    if held is None and pattern is None:
        return True
    if selector.ids:
        if held is not None:
            return held in selector.ids
        compiled = compile_pattern(str(pattern))
        return any(compiled.found_in(one) for one in selector.ids)
    if selector.pattern is not None:
        # whether two patterns have something in common can't be told
        return held is None or selector.pattern.found_in(held)
    return True


def _conditions_hold(subscription: Subscription, document: Mapping[str, Any]) -> bool:
    if not _times_fit(subscription.document.get("temporalQ"), document):
        return False
    if subscription.geo is not None and not _may_be_there(subscription.geo, document):
        return False
    return subscription.scope is None or subscription.scope.matches(document.get("scope"))


def _is_meant(subscription: Subscription, platform: Platform) -> bool:
    """By the context source filter."""
    csf = subscription.csf
    return csf is None or csf.rename(CORE.compact).matches(registered(platform, CORE))


def _may_be_there(geo: GeoQuery, document: Mapping[str, Any]) -> bool:
    """Its place fits, or may have places that do."""
    geometry = geometry_of(document.get(CORE.compact(geo.geoproperty)))
    if geometry is None:
        return False
    place = {geo.geoproperty: {"type": "GeoProperty", "value": geometry}}
    if geo.matches(place):
        return True
    return geo.georel in ("within", "contains", "overlaps", "equals") and replace(
        geo, georel="intersects", max_distance=None, min_distance=None
    ).matches(place)


def _times_fit(temporal: Mapping[str, Any] | None, document: Mapping[str, Any]) -> bool:
    """Without a temporal query only sources of latest information fit; with one those whose interval it meets."""
    if temporal is None:
        return not any(name in document for name in _OBSERVED)
    about = temporal.get("timeproperty", "observedAt")
    interval = document.get("observationInterval" if about == "observedAt" else "managementInterval")
    if not isinstance(interval, dict):
        return False
    start, end = _instant(interval.get("startAt")), _instant(interval.get("endAt"))
    at, until = _instant(temporal.get("timeAt")), _instant(temporal.get("endTimeAt"))
    if start is None or at is None:
        return False
    if temporal["timerel"] == "before":
        return start <= at
    if temporal["timerel"] == "after":
        return end is None or end >= at
    return until is not None and start <= until and (end is None or end >= at)


def _instant(value: object) -> datetime | None:
    return read_datetime(value) if isinstance(value, str) else None
