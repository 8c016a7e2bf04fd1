"""Who may read the catalogue: a service, or anybody where the operator says so; data always needs a key."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from starlette.routing import Router

from broker.app import create_app
from broker.settings import Settings

READING = ("/catalog", "/catalog/datasets?q=x", "/ckan/api/3/action/package_list", "/cadde/api/v4/catalog")
TAKING = ("/catalog/datasets/x/distributions/0/download", "/catalog/datasets/x/distributions/0/preview")
ADMINISTERING = ("/catalog/sources", "/catalog/changes")


@pytest.mark.parametrize("public", [True, False])
async def test_who_may_read(public: bool, database_url: str, tmp_path: Path) -> None:
    app = create_app(
        Settings(home=tmp_path, database_url=database_url, catalog_public=public, admin_key="k" * 32, log_level="error")
    )
    assert isinstance(app, Router)
    transport = httpx2.ASGITransport(app)
    async with app.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for path in READING:
            assert (await client.get(path)).status_code == (200 if public else 401), path
        for path in (*TAKING, *ADMINISTERING):
            assert (await client.get(path)).status_code == 401, path
