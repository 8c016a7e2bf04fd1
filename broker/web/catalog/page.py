"""One dataset as a plain HTML page, with schema.org/Dataset for search engines. Nothing in it runs."""

from __future__ import annotations

from html import escape

import orjson
from starlette.responses import HTMLResponse

from catalog.faces.plain import absolute, file_address
from catalog.faces.schema_org import schema_org
from catalog.hit import AgreementState, Hit

_STYLE = (
    "body{font:16px/1.7 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "dt{font-weight:600;margin-top:.6rem}dd{margin-left:0}p{white-space:pre-wrap}"
)
_AGREEMENT = {
    AgreementState.NOT_NEEDED: "契約不要 / open",
    AgreementState.AGREED: "利用可 / agreed",
    AgreementState.NEEDED: "契約が必要 / by agreement",
    AgreementState.UNKNOWN: "要確認 / ask the publisher",
}


def dataset_page(hit: Hit, base: str, state: AgreementState) -> HTMLResponse:
    """In the dataset's own words."""
    dataset = hit.dataset
    # a script element ends at the first "</", whatever stands around it
    data = orjson.dumps(schema_org(dataset, base)).decode().replace("<", "\\u003c")
    facts = (
        ("公開者 / Publisher", dataset.publisher.name),
        ("ライセンス / Licence", dataset.licence.title or dataset.licence.id),
        ("利用 / Use", _AGREEMENT[state]),
        ("地域 / Place", dataset.spatial),
        ("更新 / Modified", dataset.modified),
        ("件数 / Entities", "" if dataset.live is None or dataset.live.count is None else str(dataset.live.count)),
        ("カタログ / Catalogues", ", ".join(dict.fromkeys(origin.source for origin in hit.origins))),
    )
    parts = [
        f'<!doctype html><html lang="ja"><head><meta charset="utf-8"><title>{escape(dataset.title)}</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>',
        f'<script type="application/ld+json">{data}</script></head><body><h1>{escape(dataset.title)}</h1>',
        f"<p>{escape(dataset.description)}</p><dl>",
        *(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value),
        "</dl><ul>",
        *(
            f'<li><a href="{escape(_link(hit, n, base))}">{escape(d.title or d.url)}</a> {escape(d.format)}</li>'
            for n, d in enumerate(dataset.distributions)
            if d.url
        ),
        "</ul></body></html>",
    ]
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse("".join(parts).encode("utf-8", "replace"), headers=headers)


def _link(hit: Hit, place: int, base: str) -> str:
    one = hit.dataset.distributions[place]
    return file_address(hit.dataset, place, base) if one.download_url else absolute(one.access_url, base)
