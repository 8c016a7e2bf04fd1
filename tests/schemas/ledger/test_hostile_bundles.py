"""Bundles that are made to harm whoever verifies them: refused at once, with what is wrong."""

from __future__ import annotations

import io
import zipfile
import zlib
from hashlib import sha256

import msgspec
import pytest
from bundle_forger import KEY, OTHER_KEY, Forgery, contents, ledger, pack, resealed, seal

from schemas.ledger import bundle
from schemas.ledger.container import DEFLATED, MOST, STORED, Member, directory
from schemas.ledger.verify import verify

HONEST = Forgery(ledger(40), 0, 40)
BUNDLE = HONEST.make()
ENTRIES = "entries/000000.ndjson"


def told(made: bytes) -> str:
    verdict = verify(memoryview(made))
    assert not verdict.holds
    return "\n".join(f"{fault.where}: {fault.what}" for fault in verdict.faults)


def zipped(members: list[tuple[str, bytes, int, int]]) -> bytes:
    """Of (name, bytes as they lie there, method, size that is told)."""
    out, made = io.BytesIO(), []
    for name, packed, method, size in members:
        member = Member(name, method, zlib.crc32(packed), len(packed), size, out.tell())
        out.write(member.header + packed)
        made.append(member)
    out.write(directory(made))
    return out.getvalue()


def test_an_honest_one_holds() -> None:
    assert verify(memoryview(BUNDLE)).faults == []


@pytest.mark.parametrize("end", [2**40, 2**53 - 1])
def test_more_entries_than_there_are_files_for(end: int) -> None:
    """Whoever signs may tell of any number of entries: a list of their files would fill the memory."""
    files = HONEST.files()
    manifest = msgspec.structs.replace(HONEST.manifest(files), end=end, size=end)
    assert "more entries than so many files can have" in told(seal(files, bundle.to_text(manifest), KEY))


def test_more_files_than_can_be_counted() -> None:
    members = [(f"{n}", b"", STORED, 0) for n in range(MOST)]
    assert "manifest.json: it is missing" in told(zipped(members))
    one_more = Member("more", STORED, 0, 0, 0, 0).header
    begin = zipped(members).index(b"PK\1\2")
    assert "more files than a bundle has" in told(zipped(members)[:begin] + one_more)


def test_a_file_that_is_there_twice() -> None:
    members = [(name, pack(name, text), STORED, 0) for name, text in contents(BUNDLE).items()]
    assert f"{ENTRIES}: there twice" in told(zipped([*members, members[0]]))


def test_a_file_that_belongs_to_nothing() -> None:
    files = HONEST.files()
    manifest = bundle.to_text(HONEST.manifest(files))
    for name in ("notes.txt", "entries/000001.ndjson", "../../etc/passwd", "Manifest.json"):
        assert "files too many" in told(seal(files | {name: b"{}"}, manifest, KEY)), name
    # also where the manifest lists it
    more = files | {"notes.txt": b"{}"}
    assert "files too many" in told(seal(more, bundle.to_text(HONEST.manifest(more)), KEY))


def test_what_another_tool_packed() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in contents(BUNDLE).items():
            opened.writestr(name, text)
    assert "header that is not written as here" in told(out.getvalue())


@pytest.mark.parametrize("filling", [b"\0", b"\n", b" "])
def test_a_file_that_grows_when_it_is_unpacked(filling: bytes) -> None:
    """200 MB of one byte, in 200 kB."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(bomb.compress(filling * 2**20) for _ in range(200)) + bomb.flush()
    size = 200 * 2**20
    files = HONEST.files()
    members = [
        (name, packed, DEFLATED, size) if name == ENTRIES else (name, text, STORED, len(text))
        for name, text in files.items()
    ]
    manifest = HONEST.manifest(files)
    listed = [p if p.name != ENTRIES else bundle.Packed(p.name, sha256(packed).hexdigest()) for p in manifest.files]
    text = bundle.to_text(msgspec.structs.replace(manifest, files=listed))
    signed = f"{bundle.statement(manifest.origin, text)}\n{KEY.sign(bundle.statement(manifest.origin, text))}".encode()
    members += [(bundle.MANIFEST, text, STORED, len(text)), (bundle.STATEMENT, signed, STORED, len(signed))]
    assert ENTRIES in told(zipped(members))


def test_small_files_are_not_packed() -> None:
    files = contents(BUNDLE)
    squeezed = zlib.compress(files[bundle.MANIFEST])[2:-4]
    members = [
        (name, squeezed, DEFLATED, len(text)) if name == bundle.MANIFEST else (name, text, STORED, len(text))
        for name, text in files.items()
    ]
    assert "not kept as it should be" in told(zipped(members))


def test_a_checkpoint_of_another_ledger_or_time() -> None:
    other = Forgery(ledger(40), 0, 40, key=OTHER_KEY).files()[bundle.CHECKPOINT]
    earlier = HONEST.checkpoint(30).encode()
    for swapped in (other, earlier):
        assert "checkpoint.txt" in told(resealed(BUNDLE, {bundle.CHECKPOINT: swapped}))
        files = HONEST.files() | {bundle.CHECKPOINT: swapped}
        assert "checkpoint.txt" in told(seal(files, bundle.to_text(HONEST.manifest(files)), KEY))


@pytest.mark.parametrize("number", [b"1e3", b"40.0", b"9223372036854775808", b"1e400", b"-0", b'"40"', b"null"])
def test_numbers_that_are_none(number: bytes) -> None:
    files = HONEST.files()
    manifest = bundle.to_text(HONEST.manifest(files)).replace(b'"end":40', b'"end":' + number)
    assert "manifest.json" in told(seal(files, manifest, KEY))
