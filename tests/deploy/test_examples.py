"""The example settings load, and the example areas are registrations that the gateway would take."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from adapters import registry as kinds
from adapters.credentials.forms import check
from adapters.geojson.mapping import parse_mapping
from adapters.manifest import validate_options
from adapters.ngsi_v2.asking import read_scopes
from broker.identity.secrets import load_key
from broker.keys import admin_key
from broker.local.adapter import MANIFEST as LOCAL
from broker.registry.inputs import read_platform
from broker.settings import Settings, load

DEPLOY = Path(__file__).parents[2] / "deploy"
AREAS = sorted((DEPLOY / "areas").glob("*.json"))


def environment_file(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_settings_file_loads_and_holds_no_secret() -> None:
    settings = load({"KAKEHASHI_CONFIG": str(DEPLOY / "kakehashi.toml")})
    assert settings.home == Path("/var/lib/kakehashi")
    assert not settings.open_access
    told = tomllib.loads((DEPLOY / "kakehashi.toml").read_text())
    assert not {"secret_key", "admin_key", "database_url"} & told.keys()
    assert settings.alias == told["alias"]


def test_the_environment_file_loads(tmp_path: Path) -> None:
    given = environment_file(DEPLOY / "kakehashi.env.example")
    ours = {name: value for name, value in given.items() if name.startswith("KAKEHASHI_")}
    assert set(given) - set(ours) == {"POSTGRES_PASSWORD"}
    assert {name.removeprefix("KAKEHASHI_").lower() for name in ours} <= Settings.model_fields.keys()
    settings = load({**ours, "KAKEHASHI_CONFIG": str(DEPLOY / "kakehashi.toml")})
    assert settings.public_url == "https://kakehashi.example.jp"
    assert len(load_key(settings.secret_key, tmp_path)) == 32
    assert admin_key(settings.admin_key, tmp_path) == settings.admin_key
    assert not list(tmp_path.iterdir()), "neither key is made in the home"


def test_every_area_and_every_adapter_has_an_example() -> None:
    documents = [json.loads(path.read_text()) for path in AREAS]
    assert {d["area"] for d in documents} == {"otemachi", "takeshiba", "toyosu", "nishi-shinjuku"}
    assert {d["adapter"] for d in documents} == {*kinds.kinds(), "local"}
    assert len({d["id"] for d in documents}) == len(documents)


@pytest.mark.parametrize("path", AREAS, ids=lambda p: p.stem)
def test_the_area_s_registration_is_taken(path: Path) -> None:
    given = read_platform(json.loads(path.read_text()))
    manifest = LOCAL if given.adapter == "local" else kinds.module(given.adapter).manifest
    options = validate_options(manifest, given.options)
    if given.adapter == "local":
        assert given.endpoint == ""
        return
    assert "example.jp" in given.endpoint or given.endpoint.startswith("file:///srv/kakehashi/data/")
    if given.credential is not None:
        check(given.credential)
        assert any("CHANGE-ME" in value for value in given.credential.values())
    if given.adapter == "ngsi_v2":
        scopes = read_scopes(given.service_path, options.get("service_paths", ()))
        assert all(scope.path is not None and scope.path.startswith("/") for scope in scopes)
    if given.adapter == "geojson":
        rules = parse_mapping(options)
        assert rules.id is not None
        assert rules.attributes


def test_files_lie_where_the_settings_allow_them() -> None:
    allowed = load({"KAKEHASHI_CONFIG": str(DEPLOY / "kakehashi.toml")}).data_dirs.split(":")
    for path in AREAS:
        endpoint = json.loads(path.read_text()).get("endpoint", "")
        if endpoint.startswith("file://"):
            assert any(endpoint.removeprefix("file://").startswith(folder + "/") for folder in allowed)
