"""The simplified representation (clause 4.5.4) and texts in one language (clause 4.15). Both lose something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.ngsi_ld.language import choose
from schemas.ngsi_ld.model import ATTRIBUTE_MEMBERS
from schemas.ngsi_ld.walk import DEPTH, Entity, Reshape, each, holder_of, linked, uris

_WRAPPED: Final = frozenset({"languageMap", "json", "vocab"})


def to_simplified(entity: Mapping[str, Any], lang: str | None = None) -> Entity:
    """Values only; several instances become `{"dataset": {datasetId or "@none": value}}`. With `lang` (as the request
    has it) each LanguageProperty becomes one text."""
    return each(entity, _simplifier(lang))


def to_language(entity: Mapping[str, Any], lang: str) -> Entity:
    """Each LanguageProperty as a Property with the text that fits `lang`, and member `lang` that says which it is."""

    def spoken(member: Any, depth: int) -> Any:
        if isinstance(member, list) and depth <= DEPTH:
            return [spoken(one, depth + 1) for one in member]
        if not isinstance(member, dict) or depth > DEPTH:
            return member
        body = {
            name: inner if name in ATTRIBUTE_MEMBERS else spoken(inner, depth + 1) for name, inner in member.items()
        }
        for name in ("entity", "entityList"):
            if name in body:
                body[name] = linked(body[name], spoken, depth)
        texts = body.get("languageMap")
        chosen = choose(texts, lang) if isinstance(texts, dict) else None
        if chosen is None:
            return body
        del body["languageMap"]
        return {**body, "type": "Property", "value": chosen[1], "lang": chosen[0]}

    return each(entity, spoken)


def _simplifier(lang: str | None) -> Reshape:
    def simplified(member: Any, depth: int) -> Any:
        if isinstance(member, dict):
            return one(member, depth)
        if isinstance(member, list) and member and all(isinstance(item, dict) for item in member):
            if len(member) == 1:
                return one(member[0], depth)
            return {"dataset": {_dataset(item): one(item, depth) for item in member}}
        return member

    def one(instance: dict[str, Any], depth: int) -> Any:
        holder = holder_of(instance)
        if holder is None:
            return instance
        value = instance[holder]
        if holder == "value":
            return value
        if holder in ("object", "objectList"):
            inline = instance.get("entity" if holder == "object" else "entityList")
            if inline is not None:
                return linked(inline, simplified, depth)
            return value if holder == "object" else uris(value)
        if holder == "languageMap" and lang is not None and isinstance(value, dict):
            chosen = choose(value, lang)
            return {"languageMap": value} if chosen is None else chosen[1]
        return {holder: value} if holder in _WRAPPED else value

    return simplified


def _dataset(instance: Mapping[str, Any]) -> str:
    name = instance.get("datasetId")
    return name if isinstance(name, str) else "@none"
