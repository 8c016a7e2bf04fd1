"""`kakehashi demo`: everything started, filled, registered and asked; and ended, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from broker import keys
from broker.demo import areas, gateway_api
from broker.demo.areas import AREAS, FIWARE_SERVICE, ORGANISATIONS, SERVICE_PATH, Holdings
from broker.demo.home import home_of
from broker.demo.processes import Fleet, bare_environment, free_port
from broker.demo.questions import Known
from broker.demo.report import Report
from broker.demo.show import Screen
from broker.demo.tour import tour
from broker.embedded.server import PrivatePostgres
from broker.kpi.compute import compute
from broker.kpi.show import to_dict
from broker.settings import PREFIX, Settings, load
from broker.store.database import Database
from broker.store.services import Service, Services
from schemas.errors import AlreadyExists

_PORT = 9090


async def run(screen: Screen, *, data: Path | None, port: int | None, stay: bool) -> Report | None:
    """The tour's report; with `stay` it is shown and everything runs on until SIGINT or SIGTERM.

    None if one of those came before the tour was over. Errors: DemoFailed, SettingsError, BadRequestData (a file of
    `data`).
    """
    work = asyncio.create_task(_run(screen, data, port, stay))
    asked = 0

    def stop() -> None:
        # once: what is ending must not be broken off
        nonlocal asked
        asked += 1
        if asked == 1:
            work.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await work
    except asyncio.CancelledError:
        if not asked:
            raise
        return None


async def _run(screen: Screen, data: Path | None, port: int | None, stay: bool) -> Report:
    settings = load()
    home = home_of(settings)
    folder = home / "demo"
    holdings = areas.synthetic(folder) if data is None else areas.real(folder, data)
    async with AsyncExitStack() as stack:
        fleet = Fleet(folder / "logs")
        stack.push_async_callback(fleet.stop)
        with screen.busy("demo.starting"):
            urls = await _start(fleet, settings, home, holdings, port)
            database = await stack.enter_async_context(_database(settings, home))
        with screen.busy("demo.filling"):
            async with gateway_api.client(urls["otemachi"]) as city_os:
                await gateway_api.fill(city_os, holdings.otemachi)
        admin = await stack.enter_async_context(
            gateway_api.client(urls["gateway"], keys.admin_key(settings.admin_key, home))
        )
        with screen.busy("demo.registering"):
            found = await gateway_api.register(admin, areas.platforms(holdings, urls))
            service_keys = {area: await _key(database, area) for area in AREAS}
        with screen.busy("demo.touring"):
            report = await _tour(stack, admin, database, urls["gateway"], service_keys, holdings, found)
        await screen.report(report, found, holdings.source, database)
        if stay:
            screen.running(urls["gateway"], service_keys["otemachi"], home)
            await _until_cancelled()
            screen.stopping()
    return report


async def _until_cancelled() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        # the tour is over: this is how the demo is meant to end
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()


async def _start(fleet: Fleet, settings: Settings, home: Path, holdings: Holdings, port: int | None) -> dict[str, str]:
    """Base URLs by area, and `gateway`. All four at once: each takes its second."""
    bare = bare_environment()
    city_os = bare | _variables(
        home=home / "demo" / "otemachi",
        access="open",
        alias="otemachi-cityos",
        area="otemachi",
        organisation=ORGANISATIONS["otemachi"],
        log_level="warning",
    )
    own = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
    networks = ",".join(filter(None, (settings.allow_networks, "127.0.0.0/8")))
    gateway = own | _variables(home=home, access="closed", allow_networks=networks, log_level="warning")
    v2_files = [word for file in holdings.takeshiba for word in ("--data", str(file))]
    started = await asyncio.gather(
        fleet.start("otemachi", lambda p: ["broker", "serve", "--port", str(p)], "/health/ready", city_os),
        fleet.start(
            "takeshiba",
            lambda p: [
                *("broker.demo.orion", "--port", str(p), "--service", FIWARE_SERVICE),
                *("--service-path", SERVICE_PATH, *v2_files),
            ],
            "/version",
            bare,
        ),
        fleet.start(
            "toyosu", lambda p: ["broker.demo.files", "--port", str(p), "--dir", str(holdings.toyosu)], "/", bare
        ),
        fleet.start(
            "gateway",
            lambda p: ["broker", "serve", "--port", str(p)],
            "/health/ready",
            gateway,
            port=port or free_port(_PORT),
        ),
        return_exceptions=True,
    )
    urls = {}
    for name, url in zip((*AREAS, "gateway"), started, strict=True):
        if isinstance(url, BaseException):
            raise url
        urls[name] = url
    return urls


def _variables(**values: object) -> dict[str, str]:
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}


@asynccontextmanager
async def _database(settings: Settings, home: Path) -> AsyncIterator[Database]:
    """The gateway's own database, which has been migrated by now."""
    postgres = None if settings.database_url else await asyncio.to_thread(PrivatePostgres.start, home)
    try:
        database = await Database.open(settings.database_url if postgres is None else postgres.url)
        try:
            yield database
        finally:
            await database.close()
    finally:
        if postgres is not None:
            postgres.release()


async def _key(database: Database, area: str) -> str:
    """The API key of the area's service; of one that an earlier run made, a new key."""
    services = Services(database)
    service = Service(
        id=f"demo-{area}-app",
        name=f"{area} demo app",
        organisation=f"{area} service developer (demo)",
        project="kakehashi-demo",
        area=area,
    )
    try:
        _, key = await services.create(service)
    except AlreadyExists:
        await services.update(service)
        key = await services.renew_key(service.id)
    return key


async def _tour(
    stack: AsyncExitStack,
    admin: Any,
    database: Database,
    url: str,
    service_keys: Mapping[str, str],
    holdings: Holdings,
    found: list[dict[str, Any]],
) -> Report:
    clients = {
        area: await stack.enter_async_context(gateway_api.client(url, key)) for area, key in service_keys.items()
    }
    await asyncio.gather(*(gateway_api.until_known(client) for client in clients.values()))

    async def kpi() -> dict[str, Any]:
        return to_dict(await compute(database))

    where = {platform["id"]: platform["area"] for platform in found}
    return await tour(admin, clients, Known(holdings.shelters), where, kpi)
