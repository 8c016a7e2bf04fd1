"""`kakehashi ledger …` of those who take part in it: witnesses, corrections, and the signing key."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from broker import keys
from broker.cli.help_view import Command
from broker.cli.inputs import read_file
from broker.cli.session import session_of
from broker.cli.verify import read_key
from broker.demo.home import home_of
from schemas.errors import BadRequestData, SettingsError

if TYPE_CHECKING:
    from broker.house import House
    from broker.store.corrections import Correction, Corrections
    from schemas.ledger.note import VerifyingKey

AsJson = Annotated[bool, typer.Option("--json", help="json")]
By = Annotated[str, typer.Option("--by", help="ledger.by")]
_ACTOR = "administration"


def add_to(app: typer.Typer) -> None:
    """Put the commands into `kakehashi ledger`."""
    for name, command in (
        ("witness-add", witness_add),
        ("witness-list", witness_list),
        ("witness-remove", witness_remove),
        ("correct", correct),
        ("approve", approve),
        ("reject", reject),
        ("corrections", corrections),
        ("rotate-key", rotate_key),
    ):
        app.command(name, cls=Command, help=f"ledger.{name}.help")(command)


def witness_add(
    context: typer.Context, key: Annotated[str, typer.Argument(metavar="KEY", help="ledger.witness.key")]
) -> None:
    """From now on."""
    session = session_of(context)
    witness = read_key(key)

    async def work(house: House) -> None:
        from broker.store.ledger_witnesses import Witnesses

        await Witnesses(house.database).add(witness, _ACTOR)

    session.with_house(work)
    session.say("ledger.witness.added", "bold green", name=witness.name)


def witness_list(context: typer.Context, as_json: AsJson = False) -> None:
    """In order of their names."""
    session = session_of(context)

    async def work(house: House) -> tuple[list[VerifyingKey], int | None]:
        from broker.store.ledger import Ledger
        from broker.store.ledger_witnesses import Witnesses

        last = await Ledger(house.database).latest(witnessed=True)
        return await Witnesses(house.database).all(), None if last is None else last.size

    found, last = session.with_house(work)
    if as_json:
        session.json({"witnesses": [str(key) for key in found], "cosigned": last})
        return
    for key in found:
        session.out.print(str(key), soft_wrap=True)
    session.say("verify.unwitnessed" if last is None else "ledger.witness.last", size=last)


def witness_remove(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME", help="ledger.witness.name")]
) -> None:
    """What it has cosigned stays."""
    session = session_of(context)

    async def work(house: House) -> None:
        from broker.store.ledger_witnesses import Witnesses

        await Witnesses(house.database).remove(name, _ACTOR)

    session.with_house(work)
    session.say("ledger.witness.removed", name=name)


def correct(
    context: typer.Context,
    flow: Annotated[UUID, typer.Argument(metavar="FLOW", help="ledger.correct.flow")],
    reason: Annotated[str, typer.Option("--reason", help="ledger.correct.reason")],
    by: By,
    entities: Annotated[int | None, typer.Option(min=0, help="ledger.correct.entities")] = None,
    size: Annotated[int | None, typer.Option("--bytes", min=0, help="ledger.correct.bytes")] = None,
    batch: Annotated[bool, typer.Option("--batch", help="ledger.correct.batch")] = False,
    as_json: AsJson = False,
) -> None:
    """Both numbers, or neither."""
    if (entities is None) != (size is None):
        raise BadRequestData("--entities and --bytes go together", field="--entities")

    async def work(store: Corrections) -> Correction:
        from schemas.ledger.correction import Replacement

        given = None if entities is None or size is None else Replacement(batch=batch, bytes=size, entities=entities)
        return await store.request(flow, given, reason, by)

    _corrected(context, work, as_json=as_json)


def approve(
    context: typer.Context,
    correction: Annotated[UUID, typer.Argument(metavar="CORRECTION", help="ledger.correction")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """By another than who requested it."""
    _corrected(context, lambda store: store.approve(correction, by), as_json=as_json)


def reject(
    context: typer.Context,
    correction: Annotated[UUID, typer.Argument(metavar="CORRECTION", help="ledger.correction")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """By another than who requested it."""
    _corrected(context, lambda store: store.reject(correction, by), as_json=as_json)


def corrections(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="ledger.corrections.state")] = None,
    as_json: AsJson = False,
) -> None:
    """The newest first."""
    session = session_of(context)

    async def work(house: House) -> list[dict[str, Any]]:
        from broker.store.corrections import Corrections

        return [one.to_dict() for one in await Corrections(house.database).all(state=state, limit=1000)]

    found = session.with_house(work)
    if as_json:
        session.json(found)
        return
    for one in found:
        session.say("ledger.corrected", correction=one["id"], state=one["state"])


def _corrected(context: typer.Context, work: Callable[[Corrections], Awaitable[Correction]], *, as_json: bool) -> None:
    session = session_of(context)

    async def in_house(house: House) -> Correction:
        from broker.store.corrections import Corrections

        await house.sequencer.catch_up()
        return await work(Corrections(house.database))

    made = session.with_house(in_house)
    if as_json:
        session.json(made.to_dict())
    else:
        session.say("ledger.corrected", "bold green", correction=made.id, state=made.state)


def rotate_key(
    context: typer.Context,
    key: Annotated[str | None, typer.Option("--key", metavar="FILE", help="ledger.rotate-key.key")] = None,
) -> None:
    """The next checkpoint is signed with the new one."""
    session = session_of(context)

    async def work(house: House) -> VerifyingKey:
        from broker.metering.ledger.signing import key_in_force
        from broker.store.ledger import Ledger
        from broker.store.ledger_keys import rotate_to
        from schemas.ledger.note import SigningKey

        await house.sequencer.catch_up()
        home, setting = home_of(house.settings), house.settings.ledger_key
        current = (await Ledger(house.database).keys())[-1][0]
        old = key_in_force(current.name, keys.ledger_seeds(setting, home), str(current))
        seed = keys.seed(_given(key, setting, home), "--key")
        new = SigningKey(current.name, seed).verifying
        async with house.database.transaction() as connection:
            await rotate_to(connection, old, new)
        if not setting:
            (home / keys.NEXT_LEDGER_KEY).replace(home / keys.LEDGER_KEY)
        return new

    new = session.with_house(work)
    session.say("ledger.rotated", "bold green", signer=str(new), fingerprint=new.fingerprint)
    if key is not None:
        session.say("ledger.rotated.set", "yellow")


def _given(key: str | None, setting: str, home: Path) -> str:
    """The new key: given where the old one is a setting, else made beside the old one, which it then replaces."""
    if bool(key) != bool(setting):
        raise SettingsError("--key goes together with KAKEHASHI_LEDGER_KEY", field="--key")
    if key is not None:
        return read_file(key, "--key").decode("ascii", "replace").strip()
    made = base64.b64encode(secrets.token_bytes(32)).decode()
    descriptor = os.open(home / keys.NEXT_LEDGER_KEY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(made + "\n")
        out.flush()
        os.fsync(out.fileno())
    return made
