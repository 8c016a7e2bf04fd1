from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from adapters.contract import SourceContext
from adapters.geojson.origin import FileOrigin, Version
from schemas.errors import Refused, SourceError, SourceNotFound, SourceTooLarge


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "a.csv").write_text("inside")
    (data / "sub" / "b c.csv").write_text("deeper")
    (tmp_path / "secret.txt").write_text("outside")
    (tmp_path / "data-other").mkdir()
    (tmp_path / "data-other" / "x.csv").write_text("a neighbour with the same beginning")
    return data


async def fetched(endpoint: str, *folders: Path, max_bytes: int = 1000, have: Version | None = None) -> bytes | None:
    origin = FileOrigin(endpoint, [str(f) for f in folders], max_bytes)
    return (await origin.get(have, SourceContext(deadline=asyncio.get_running_loop().time() + 5))).data


async def test_files_below_the_folder(folder: Path) -> None:
    assert await fetched("file:a.csv", folder) == b"inside"
    assert await fetched(f"file://{folder}/a.csv", folder) == b"inside"
    assert await fetched(f"file://localhost{folder}/sub/b%20c.csv", folder) == b"deeper"
    assert await fetched("file:sub/../a.csv", folder) == b"inside"


async def test_the_second_folder_is_looked_in_too(folder: Path, tmp_path: Path) -> None:
    assert await fetched("file:x.csv", folder, tmp_path / "data-other") is not None


@pytest.mark.parametrize(
    "endpoint",
    [
        "file:../secret.txt",
        "file:sub/../../secret.txt",
        "file:%2e%2e/secret.txt",
        "file:///etc/hostname",
        "file://{parent}/secret.txt",
        "file://{parent}/data-other/x.csv",
        "file://{parent}/data/../secret.txt",
        "file://elsewhere{parent}/data/a.csv",
        "file:a.csv%00.txt",
        "file:",
        "file:.",
        "file:a.csv?x=1",
    ],
)
async def test_nothing_outside_is_read(folder: Path, tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(Refused) as raised:
        await fetched(endpoint.replace("{parent}", str(tmp_path)), folder)
    assert raised.value.field == "endpoint"
    assert "outside" not in raised.value.detail


async def test_links_that_lead_out_are_refused_and_links_inside_are_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in.csv").symlink_to(folder / "sub" / "b c.csv")
    (folder / "loop").symlink_to(folder / "loop")
    for endpoint in ("file:out.txt", "file:up/secret.txt", "file:up/data-other/x.csv"):
        with pytest.raises(Refused):
            await fetched(endpoint, folder)
    with pytest.raises(SourceError):
        await fetched("file:loop", folder)
    assert await fetched("file:in.csv", folder) == b"deeper"


async def test_a_folder_that_is_itself_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert await fetched("file:a.csv", tmp_path / "link") == b"inside"


async def test_without_folders_no_file_is_read(folder: Path) -> None:
    with pytest.raises(Refused, match="KAKEHASHI_DATA_DIRS"):
        await fetched(f"file://{folder}/a.csv")


async def test_no_such_file_no_file_and_too_large(folder: Path) -> None:
    with pytest.raises(SourceNotFound):
        await fetched("file:none.csv", folder)
    with pytest.raises(SourceNotFound):
        await fetched(f"file://{folder}/none.csv", folder)
    with pytest.raises(Refused):
        await fetched("file:sub", folder)
    os.mkfifo(folder / "pipe")
    with pytest.raises(Refused):
        await fetched("file:pipe", folder)
    with pytest.raises(SourceTooLarge) as raised:
        await fetched("file:a.csv", folder, max_bytes=5)
    assert raised.value.field == "options.max_bytes"
    assert await fetched("file:a.csv", folder, max_bytes=6) == b"inside"


async def test_an_unchanged_file_is_not_read_again(folder: Path) -> None:
    origin = FileOrigin("file:a.csv", [str(folder)], 1000)
    ctx = SourceContext(deadline=asyncio.get_running_loop().time() + 5)
    first = await origin.get(None, ctx)
    assert (await origin.get(first.version, ctx)).data is None
    (folder / "a.csv").write_text("changed!")
    assert (await origin.get(first.version, ctx)).data == b"changed!"
