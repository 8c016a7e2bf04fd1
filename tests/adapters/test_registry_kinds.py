from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from adapters.contract import Manifest
from adapters.registry import kinds, module
from schemas.errors import BadRequestData


def test_kinds_are_the_entry_points() -> None:
    assert set(kinds()) >= {"geojson", "ngsi_ld", "ngsi_v2"}


def test_module_has_manifest_and_open() -> None:
    found = module("geojson")
    assert isinstance(found.manifest, Manifest)
    assert found.manifest.kind == "geojson"
    assert inspect.iscoroutinefunction(found.open)


def test_unknown_kind_names_the_field_and_the_kinds() -> None:
    with pytest.raises(BadRequestData) as raised:
        module("gopher")
    assert raised.value.field == "adapter"
    assert raised.value.value == "gopher"
    assert "geojson" in raised.value.detail


def test_listing_kinds_loads_none_of_them() -> None:
    code = (
        "import sys; from adapters.registry import kinds, module; kinds();"
        "before = 'adapters.geojson' in sys.modules; module('geojson');"
        "print(before, 'adapters.geojson' in sys.modules, 'adapters.ngsi_v2' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
