"""`/docs`: the OpenAPI document as one plain HTML page in Japanese or English. No script and nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

Json = dict[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_WORDS = {
    "ja": {
        "parameters": "パラメータ", "body": "本文", "answers": "応答", "required": "必須", "default": "既定",
        "example": "例", "other": "English", "raw": "OpenAPI文書", "key": "必要なキー",
        "service": "サービスのAPIキー", "administration": "管理用キー", "everyone": "不要",
        "writer": "管理用キー、または協定で書き込みを認められたサービスのAPIキー",
        "in": {"query": "クエリ", "path": "パス", "header": "ヘッダー", "cookie": "クッキー"},
    },
    "en": {
        "parameters": "Parameters", "body": "Body", "answers": "Answers", "required": "required",
        "default": "default", "example": "example", "other": "日本語", "raw": "OpenAPI document", "key": "Key needed",
        "service": "API key of a service", "administration": "key of the administration", "everyone": "none",
        "writer": "key of the administration, or of a service that may write by an agreement",
        "in": {"query": "query", "path": "path", "header": "header", "cookie": "cookie"},
    },
}  # fmt: skip
_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "h1{font-size:1.5rem}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}"
    "details{margin:.4rem 0;padding:.3rem .7rem;border:1px solid #ddd;border-radius:.3rem}summary{cursor:pointer}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f5f5f5;padding:.7rem;overflow:auto}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .5rem;"
    "border-top:1px solid #eee}.m{display:inline-block;min-width:4.2rem;font-weight:600}"
)


def choose_language(asked: str | None, accept_language: str) -> str:
    """ "ja" or "en": what the URL asks for, else the first of the two that the browser names, else Japanese."""
    if asked in _WORDS:
        return str(asked)
    for part in accept_language.lower().split(","):
        name = part.partition(";")[0].strip()[:2]
        if name in _WORDS:
            return name
    return "ja"


def render_docs(openapi: Json, lang: str) -> str:
    """A whole HTML document. `lang` is "ja" or "en"."""
    words = _WORDS[lang]
    info = openapi["info"]
    other = "en" if lang == "ja" else "ja"
    parts = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info.get('summary', ''))}</p>",
        f'<p><a href="?lang={other}" lang="{other}">{words["other"]}</a> · ',
        f'<a href="openapi.json">{words["raw"]}</a></p>',
    ]
    for name, title in _sections(openapi, lang).items():
        operations = [o for o in _operations(openapi) if o[2].get("tags", ["other"])[0] == name]
        if operations:
            parts.append(f"<h2>{escape(title)}</h2>")
            parts.extend(_operation(openapi, *operation, lang) for operation in operations)
    parts.append("</body></html>")
    return "".join(parts)


def _sections(openapi: Json, lang: str) -> dict[str, str]:
    told = {tag["name"]: _in(tag.get("description") or tag["name"], lang) for tag in openapi.get("tags", ())}
    used = {operation.get("tags", ["other"])[0]: "" for _, _, operation in _operations(openapi)}
    return told | {name: name for name in used if name not in told}


def _operations(openapi: Json) -> list[tuple[str, str, Json]]:
    return [(m, path, item[m]) for path, item in openapi["paths"].items() for m in _METHODS if m in item]


def _operation(openapi: Json, method: str, path: str, operation: Json, lang: str) -> str:
    words = _WORDS[lang]
    description = (lang == "ja" and operation.get("x-description-ja")) or operation.get("description", "")
    key = words.get(operation.get("x-key", "everyone"), "")
    parts = [
        f"<details><summary><span class=m>{method.upper()}</span> <code>{escape(path)}</code> — ",
        f"{escape(_in(operation.get('summary', ''), lang))}</summary><p>{escape(description)}</p>",
        f"<p>{words['key']}: {key}</p>",
    ]
    parameters = [_resolved(openapi, p) for p in operation.get("parameters", ())]
    if parameters:
        rows = "".join(_parameter(p, lang) for p in parameters)
        parts.append(f"<h4>{words['parameters']}</h4><table>{rows}</table>")
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>{words['body']}: <code>{escape(media)}</code></h4>{_example(_example_of(body))}")
    rows = "".join(_answer(status, _resolved(openapi, a)) for status, a in operation["responses"].items())
    parts.append(f"<h4>{words['answers']}</h4><table>{rows}</table></details>")
    return "".join(parts)


def _parameter(parameter: Json, lang: str) -> str:
    words: Json = _WORDS[lang]
    schema = parameter.get("schema", {})
    notes = [words["in"][parameter["in"]]]
    if parameter.get("required"):
        notes.append(words["required"])
    if schema.get("default") is not None:
        notes.append(f"{words['default']} {_plain(schema['default'])}")
    if "example" in parameter:
        notes.append(f"{words['example']} {_plain(parameter['example'])}")
    text = (lang == "ja" and parameter.get("x-description-ja")) or _in(parameter.get("description", ""), lang)
    return (
        f"<tr><th><code>{escape(parameter['name'])}</code></th><td>{escape('; '.join(notes))}</td>"
        f"<td>{escape(text)}</td></tr>"
    )


def _answer(status: str, answer: Json) -> str:
    media = ", ".join(answer.get("content", ()))
    headers = ", ".join(answer.get("headers", ()))
    return (
        f"<tr><th>{escape(status)}</th><td>{escape(answer.get('description', ''))}</td>"
        f"<td><code>{escape(media)}</code></td><td>{escape(headers)}</td></tr>"
    )


def _example_of(body: Json) -> Any:
    if "example" in body:
        return body["example"]
    examples = body.get("examples") or body.get("schema", {}).get("examples")
    if isinstance(examples, dict):
        return next((e.get("value") for e in examples.values()), None)
    return examples[0] if examples else None


def _example(example: Any) -> str:
    if example is None:
        return ""
    return f"<pre>{escape(json.dumps(example, ensure_ascii=False, indent=2))}</pre>"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _resolved(openapi: Json, node: Json) -> Json:
    """What a `$ref` within the document points to."""
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Any = openapi
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def _in(text: str, lang: str) -> str:
    """The half of `English / 日本語` that is meant; the whole where there is no second half."""
    english, slash, japanese = text.rpartition(" / ")
    if not slash:
        return text
    return japanese if lang == "ja" else english
