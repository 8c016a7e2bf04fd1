"""What a documented operation consists of; `openapi` writes it as OpenAPI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]
JSON = ("application/json",)
JSON_OR_LD = ("application/json", "application/ld+json")


@dataclass(frozen=True, slots=True)
class Content:
    """A body: the schema (a name among the components, a list of it, or a schema), its media types, an example."""

    schema: str | Json
    many: bool = False
    media: tuple[str, ...] = JSON_OR_LD
    example: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are names among the components."""

    description: str
    content: tuple[Content, ...] = ()
    headers: tuple[str, ...] = ()


def older(answer: Answer) -> Answer:
    """The same for an earlier version of the specification."""
    return replace(
        answer,
        description="The same, amended to the version of the specification that Prefer names (clause 4.3.6.8).",
        headers=(*answer.headers, "Preference-Applied"),
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """`parameters` name those of `openapi_parameters`; `faults` are the statuses that answer with a problem.

    `key`: whose API key is needed: "service", "writer" (the administration's, or a service's that may write by an
    agreement), "administration", or "" for nobody's.
    """

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    description_ja: str
    answers: dict[int, Answer]
    parameters: tuple[str, ...] = ()
    body: Content | None = None
    faults: tuple[int, ...] = ()
    key: str = "service"


def query_parameter(name: str, ja: str, description: str, schema: Json, example: Any = None) -> Json:
    """A parameter of the query string, described in both languages."""
    made: Json = {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "x-description-ja": ja,
        "schema": schema,
    }
    return made if example is None else made | {"example": example}
