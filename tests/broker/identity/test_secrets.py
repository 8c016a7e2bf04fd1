"""Sealed credentials and the key that they are sealed with."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.identity.secrets import SecretBox, load_key
from schemas.errors import SettingsError

KEY = bytes(range(32))
BOX = SecretBox(KEY)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))))
def test_what_is_sealed_opens(secret: dict[str, str]) -> None:
    assert BOX.open(BOX.seal(secret, "urn:a"), "urn:a") == secret


def test_a_seal_tells_nothing_and_is_never_the_same() -> None:
    one, two = (BOX.seal({"apikey": "open-sesame"}, "urn:a") for _ in range(2))
    assert one != two
    assert b"sesame" not in one


def test_it_opens_for_its_own_platform_only() -> None:
    with pytest.raises(SettingsError, match="another platform"):
        BOX.open(BOX.seal({}, "urn:a"), "urn:b")


def test_any_changed_byte_is_found() -> None:
    sealed = BOX.seal({"a": "b"}, "urn:a")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(SettingsError):
            BOX.open(bytes(changed), "urn:a")
    for length in range(len(sealed)):
        with pytest.raises(SettingsError):
            BOX.open(sealed[:length], "urn:a")


def test_an_older_key_still_opens_and_no_longer_seals() -> None:
    new = bytes(reversed(KEY))
    both = SecretBox(new, KEY)
    assert both.open(BOX.seal({"a": 1}, "x"), "x") == {"a": 1}
    sealed = both.seal({"a": 2}, "x")
    assert SecretBox(new).open(sealed, "x") == {"a": 2}
    with pytest.raises(SettingsError, match="another secret key"):
        BOX.open(sealed, "x")


@pytest.mark.parametrize(
    "setting",
    [
        KEY.hex(),
        KEY.hex().upper(),
        base64.b64encode(KEY).decode(),
        base64.urlsafe_b64encode(KEY).decode().rstrip("="),
        f" {KEY.hex()}\n",
    ],
)
def test_a_key_of_32_bytes_in_any_form(setting: str, tmp_path: Path) -> None:
    assert load_key(setting, tmp_path) == KEY
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_gives_the_same_key_everywhere(tmp_path: Path) -> None:
    key = load_key("正しい馬の電池のホチキスを使うこと", tmp_path)
    assert len(key) == 32
    assert key == load_key("正しい馬の電池のホチキスを使うこと", tmp_path / "elsewhere")
    assert key != load_key("正しい馬の電池のホチキスを使うこと。", tmp_path)


@pytest.mark.parametrize("setting", ["x", "fifteen letters", "0123456789abcde"])
def test_a_short_one_is_refused_without_being_shown(setting: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_key(setting, tmp_path)
    assert caught.value.field == "KAKEHASHI_SECRET_KEY"
    assert setting not in caught.value.detail or setting == "x"
    assert caught.value.value is None


def test_without_a_setting_the_home_keeps_one(tmp_path: Path) -> None:
    home = tmp_path / "ホーム 1"
    key = load_key("", home)
    assert load_key("  ", home) == key
    assert [stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()] == [0o600]


def test_of_many_processes_at_once_all_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as executor:
        keys = set(executor.map(lambda _: load_key("", tmp_path), range(64)))
    assert len(keys) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_key("", tmp_path)
    (file,) = tmp_path.iterdir()
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_key("", tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40, b"ab" * 31])
def test_a_file_without_a_key_is_refused(content: bytes, tmp_path: Path) -> None:
    load_key("", tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="secret key's file"):
        load_key("", tmp_path)
