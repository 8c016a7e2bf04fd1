"""`kakehashi ledger`, `verify` and `witness` as somebody calls them."""

from __future__ import annotations

from pathlib import Path

from cli_process import Cli, Result

from schemas.flow import uuid7
from schemas.ledger.note import COSIGNATURE, SigningKey

WITNESS = SigningKey("secretariat", b"\3" * 32, COSIGNATURE).verifying


def failed(result: Result) -> Result:
    assert result.code == 1, result
    return result


def test_export_verify_and_rotate(cli: Cli, tmp_path: Path) -> None:
    bundle = str(tmp_path / "bundle.zip")
    exported = cli("ledger", "export", bundle, "--json").json()
    assert (exported["first"], exported["end"], exported["witnesses"]) == (0, exported["size"], 0)
    verdict = cli("verify", bundle, "--json").json()
    assert verdict["holds"]
    assert verdict["fingerprint"] == exported["fingerprint"]
    trusted = verdict["key"]
    assert "Everything holds" in cli("verify", bundle, "--trust", trusted, "--lang", "en").out
    said = cli("verify", bundle, "--lang", "en").out
    assert "self-consistency" in said
    assert "Unwitnessed" in said
    cli("ledger", "rotate-key")
    cli("ledger", "export", bundle)
    rotated = cli("verify", bundle, "--trust", trusted, "--json").json()
    assert rotated["holds"]
    assert rotated["key"] != trusted
    Path(bundle).write_bytes(Path(bundle).read_bytes()[:-1])
    refused = failed(cli("verify", bundle, "--json")).json()
    assert not refused["holds"]
    assert refused["faults"][0]["where"]


def test_witnesses_are_added_and_removed(cli: Cli) -> None:
    cli("ledger", "witness-add", str(WITNESS))
    assert cli("ledger", "witness-list", "--json").json() == {"witnesses": [str(WITNESS)], "cosigned": None}
    assert str(WITNESS) in cli("ledger", "witness-list").out
    cli("ledger", "witness-remove", "secretariat")
    assert cli("ledger", "witness-list", "--json").json()["witnesses"] == []
    failed(cli("ledger", "witness-remove", "secretariat"))
    failed(cli("ledger", "witness-add", "nonsense"))


def test_corrections_are_listed_and_refused_where_there_is_no_flow(cli: Cli) -> None:
    assert cli("ledger", "corrections", "--json").json() == []
    missing = str(uuid7())
    assert "flow" in failed(cli("ledger", "correct", missing, "--reason", "r", "--by", "a")).err
    failed(cli("ledger", "correct", missing, "--reason", "r", "--by", "a", "--entities", "1"))
    failed(cli("ledger", "approve", missing, "--by", "b"))
    failed(cli("ledger", "reject", missing, "--by", "b"))


def test_a_gateway_that_is_not_there_is_not_cosigned(cli: Cli, tmp_path: Path) -> None:
    said = failed(cli("witness", "http://127.0.0.1:1", "--name", "w", "--state", str(tmp_path / "w"), "--once"))
    assert "w+" in said.out
    assert "ConnectError" in said.err
