"""Agreements: their versions and steps, which are only ever added to. Feed `agreements` tells of changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson

from broker.store.database import Database
from broker.store.feed import bump
from broker.store.ledger_events import enter
from broker.store.text import require_key, require_storable, storable
from schemas.agreement import Action, Agreement, Party, Signature, Step, Terms, Version, in_order
from schemas.agreement_terms import canonical, digest, read_terms
from schemas.errors import AlreadyExists, NotFound
from schemas.flow import uuid7

FEED = "agreements"

_STEP = (
    "INSERT INTO agreement_steps (agreement, version, action, party, actor, time, reason, jws, key)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
_VERSION = "INSERT INTO agreement_versions (agreement, number, terms, needs) VALUES ($1, $2, $3, $4)"
_DONE = {
    Action.PROPOSE: "proposed",
    Action.APPROVE: "approved",
    Action.REJECT: "rejected",
    Action.SUSPEND: "suspended",
    Action.RESUME: "resumed",
    Action.REVOKE: "revoked",
}


class Agreements:
    """Methods raise `StoreUnavailable` besides what they name. Each step enters the ledger in its own transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Agreement]:
        """Every agreement, in order of id."""
        async with self._database.transaction() as connection:
            return await _read(connection, None)

    async def get(self, agreement: str) -> Agreement:
        """Raises `NotFound`."""
        async with self._database.transaction() as connection:
            return await _one(connection, agreement)

    async def propose(
        self, terms: Terms, needs: frozenset[Party], party: Party, actor: str, signature: Signature | None = None
    ) -> Agreement:
        """A new agreement of one version. BadRequestData for text that can't be stored."""
        agreement = str(uuid7())
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO agreements (id, created_at) VALUES ($1, $2)", agreement, datetime.now(UTC)
            )
            await _add(connection, agreement, 1, terms, needs, party, actor, signature)
            await bump(connection, FEED)
            return await _one(connection, agreement)

    async def amend(
        self,
        agreement: str,
        seen: int,
        terms: Terms,
        needs: frozenset[Party],
        party: Party,
        actor: str,
        signature: Signature | None = None,
    ) -> Agreement:
        """Propose the next version. `seen`: number of the newest version that the caller knows. NotFound; WrongState;
        AlreadyExists if somebody else was faster."""
        async with self._database.transaction() as connection:
            current = await _locked(connection, agreement)
            current.check(Action.PROPOSE, party, datetime.now(UTC))
            if current.latest.number != seen:
                raise AlreadyExists("another version was proposed meanwhile; read it again", field="version")
            await _add(connection, current.id, seen + 1, terms, needs, party, actor, signature)
            await bump(connection, FEED)
            return await _one(connection, current.id)

    async def step(
        self,
        agreement: str,
        action: Action,
        party: Party,
        actor: str,
        reason: str = "",
        signature: Signature | None = None,
        *,
        version: int | None = None,
    ) -> Agreement:
        """Take a step. `version`: the one that the caller has seen and means. NotFound, WrongState, Forbidden;
        AlreadyExists if it is another one by now."""
        require_storable(reason, "reason")
        async with self._database.transaction() as connection:
            now = datetime.now(UTC)
            current = await _locked(connection, agreement)
            current.check(action, party, now)
            # what is approved or rejected is the version that waits; anything else befalls what is in force
            meant = current.pending if action in (Action.APPROVE, Action.REJECT) else current.approved
            number = (meant or current.latest).number
            if version is not None and version != number:
                raise AlreadyExists("another version was proposed meanwhile; read it again", field="version")
            digest_of = next(v.digest for v in current.versions if v.number == number)
            done = Step(action, party, actor, number, now, reason, signature)
            await _write(connection, current.id, done, {"terms_sha256": digest_of})
            await bump(connection, FEED)
            return await _one(connection, current.id)


async def _add(
    connection: asyncpg.Connection,
    agreement: str,
    number: int,
    terms: Terms,
    needs: frozenset[Party],
    party: Party,
    actor: str,
    signature: Signature | None,
) -> None:
    text = canonical(terms)
    for name in ("provider_area", "consumer_organisation"):
        require_key(getattr(terms, name), name)
    await connection.execute(_VERSION, agreement, number, text, sorted(needs))
    done = Step(Action.PROPOSE, party, actor, number, datetime.now(UTC), "", signature)
    told = {"terms_sha256": digest(text), "terms": orjson.loads(text), "needs": sorted(needs)}
    await _write(connection, agreement, done, told)


async def _write(connection: asyncpg.Connection, agreement: str, step: Step, told: Mapping[str, Any]) -> None:
    signed = step.signature
    await connection.execute(
        _STEP,
        agreement,
        step.version,
        step.action.value,
        step.party.value,
        step.actor,
        step.time,
        step.reason,
        None if signed is None else signed.jws,
        None if signed is None else signed.key,
    )
    body = {"version": step.version, "party": step.party.value, **told}
    if step.reason:
        body["reason"] = step.reason
    if signed is not None:
        body["signature"] = {"jws": signed.jws, "key": signed.key}
    await enter(connection, f"agreement.{_DONE[step.action]}", agreement, step.actor, body, now=step.time)


async def _locked(connection: asyncpg.Connection, agreement: str) -> Agreement:
    """The agreement; nobody else takes a step until the transaction ends."""
    if storable(agreement):
        await connection.execute("SELECT 1 FROM agreements WHERE id = $1 FOR UPDATE", agreement)
    return await _one(connection, agreement)


async def _one(connection: asyncpg.Connection, agreement: str) -> Agreement:
    found = await _read(connection, agreement) if storable(agreement) else []
    if not found:
        raise NotFound("there is no such agreement", field="id", value=agreement)
    return found[0]


async def _read(connection: asyncpg.Connection, agreement: str | None) -> list[Agreement]:
    # versions first: a step of a version that came after them is left out below
    where = "" if agreement is None else " WHERE agreement = $1"
    given = () if agreement is None else (agreement,)
    versions: dict[str, list[Version]] = {}
    for row in await connection.fetch(
        f"SELECT * FROM agreement_versions{where} ORDER BY agreement, number",  # noqa: S608
        *given,
    ):
        versions.setdefault(row["agreement"], []).append(_version(row))
    steps: dict[str, list[Step]] = {name: [] for name in versions}
    for row in await connection.fetch(f"SELECT * FROM agreement_steps{where} ORDER BY seq", *given):  # noqa: S608
        if row["agreement"] in steps and row["version"] <= len(versions[row["agreement"]]):
            steps[row["agreement"]].append(_step(row))
    return [in_order(versions[name], steps[name], name) for name in versions]


def _version(row: asyncpg.Record) -> Version:
    text: bytes = row["terms"]
    terms = read_terms(orjson.loads(text), _same)
    return Version(row["number"], terms, digest(text), frozenset(map(Party, row["needs"])))


def _step(row: asyncpg.Record) -> Step:
    signature = None if row["jws"] is None else Signature(row["jws"], row["key"])
    return Step(
        Action(row["action"]),
        Party(row["party"]),
        row["actor"],
        row["version"],
        row["time"],
        row["reason"],
        signature,
    )


def _same(name: str) -> str:
    return name
