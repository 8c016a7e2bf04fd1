"""`kakehashi secrets`: the key under which the credentials of platforms and receivers lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.help_view import Command, Group
from broker.cli.session import session_of
from broker.demo.home import home_of
from broker.settings import load

if TYPE_CHECKING:
    from broker.house import House

app = typer.Typer(cls=Group, no_args_is_help=True)


@app.callback()
def group() -> None:
    """The secret key."""


@app.command("rotate", cls=Command, help="secrets.rotate.help")
def rotate(context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="json")] = False) -> None:
    """With a key in the home a new one is made; a key in the environment is changed by its owner before."""
    from broker.identity.secrets import forget_older, renew_file

    session = session_of(context)
    settings = load()
    home = home_of(settings)
    if not settings.secret_key:
        renew_file(home)

    async def work(house: House) -> int:
        from broker.store.subscriptions import SubscriptionStore

        def renewed(sealed: bytes, aad: str) -> bytes:
            return house.box.seal(house.box.open(sealed, aad), aad)

        count = await house.platforms.reseal(renewed, house.box.key_id)
        return count + await SubscriptionStore(house.database).reseal(renewed)

    count = session.with_house(work)
    if not settings.secret_key:
        forget_older(home)
    if as_json:
        session.json({"sealed_anew": count})
        return
    session.say("secrets.rotated", "bold green", count=count)
    session.note("secrets.rotated.setting" if settings.secret_key else "secrets.rotated.file", "yellow")
