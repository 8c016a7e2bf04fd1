"""`kakehashi agreement …` from proposal to end, and `kakehashi secrets rotate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_process import Cli
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.identity.agreements.signatures import check_signature, make_signature
from broker.identity.secrets import open_box
from broker.store.agreements import Agreements
from broker.store.database import Database
from broker.store.platforms import Platforms
from schemas.agreement import State
from schemas.agreement_terms import canonical
from schemas.errors import BadRequestData
from schemas.platform import Platform

TERMS = (
    *("--area", "takeshiba", "--type", "EvacuationShelter", "--organisation", "App Inc", "--purpose", "guidance"),
    *("--valid-from", "2020-01-01T00:00:00+09:00", "--valid-to", "2120-01-01T00:00:00+09:00"),
)


async def test_from_proposal_to_revocation(cli: Cli, database: Database, tmp_path: Path) -> None:
    key = tmp_path / "consumer.json"
    key.write_text(json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
    words = (*TERMS, "--quota", "requests_per_day=100", "--as", "consumer", "--sign", str(key))
    proposed = cli("agreement", "propose", *words, "--json")
    assert proposed.code == 0, proposed.err
    made = proposed.json()
    name = made["id"]
    assert (made["state"], made["terms"]["quota"]) == ("proposed", {"requests_per_day": 100})
    assert made["steps"][0]["signature"]["key"]
    assert cli("agreement", "approve", name).code == 0
    assert "active" in cli("agreement", "list").out
    amended = cli("agreement", "propose", "--amend", name, "--purpose", "more", "--json").json()
    assert (amended["state"], amended["version"], amended["waiting"]["version"]) == ("active", 1, 2)
    assert cli("agreement", "reject", name, "--reason", "no").code == 0
    assert cli("agreement", "suspend", name).code == 0
    assert cli("agreement", "resume", name).code == 0
    assert cli("agreement", "show", name, "--odrl").json()["@type"] == "Agreement"
    assert cli("agreement", "revoke", name, "--reason", "over").code == 0
    (stored,) = await Agreements(database).all()
    assert [s.action.value for s in stored.steps] == [
        "propose",
        "approve",
        "propose",
        "reject",
        "suspend",
        "resume",
        "revoke",
    ]
    assert cli("agreement", "list", "--state", State.ACTIVE.value, "--json").json() == []
    again = cli("agreement", "approve", name)
    assert (again.code, "revoked" in again.err) == (1, True)


def test_what_is_wrong_is_named(cli: Cli) -> None:
    wrong = cli("agreement", "propose", *TERMS, "--quota", "requests_per_day=0")
    assert (wrong.code, wrong.out) == (1, "")
    assert "quota.requests_per_day" in wrong.err
    assert cli("agreement", "show", "nix").code == 1


@pytest.mark.parametrize(
    "key",
    [
        OKPKey.generate_key("Ed25519"),
        ECKey.generate_key("P-256"),
        ECKey.generate_key("P-384"),
        RSAKey.generate_key(2048),
    ],
)
def test_signatures(key: Any) -> None:
    terms = b'{"a":1}'
    for text in (key.as_pem(private=True).decode(), json.dumps(key.as_dict(private=True))):
        jws = make_signature(terms, text)
        signature = check_signature(jws, terms)
        assert signature.key == key.thumbprint()
        for wrong in (terms + b" ", b""):
            with pytest.raises(BadRequestData):
                check_signature(jws, wrong)
        head, _, tail = jws.split(".")
        for broken in (f"{head}..{tail[:-4]}", f"{head}.{tail}", f"..{tail}", f"{head}..", "x" * 10_000):
            with pytest.raises(BadRequestData):
                check_signature(broken, terms)
    with pytest.raises(BadRequestData):
        make_signature(terms, key.as_pem(private=False).decode())


async def test_rows_are_never_changed(cli: Cli, database: Database) -> None:
    import asyncpg

    assert cli("agreement", "propose", *TERMS).code == 0
    (stored,) = await Agreements(database).all()
    assert canonical(stored.latest.terms)
    for statement in (
        "UPDATE agreement_versions SET terms = ''",
        "DELETE FROM agreement_steps",
        "UPDATE agreement_steps SET actor = 'x'",
        "TRUNCATE agreement_steps",
    ):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await database.pool.execute(statement)


async def test_secrets_are_sealed_anew_and_readable_all_the_while(cli: Cli, database: Database, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = Platforms(database)
    running = open_box("", "", home)
    secret = {"kind": "bearer", "token": "t0ken"}
    await store.create(Platform("p", "ngsi_ld", "https://x.example"), running.seal(secret, "p"))
    before = (await store.credentials())["p"]
    assert cli("secrets", "rotate", "--json").json() == {"sealed_anew": 1}
    after = (await store.credentials())["p"]
    assert before != after
    # a worker that was there before reads what is there now, and what it had; so does one that begins
    for box in (running, open_box("", "", home)):
        assert box.open(after, "p") == box.open(before, "p") == secret
        assert box.current(box.seal(secret, "p"))
        assert box.current(after)
        assert not box.current(before)
    old = (home / "secret.key").read_text().strip()
    assert cli("secrets", "rotate", env={"KAKEHASHI_SECRET_KEY": "k" * 44, "KAKEHASHI_SECRET_KEY_OLD": old}).code == 0
    assert open_box("k" * 44, "", tmp_path / "other").open((await store.credentials())["p"], "p") == secret
    kinds = await database.pool.fetch("SELECT kind FROM ledger_events WHERE kind LIKE 'secrets%'")
    assert len(kinds) == 2
    assert (home / "secret.old.key").stat().st_mode & 0o077 == 0
