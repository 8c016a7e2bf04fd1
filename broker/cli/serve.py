"""`kakehashi serve`: what is checked, opened and said before uvicorn takes over."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.session import Session, session_of
from broker.demo.home import home_of
from broker.settings import PREFIX, Access, Settings, load
from schemas.errors import SettingsError

Host = Annotated[str, typer.Option(help="serve.host")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="serve.port")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="serve.workers")]

_BACKLOG = 2048
_DRAIN_SECONDS = 30
_KEEP_ALIVE_SECONDS = 75
"""Longer than a reverse proxy keeps its connections (nginx: 60), so that it never asks on one that we have closed."""


def serve(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 9090,
    workers: Workers = 1,
    config: Annotated[Path | None, typer.Option(help="serve.config")] = None,
    home: Annotated[Path | None, typer.Option(help="serve.home")] = None,
    access: Annotated[Access | None, typer.Option(help="serve.access")] = None,
    alias: Annotated[str | None, typer.Option(help="serve.alias")] = None,
    public_url: Annotated[str | None, typer.Option(help="serve.public_url")] = None,
    area: Annotated[str | None, typer.Option(help="serve.area")] = None,
    organisation: Annotated[str | None, typer.Option(help="serve.organisation")] = None,
    log_level: Annotated[str | None, typer.Option(metavar="LEVEL", help="serve.log_level")] = None,
    access_log: Annotated[bool | None, typer.Option("--access-log/--no-access-log", help="serve.access_log")] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; what is under way then ends and is settled first."""
    session = session_of(context)
    # workers are processes of their own and read the environment
    _pass_on("config", config)
    _pass_on("home", home)
    _pass_on("access", access)
    _pass_on("alias", alias)
    _pass_on("public_url", public_url)
    _pass_on("area", area)
    _pass_on("organisation", organisation)
    _pass_on("log_level", log_level)
    _pass_on("access_log", None if access_log is None else str(access_log).lower())
    settings = load()
    check_reach(settings, host)
    for number in (signal.SIGINT, signal.SIGTERM):
        # SIGINT too: whoever starts us in the background of a script has it ignored until somebody says otherwise
        signal.signal(number, _stop)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen(host, port))
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(_private_folder())
        stack.enter_context(foundation(settings))
        _tell(session, settings, listener)
        _run(listener, workers)


def check_reach(settings: Settings, host: str) -> None:
    """SettingsError if everyone would be let in from everywhere and that was not said twice."""
    if settings.open_access and not settings.open_to_network and not is_loopback(host):
        raise SettingsError(
            "in open mode everyone may read and administer, so it listens on loopback only; set "
            f"{PREFIX}OPEN_TO_NETWORK=1 beside --host if that is what you want",
            field="--host",
            value=host,
        )


def is_loopback(host: str) -> bool:
    """Every address that the name stands for is one of this machine's own loopback."""
    addresses = {entry[4][0] for entry in _resolve(host, 0)}
    return all(ipaddress.ip_address(str(a).partition("%")[0]).is_loopback for a in addresses)


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; SettingsError where that can't be had. What asks too early waits in its queue."""
    family, _, _, _, address = _resolve(host, port)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as e:
            raise SettingsError(
                f"can't listen there: {e.strerror}", field="--host, --port", value=f"{host}:{port}"
            ) from None
        yield listener


def _resolve(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise SettingsError("this name stands for no address", field="--host", value=host) from None
    return found  # type: ignore[return-value]


@contextlib.contextmanager
def foundation(settings: Settings) -> Iterator[None]:
    """The database, there and migrated once for all workers; a private one stays until the last of them is gone.

    SettingsError and StoreUnavailable come here, in words, before any worker has begun.
    """
    from broker import keys
    from broker.embedded.server import PrivatePostgres
    from broker.identity.secrets import load_key
    from broker.log import configure
    from broker.store.migrate import migrate

    configure(settings.log_level)
    home = home_of(settings)
    load_key(settings.secret_key, home)
    keys.admin_key(settings.admin_key, home)
    keys.alias(settings.alias, home)
    with contextlib.ExitStack() as stack:
        url = settings.database_url
        if not url:
            url = stack.enter_context(PrivatePostgres.start(home)).url
        asyncio.run(migrate(url))
        yield


def _run(listener: socket.socket, workers: int) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from broker.web.protocol import BoundedProtocol

    config = uvicorn.Config(
        "broker.cli.worker:create_app",
        factory=True,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        # addresses and schemes that a proxy tells are nothing that we record; links use KAKEHASHI_PUBLIC_URL
        proxy_headers=False,
        server_header=False,
        headers=[("server", "kakehashi")],
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        workers=workers,
    )
    if workers > 1:
        Multiprocess(config, sockets=[listener]).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def _tell(session: Session, settings: Settings, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    session.say("serve.listening", "bold green", url=f"http://{shown}:{port}")
    if settings.open_access:
        session.say("serve.open", "yellow")
    else:
        file = home_of(settings) / "admin.key"
        session.say("serve.admin_set" if settings.admin_key else "serve.admin_file", file=file)
        session.say("serve.add_service")
    session.say("serve.docs", url=f"http://{shown}:{port}/docs")


def _pass_on(name: str, value: object) -> None:
    if value is not None:
        os.environ[PREFIX + name.upper()] = str(value)


@contextlib.contextmanager
def _private_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="kakehashi-metrics-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(*_: object) -> None:
    """A signal to stop, before uvicorn listens to it, and when it hands it on at its end: an orderly end."""
    raise KeyboardInterrupt
