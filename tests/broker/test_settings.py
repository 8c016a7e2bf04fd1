"""Settings, keys and logs: read once, named when they are wrong, and silent about secrets."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from broker import keys
from broker.settings import Access, Settings, load
from schemas.errors import SettingsError


def test_defaults_are_closed() -> None:
    found = load({})
    assert found.access is Access.CLOSED
    assert not found.open_access
    assert not found.open_to_network
    assert found.allow_networks == ""


def test_environment_over_file_over_defaults(tmp_path: Path) -> None:
    config = tmp_path / "kakehashi.toml"
    config.write_text('area = "toyosu"\nmax_collect = 5000\nalias = "from-file"\n')
    found = load({"KAKEHASHI_CONFIG": str(config), "KAKEHASHI_ALIAS": "from-env"}, max_collect=6000, area=None)
    assert (found.area, found.alias, found.max_collect) == ("toyosu", "from-env", 6000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS", "ajar"),
        ("MAX_COLLECT", "many"),
        ("MAX_COLLECT", "5"),
        ("REQUEST_TIMEOUT_MS", "0"),
        ("ALIAS", "a b"),
        ("ALIAS", "x" * 65),
        ("LOG_LEVEL", "loud"),
        ("BREAKER_FAILURES", "-1"),
        ("OPEN_TO_NETWORK", "perhaps"),
    ],
)
def test_a_wrong_setting_is_named_with_where_it_came_from(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({f"KAKEHASHI_{name}": value})
    assert raised.value.field == f"KAKEHASHI_{name}"
    assert f"from KAKEHASHI_{name}" in raised.value.detail


@pytest.mark.parametrize("text", ["colour = 1\n", "access = [\n", "access = 'ajar'\n"])
def test_a_wrong_file(tmp_path: Path, text: str) -> None:
    config = tmp_path / "k.toml"
    config.write_text(text)
    with pytest.raises(SettingsError):
        load({"KAKEHASHI_CONFIG": str(config)})


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    binary = tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none.toml", binary, tmp_path):
        with pytest.raises(SettingsError) as raised:
            load({"KAKEHASHI_CONFIG": str(path)})
        assert raised.value.field == "KAKEHASHI_CONFIG"


def test_secrets_are_not_shown() -> None:
    found = load({"KAKEHASHI_SECRET_KEY": "s3cret-key", "KAKEHASHI_ADMIN_KEY": "s3cret-admin-key"})
    assert "s3cret" not in repr(found)
    with pytest.raises(SettingsError) as raised:
        load({"KAKEHASHI_SECRET_KEY": "x"}, secret_key=["s3cret"])
    assert raised.value.value is None


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().area = "x"  # type: ignore[misc]


# --- keys ------------------------------------------------------------------------------------------------------------


def test_what_the_home_keeps_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    made = keys.admin_key("", tmp_path)
    assert made.startswith("ka_")
    assert len(made) >= 40
    assert keys.admin_key("", tmp_path) == made
    assert stat.S_IMODE((tmp_path / "admin.key").stat().st_mode) == 0o600
    assert keys.alias("", tmp_path) == keys.alias("", tmp_path)
    assert keys.alias("given", tmp_path) == "given"
    assert keys.admin_key("given-and-long-enough", tmp_path) == "given-and-long-enough"


def test_workers_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as executor:
        found = list(executor.map(lambda n: keys.alias("", tmp_path), range(40)))
    assert len(set(found)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alias"]


def test_a_key_that_is_too_short_or_a_file_that_is_empty(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        keys.admin_key("short", tmp_path)
    (tmp_path / "admin.key").write_text("\n")
    with pytest.raises(SettingsError) as raised:
        keys.admin_key("", tmp_path)
    assert raised.value.field == "KAKEHASHI_HOME"


# --- logs ------------------------------------------------------------------------------------------------------------


def test_logs_are_one_json_object_a_line() -> None:
    script = (
        "import logging, structlog\n"
        "from broker.log import configure\n"
        "configure('info')\n"
        "structlog.get_logger('x').info('started', area='大手町')\n"
        "structlog.get_logger('x').debug('quiet')\n"
        "logging.getLogger('library').warning('said %s', 'so')\n"
        "logging.getLogger('library').info('quiet')\n"
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    structlog.get_logger('x').error('broke', exc_info=e)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    rows = [json.loads(line) for line in ran.stderr.decode().splitlines()]
    assert [row["event"] for row in rows] == ["started", "said so", "broke"]
    assert rows[0]["area"] == "大手町"
    assert all(row["timestamp"].endswith("Z") for row in rows)
    assert "ZeroDivisionError" in rows[2]["exception"]
    assert ran.stdout == b""
