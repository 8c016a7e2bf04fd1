"""What the OpenAPI 3.1 specification demands of a document, as far as ours goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_MEDIA = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_COMPONENT = re.compile(r"[a-zA-Z0-9.\-_]+")
_IGNORED_HEADERS = {"accept", "content-type", "authorization"}


def faults(document: Json) -> list[str]:
    """Every breach, in words; empty if there is none."""
    return list(_document(document))


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path, operation."""
    for path, item in document["paths"].items():
        yield from ((m, path, item[m]) for m in METHODS if m in item)


def resolve(document: Json, node: Any) -> Any:
    """What a local reference points to; KeyError if nothing."""
    while isinstance(node, dict) and "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def _document(document: Json) -> Iterator[str]:
    if not re.fullmatch(r"3\.1\.\d+", document.get("openapi", "")):
        yield "openapi is no 3.1 version"
    info = document.get("info", {})
    for name in ("title", "version"):
        if not isinstance(info.get(name), str):
            yield f"info.{name} is missing"
    licence = info.get("license", {})
    if {"identifier", "url"} <= set(licence):
        yield "license has identifier and url"
    yield from _references(document, document, "#")
    for kind, members in document.get("components", {}).items():
        for name in members:
            if not _COMPONENT.fullmatch(name):
                yield f"components.{kind}.{name}: no name of a component"
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield from _schema(schema, f"schema {name}")
    seen: set[str] = set()
    shapes: set[str] = set()
    for path, item in document["paths"].items():
        if not path.startswith("/"):
            yield f"{path}: does not begin with a slash"
        shape = re.sub(r"\{[^}]*\}", "{}", path)
        if shape in shapes:
            yield f"{path}: another path has the same template"
        shapes.add(shape)
        for name in item:
            if name not in (*METHODS, "parameters", "summary", "description", "servers", "$ref"):
                yield f"{path}: a path item has no {name}"
    tags = [tag["name"] for tag in document.get("tags", [])]
    if len(set(tags)) != len(tags):
        yield "a tag is told twice"
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        told = operation.get("operationId")
        if told in seen:
            yield f"{where}: operationId {told} is used twice"
        seen.add(told)
        yield from _operation(document, path, operation, where)


def _operation(document: Json, path: str, operation: Json, where: str) -> Iterator[str]:
    holes = set(re.findall(r"\{([^}]+)\}", path))
    found: set[tuple[str, str]] = set()
    for node in operation.get("parameters", []):
        parameter = resolve(document, node)
        name, place = parameter.get("name"), parameter.get("in")
        if (name, place) in found:
            yield f"{where}: parameter {name} is told twice"
        found.add((name, place))
        if place not in ("query", "header", "path", "cookie"):
            yield f"{where}: parameter {name} is in {place}"
        if place == "header" and name.lower() in _IGNORED_HEADERS:
            yield f"{where}: the header {name} is ignored as a parameter"
        if place == "path" and not parameter.get("required"):
            yield f"{where}: the path parameter {name} is not required"
        if ("schema" in parameter) == ("content" in parameter):
            yield f"{where}: parameter {name} has not exactly one of schema and content"
        if {"example", "examples"} <= set(parameter):
            yield f"{where}: parameter {name} has example and examples"
        yield from _schema(parameter.get("schema", {}), f"{where} {name}")
    if {name for name, place in found if place == "path"} != holes:
        yield f"{where}: the path has other holes than parameters"
    body = operation.get("requestBody")
    if body is not None:
        yield from _content(resolve(document, body).get("content"), f"{where} body")
    responses = operation.get("responses")
    if not responses:
        yield f"{where}: no responses"
        return
    for status, node in responses.items():
        if not re.fullmatch(r"[1-5]([0-9][0-9]|XX)|default", status):
            yield f"{where}: {status} is no status"
        response = resolve(document, node)
        if not isinstance(response.get("description"), str):
            yield f"{where} {status}: no description"
        if "content" in response:
            yield from _content(response["content"], f"{where} {status}")
        for name, header in response.get("headers", {}).items():
            if {"name", "in"} & set(resolve(document, header)):
                yield f"{where} {status}: header {name} has name or in"
    schemes = document.get("components", {}).get("securitySchemes", {})
    for need in operation.get("security", []):
        for name in need:
            if name not in schemes:
                yield f"{where}: there is no security scheme {name}"


def _content(content: Any, where: str) -> Iterator[str]:
    if not isinstance(content, dict) or not content:
        yield f"{where}: no content"
        return
    for media, body in content.items():
        if not _MEDIA.fullmatch(media):
            yield f"{where}: {media} is no media type"
        if {"example", "examples"} <= set(body):
            yield f"{where}: example and examples"
        if "examples" in body and not isinstance(body["examples"], dict):
            yield f"{where}: examples of a media type are a map"
        yield from _schema(body.get("schema", {}), f"{where} {media}")


def _schema(schema: Any, where: str) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"{where}: a schema is an object"
        return
    types = schema.get("type", [])
    if not set([types] if isinstance(types, str) else types) <= _TYPES:
        yield f"{where}: there is no type {types}"
    if "$defs" in schema:
        yield f"{where}: $defs where references can't find them"
    for keyword in ("required", "enum", "anyOf", "allOf", "oneOf", "examples"):
        if keyword in schema and not isinstance(schema[keyword], list):
            yield f"{where}: {keyword} is a list"
    for name, inner in schema.get("properties", {}).items():
        yield from _schema(inner, f"{where}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from _schema(schema[keyword], f"{where}.{keyword}")
    for keyword in ("anyOf", "allOf", "oneOf"):
        for n, inner in enumerate(schema.get(keyword, [])):
            yield from _schema(inner, f"{where}.{keyword}[{n}]")


def _references(document: Json, node: Any, where: str) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            try:
                resolve(document, node)
            except (KeyError, TypeError):
                yield f"{where}: {node['$ref']} leads nowhere"
        for name, inner in node.items():
            yield from _references(document, inner, f"{where}/{name}")
    elif isinstance(node, list):
        for n, inner in enumerate(node):
            yield from _references(document, inner, f"{where}/{n}")
