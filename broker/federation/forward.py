"""Parts of a write at their sources: all at once, under one deadline, each told apart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from adapters.contract import SourceContext, Writable
from broker.federation.execute import Collected, Limits, ask
from broker.federation.plan import Step
from broker.federation.split import Part, ways
from schemas.capability import Pushdown
from schemas.errors import SourceError, SourceLoop, SourceTimeout, Unavailable
from schemas.ngsi_ld.write import Write, Written
from schemas.outcome import Outcome, Status

_LASTING = (Status.TIMEOUT, Status.SKIPPED)


@dataclass(slots=True)
class Sent:
    """What came of a part: either what the source said, or why nothing is known of it."""

    part: Part
    collected: Collected
    written: Written | None = None
    error: SourceError | None = None


async def forward(parts: Sequence[Part], limits: Limits) -> list[Sent]:
    """Send them all; a failure is told, and none cancels its siblings."""
    return list(await asyncio.gather(*[_forward(part, limits) for part in parts]))


def given_up(part: Part) -> Sent:
    """Of a part that was under way when the right to send it ended: what came of it is not known."""
    outcome = Outcome(part.source.id, Status.TIMEOUT, detail="the agreement ended while it was under way")
    return Sent(part, Collected(_step(part), outcome), error=SourceTimeout(outcome.detail))


def _step(part: Part) -> Step:
    return Step(part.source, Pushdown(part.write, text=part.write.operation))


async def _forward(part: Part, limits: Limits) -> Sent:
    told: list[Written] = []
    raised: list[SourceError] = []
    sent = 0
    step = _step(part)

    async def work(collected: Collected, ctx: SourceContext) -> None:
        nonlocal sent
        ctx.origin = limits.headers.get(b"kakehashi-origin", b"").decode("latin-1") or limits.request_id
        try:
            told.append(await _write(part, ctx))
        except SourceError as e:
            raised.append(e)
            raise
        finally:
            sent = ctx.sent
            if part.source.answers is not None:
                part.source.answers.forget()

    collected = await ask(step, limits, work)
    outcome = collected.outcome
    outcome.bytes = sent
    if not told:
        return Sent(part, collected, error=raised[0] if raised else _error(outcome.status, outcome.detail))
    (written,) = told
    if written.problem is not None:
        outcome.status, outcome.detail = Status.REFUSED, f"it refused ({written.status})"
    else:
        outcome.status = Status.OK if written.done else Status.PARTIAL
    return Sent(part, collected, written)


def _error(status: Status, detail: str) -> SourceError:
    return SourceTimeout(detail) if status in _LASTING else Unavailable(detail)


async def _write(part: Part, ctx: SourceContext) -> Written:
    """By the operation itself where the source offers it, else one by one (clauses 5.6.7 to 5.6.10, 5.6.20)."""
    write, source = part.write, part.source
    adapter = cast(Writable, source.adapter)
    offered = [name for name in ways(write) if name in source.operations and adapter.writes(name)]
    if write.operation == offered[0]:
        return await adapter.write(write, ctx)
    success: list[str] = []
    errors: list[dict[str, Any]] = []
    for one in _singles(write):
        try:
            written = await _single(adapter, one, offered, ctx)
        except SourceLoop:
            raise
        except SourceError as e:
            errors.append({"entityId": one.id, "error": {"title": "It could not be reached", "detail": e.detail}})
            continue
        if written.done:
            success.append(one.id)
        else:
            problem = dict(written.problem or {"title": "Only a part of it was done"})
            errors.append({"entityId": one.id, "error": problem | {"status": written.status}})
    return Written(207 if errors else 200, success=tuple(success), errors=tuple(errors))


def _singles(write: Write) -> list[Write]:
    """The members of a batch."""
    found = []
    for one in write.body:
        if isinstance(one, str):
            found.append(msgspec.structs.replace(write, id=one, body=None, params={}))
        else:
            found.append(msgspec.structs.replace(write, id=str(one.get("id", one.get("@id", ""))), body=one))
    return found


async def _single(adapter: Writable, one: Write, offered: Sequence[str], ctx: SourceContext) -> Written:
    written = Written(501, problem={"title": "Operation not supported"})
    for name in offered:
        written = await adapter.write(_as_single(one, name), ctx)
        # of an upsert what is there already is replaced or updated instead
        if one.operation != "upsertBatch" or not (name == "createEntity" and written.status == 409):
            break
    return written


def _as_single(one: Write, operation: str) -> Write:
    body, params = one.body, dict(one.params)
    if operation in ("replaceEntity", "updateEntity", "appendAttrs", "mergeEntity") and isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("id", "@id")}
    if operation in ("createEntity", "replaceEntity", "updateEntity"):
        params.pop("options", None)
    return msgspec.structs.replace(one, operation=operation, body=body, params=params)
