"""`kakehashi verify`: a bundle, an archive or a receipt checked by itself, with no database and no network."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.inputs import read_file
from broker.cli.session import Session, session_of
from schemas.errors import BadRequestData

if TYPE_CHECKING:
    from schemas.ledger.note import VerifyingKey
    from schemas.ledger.verdict import Verdict


def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="BUNDLE", help="verify.bundle")],
    trust: Annotated[list[str] | None, typer.Option("--trust", metavar="KEY", help="verify.trust")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="FILE", help="verify.since")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="json")] = False,
) -> None:
    """Status 0 only if everything holds; 1 if anything does not, with what and where."""
    from schemas.ledger.verify import verify as check

    session = session_of(context)
    keys = [read_key(text) for text in trust or ()]
    earlier = None if since is None else read_file(since, "--since").decode("utf-8", "replace")
    with _mapped(file) as data, session.busy("verify.busy"):
        if bytes(data[:4]) == b"PAR1":
            from broker.metering.ledger.archive import check as check_archive

            verdict = check_archive(data, trust=keys)
        elif bytes(data[:1]) == b"{":
            from schemas.ledger.receipt import LARGEST, verify_receipt

            if earlier is not None:
                raise BadRequestData("a receipt tells of one flow; take a bundle", field="--since")
            verdict = verify_receipt(bytes(data[: LARGEST + 1]), trust=keys)
        else:
            verdict = check(data, trust=keys, since=earlier)
    if as_json:
        session.json(verdict.to_dict())
    else:
        _show(session, verdict)
    if not verdict.holds:
        raise typer.Exit(1)


def read_key(text: str) -> VerifyingKey:
    """A key as name+id+base64, or `@FILE` that holds one. BadRequestData."""
    from schemas.ledger.note import VerifyingKey

    if text.startswith("@"):
        text = read_file(text[1:], "--trust").decode("utf-8", "replace").strip()
    return VerifyingKey.parse(text)


@contextmanager
def _mapped(file: Path) -> Iterator[memoryview]:
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = memoryview(mapped)
            try:
                yield view
            finally:
                view.release()
    except ValueError:
        raise BadRequestData("the file is empty", field="BUNDLE", value=str(file)) from None
    except OSError as error:
        raise BadRequestData(f"the file can't be read: {error.strerror}", field="BUNDLE", value=str(file)) from None


def _show(session: Session, verdict: Verdict) -> None:
    facts = verdict.facts
    for fault in verdict.faults:
        session.say("verify.fault", "red", where=fault.where, what=fault.what)
    if "first" in facts:
        session.say("verify.about", **{name: facts[name] for name in ("origin", "first", "end", "size")})
    if "fingerprint" in facts:
        session.say("verify.key", signer=facts["key"], fingerprint=facts["fingerprint"])
    if not verdict.holds:
        session.say("verify.refused", "bold red", count=len(verdict.faults))
        return
    if "flow" in facts:
        session.say("verify.receipt", **{name: facts[name] for name in ("flow", "index", "origin", "size")})
    elif "report" in facts:
        counted = facts["report"]["corrected"]
        session.say("verify.figures", **{name: counted[name] for name in ("uses", "flows", "entities", "bytes")})
    else:
        session.say("verify.archive", month=facts["month"], flows=facts["flows"])
    if "kpi" in facts:
        told = facts["kpi"]
        kind = session.words(f"kpi.filing.{told['kind']}")
        session.say("verify.kpi", project=told["project"], year=told["year"], kind=kind)
        if told["masked"]:
            session.say("verify.kpi.masked", "yellow", masked=told["masked"])
    for witness in facts["witnesses"]:
        session.say("verify.witness", "green", witness=witness["key"])
    if not facts["witnesses"]:
        session.say("verify.unwitnessed", "yellow")
    if not facts["trusted"]:
        session.say("verify.untrusted", "yellow", fingerprint=facts["fingerprint"])
    session.say("verify.holds", "bold green")
