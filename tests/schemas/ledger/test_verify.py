"""A bundle that holds, and every way to spoil one: refused, with what is wrong and where.

`LEDGER_MUTATIONS=10000` (as in `make soak`) spoils it so many times.
"""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from bundle_forger import (
    AREAS,
    KEY,
    OTHER_KEY,
    WITNESS,
    Forgery,
    canonical,
    contents,
    entries_of,
    event,
    flow,
    identity,
    ledger,
    resealed,
)

from schemas.ledger import bundle
from schemas.ledger.entry import read_entry
from schemas.ledger.note import COSIGNATURE, SigningKey
from schemas.ledger.verdict import Verdict
from schemas.ledger.verify import verify

MUTATIONS = int(os.environ.get("LEDGER_MUTATIONS", "400"))
TEXTS = ledger(600)
HONEST = Forgery(
    TEXTS, 200, 540, since="2026-11-01T01:10:00.000000Z", until="2026-11-01T02:50:00.000000Z", earlier=[77, 590]
)
BUNDLE = HONEST.make()
TRUST = [KEY.verifying]


def check(made: bytes, **options: Any) -> Verdict:
    return verify(memoryview(made), **options)


def told(made: bytes, **options: Any) -> str:
    """The faults as one text; there has to be one, with a place."""
    verdict = check(made, **options)
    assert not verdict.holds
    assert all(fault.where and fault.what for fault in verdict.faults)
    return "\n".join(f"{fault.where}: {fault.what}" for fault in verdict.faults)


def test_an_honest_bundle_holds() -> None:
    verdict = check(BUNDLE, trust=[KEY.verifying, WITNESS.verifying])
    assert verdict.faults == []
    facts = verdict.facts
    assert (facts["first"], facts["end"], facts["size"], facts["trusted"]) == (200, 540, 600, True)
    assert [witness["key"] for witness in facts["witnesses"]] == [str(WITNESS.verifying)]
    assert check(BUNDLE).facts["trusted"] is False
    assert HONEST.make() == BUNDLE


def test_any_tool_unpacks_it() -> None:
    with zipfile.ZipFile(io.BytesIO(BUNDLE)) as opened:
        assert opened.testzip() is None
        assert opened.read("entries/000000.ndjson").splitlines() == TEXTS[200:540]


def test_the_figures_are_those_of_the_entries() -> None:
    """Counted again in the plainest way."""
    since, until = HONEST.since or "", HONEST.until or ""
    flows = [entry for text in TEXTS[200:540] if text[:12] == b'{"agreement"' for entry in [msgspec.json.decode(text)]]
    flows = [one for one in flows if since <= one["time"] < until]
    report = check(BUNDLE).facts["report"]
    recorded = report["recorded"]
    assert 100 < len(flows) == recorded["flows"]
    used = [one for one in flows if one["entities"] > 0]
    assert recorded["uses"] == len({one["request"] for one in used})
    assert recorded["bytes"] == sum(one["bytes"] for one in flows)
    assert report["events"] == {"agreement.approved": 1, "correction.approved": 1}
    for area in AREAS:
        part = [one for one in flows if one["provider_area"] == area]
        assert recorded["by_provider"][area] == {
            "bytes": sum(one["bytes"] for one in part),
            "entities": sum(one["entities"] for one in part),
            "flows": len(part),
            "uses": len({one["request"] for one in part if one["entities"]}),
        }
    original = next(one for one in flows if one["id"] == identity(250))
    assert report["corrections"] == 1
    assert report["corrected"]["bytes"] == recorded["bytes"] - original["bytes"] + 10
    assert report["corrected"]["entities"] == recorded["entities"] - original["entities"] + 1


def test_months_are_tokyos() -> None:
    texts = [
        canonical(flow(n, time=t)) for n, t in enumerate(("2026-10-31T14:59:59.999999Z", "2026-10-31T15:00:00.000000Z"))
    ]
    assert list(check(Forgery(texts).make()).facts["report"]["recorded"]["by_month"]) == ["2026-10", "2026-11"]


@pytest.mark.parametrize(("first", "end"), [(0, 0), (0, 1), (0, 600), (256, 512), (599, 600), (300, 300), (600, 600)])
def test_every_span_holds(first: int, end: int) -> None:
    assert check(Forgery(TEXTS, first, end).make(), trust=TRUST).faults == []


# --- spoilt without the key ------------------------------------------------------------------------------------------


def spoil_bytes(dice: random.Random) -> bytes:
    """Some byte is another."""
    at = dice.randrange(len(BUNDLE))
    return BUNDLE[:at] + bytes([BUNDLE[at] ^ (1 << dice.randrange(8))]) + BUNDLE[at + 1 :]


def cut(dice: random.Random) -> bytes:
    """Some bytes are missing, doubled or new."""
    at, length = dice.randrange(len(BUNDLE)), dice.randrange(1, 50)
    piece = dice.choice([b"", BUNDLE[at : at + length] * 2, dice.randbytes(length)])
    made = BUNDLE[:at] + piece + BUNDLE[at + length :]
    return made if made != BUNDLE else BUNDLE[:-1]


def truncate(dice: random.Random) -> bytes:
    return BUNDLE[: dice.randrange(1, len(BUNDLE))]


def with_lines(change: Callable[[list[bytes], random.Random], None]) -> Callable[[random.Random], bytes]:
    def spoil(dice: random.Random) -> bytes:
        lines = entries_of(BUNDLE)
        change(lines, dice)
        return resealed(BUNDLE, {"entries/000000.ndjson": b"".join(line + b"\n" for line in lines)})

    spoil.__name__ = change.__name__
    return spoil


def changed_value(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    entry = read_entry(lines[at])
    value = (
        {"time": "2026-11-01T01:11:00.000001Z"}
        if hasattr(entry, "body")
        else dice.choice(
            [
                {"entities": entry.entities + 1},
                {"bytes": 1},
                {"provider_area": "x"},
                {"replay_of": entry.request},
                {"outcome": "empty"},
            ]
        )
    )
    lines[at] = canonical(msgspec.structs.replace(entry, **value))


def dropped(lines: list[bytes], dice: random.Random) -> None:
    del lines[dice.randrange(len(lines))]


def dropped_and_renumbered(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    del lines[at]
    for n in range(at, len(lines)):
        lines[n] = canonical(msgspec.structs.replace(read_entry(lines[n]), seq=200 + n))


def swapped(lines: list[bytes], dice: random.Random) -> None:
    a, b = dice.sample(range(len(lines)), 2)
    lines[a], lines[b] = lines[b], lines[a]


def doubled(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    lines.insert(at, lines[at])


def doubled_in_place(lines: list[bytes], dice: random.Random) -> None:
    a, b = dice.sample(range(len(lines)), 2)
    lines[b] = canonical(msgspec.structs.replace(read_entry(lines[a]), seq=200 + b))


def respelled(lines: list[bytes], dice: random.Random) -> None:
    at = dice.randrange(len(lines))
    lines[at] = dice.choice(
        [lines[at] + b" ", lines[at].replace(b":", b": ", 1), lines[at].replace(b"a", rb"\u0061", 1)]
    )


def with_file(dice: random.Random) -> bytes:
    """A byte of one of the small files is another, and the manifest lists it as it is now."""
    files = contents(BUNDLE)
    name = dice.choice([bundle.PROOF, bundle.CHECKPOINT, bundle.KEYS, bundle.REPORT])
    at = dice.randrange(len(files[name]))
    spoilt = files[name][:at] + bytes([files[name][at] ^ (1 << dice.randrange(7))]) + files[name][at + 1 :]
    return resealed(BUNDLE, {name: spoilt})


def with_manifest(dice: random.Random) -> bytes:
    """The manifest speaks of other days, other entries or another ledger."""
    manifest = bundle.from_text(contents(BUNDLE)[bundle.MANIFEST], bundle.Manifest)
    change: dict[str, Any] = dice.choice(
        [
            {"since": "2026-11-01T01:10:00.000001Z"},
            {"until": None},
            {"since": None},
            {"first": manifest.first - 1},
            {"first": manifest.first + 1},
            {"end": manifest.end - dice.randrange(1, 9)},
            {"size": manifest.size + dice.choice([-1, 1])},
            {"origin": "another/ledger"},
        ]
    )
    return resealed(BUNDLE, {bundle.MANIFEST: bundle.to_text(msgspec.structs.replace(manifest, **change))})


def without_witness(dice: random.Random) -> bytes:
    lines = contents(BUNDLE)[bundle.CHECKPOINT].decode().splitlines(keepends=True)
    return resealed(BUNDLE, {bundle.CHECKPOINT: "".join(lines[:-1]).encode()})


LINES = [changed_value, dropped, dropped_and_renumbered, swapped, doubled, doubled_in_place, respelled]
WAYS = [spoil_bytes, cut, truncate, with_file, with_manifest, without_witness, *map(with_lines, LINES)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_whatever_is_spoilt_is_refused(way: Callable[[random.Random], bytes]) -> None:
    for seed in range(-(-MUTATIONS // len(WAYS))):
        spoilt = way(random.Random(seed))
        assert spoilt != BUNDLE, seed
        verdict = check(spoilt)
        assert not verdict.holds, seed
        assert all(fault.where and fault.what for fault in verdict.faults), seed


def test_a_change_is_found_in_its_place() -> None:
    lines = entries_of(BUNDLE)
    lines[101] = lines[101].replace(b'"bytes":1301', b'"bytes":1302')
    body = b"".join(line + b"\n" for line in lines)
    found = told(resealed(BUNDLE, {"entries/000000.ndjson": body}))
    assert "entries 256 to 511: one of them is not as it was recorded" in found
    del lines[50]
    body = b"".join(line + b"\n" for line in lines)
    assert "line 51 (entry 250): its number is 251, where 250 has to be" in told(
        resealed(BUNDLE, {"entries/000000.ndjson": body})
    )
    report = contents(BUNDLE)[bundle.REPORT].replace(b'"corrections":1', b'"corrections":0')
    assert "corrections: it states 0, the entries come to 1" in told(resealed(BUNDLE, {bundle.REPORT: report}))


# --- spoilt with a key -----------------------------------------------------------------------------------------------


def rewritten() -> list[bytes]:
    """Another history, without a fault in itself."""
    texts = list(TEXTS)
    texts[240] = canonical(flow(240, entities=10_000))
    return texts


def test_another_key_is_found_by_trust_only() -> None:
    forged = Forgery(rewritten(), 200, 540, key=OTHER_KEY).make()
    verdict = check(forged)
    assert verdict.holds
    assert verdict.facts["fingerprint"] == OTHER_KEY.verifying.fingerprint
    assert "not the key that you trust" in told(forged, trust=TRUST)


def test_a_fork_by_the_key_itself_is_found_by_an_earlier_checkpoint() -> None:
    for size in (300, 540, 600, 590, 77):
        forked = Forgery(rewritten(), 200, 540, earlier=[77, 590]).make()
        verdict = check(forked, trust=TRUST, since=HONEST.checkpoint(size))
        assert verdict.holds == (size == 77), size
        assert check(BUNDLE, trust=TRUST, since=HONEST.checkpoint(size)).faults == []
    early = list(TEXTS)
    early[5] = canonical(flow(5, entities=10_000))
    assert "forked" in told(Forgery(early, 200, 540, earlier=[77]).make(), since=HONEST.checkpoint(77))
    assert "forked" in told(Forgery(early, 200, 540).make(), since=HONEST.checkpoint(200))


def test_a_fork_is_found_by_a_witness() -> None:
    alone = Forgery(rewritten(), 200, 540, witnesses=()).make()
    assert check(alone, trust=TRUST).holds
    assert check(alone, trust=TRUST).facts["witnesses"] == []
    assert "secretariat has not cosigned" in told(alone, trust=[*TRUST, WITNESS.verifying])
    accomplice = SigningKey("secretariat", b"\4" * 32, COSIGNATURE)
    forged = Forgery(rewritten(), 200, 540, witnesses=(accomplice,)).make()
    assert "secretariat has not cosigned" in told(forged, trust=[*TRUST, WITNESS.verifying])


def test_a_rollback_is_found_by_an_earlier_checkpoint() -> None:
    back = Forgery(TEXTS[:500], 200, 480).make()
    assert check(back, trust=TRUST).holds
    assert "rolled back" in told(back, trust=TRUST, since=HONEST.checkpoint())


def test_a_checkpoint_of_which_nothing_is_known_is_no_proof() -> None:
    assert "export it with --since" in told(BUNDLE, since=HONEST.checkpoint(100))
    assert "not signed by a key" in told(BUNDLE, since=Forgery(TEXTS, key=OTHER_KEY).checkpoint(300))
    assert "--since" in told(BUNDLE, since="nonsense")


def test_what_was_recorded_twice_is_refused_though_it_is_signed() -> None:
    texts = list(TEXTS)
    texts[400] = canonical(flow(400, id=identity(320)))
    assert "there twice" in told(Forgery(texts, 200, 540).make(), trust=TRUST)


def test_a_correction_by_one_alone_is_refused_though_it_is_signed() -> None:
    body = msgspec.json.decode(TEXTS[300])["body"]
    for change in ({"approved_by": "takeshiba"}, {"reason": ""}, {"flow": "x"}, {"replacement": {"entities": -1}}):
        texts = list(TEXTS)
        texts[300] = canonical(event(300, "correction.approved", body | change))
        with pytest.raises(ValueError):
            Forgery(texts, 200, 540).make()


@pytest.mark.parametrize("made", [b"", b"PK", b"PK\3\4", b"x" * 1000, b"PK\5\6" + bytes(18)])
def test_what_is_no_bundle_is_refused(made: bytes) -> None:
    told(made)
