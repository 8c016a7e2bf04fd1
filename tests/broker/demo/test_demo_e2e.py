"""`kakehashi demo` whole: processes, tour, one JSON object; and with the real files, held to brute force."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.embedded.server import remove

pytestmark = pytest.mark.slow
REAL = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of the demo's own, with the private databases of the gateway and of the city OS."""
    with tempfile.TemporaryDirectory(prefix="kakehashi demo ") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "home"
        for one in (Path(folder) / "home", Path(folder) / "home/demo/otemachi"):
            remove(one)


def demo(home: Path, *words: str, stdout: Any = subprocess.PIPE) -> subprocess.Popen[str]:
    dropped = ("KAKEHASHI_", "LC_", "LANG")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    command = [sys.executable, "-m", "broker", "demo", *words]
    return subprocess.Popen(
        command,
        env=environment | {"KAKEHASHI_HOME": str(home)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def once(home: Path, *words: str) -> dict[str, Any]:
    process = demo(home, "--once", "--json", *words)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert err == ""
    document: dict[str, Any] = json.loads(out)
    return document


def left_behind(home: Path) -> list[str]:
    """Processes whose command line names the home."""
    needle = str(home).encode()
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes()
        except OSError:
            continue
        if needle in line and b"postgres" not in line:
            found.append(line.decode(errors="replace"))
    return found


def test_once_and_again_in_the_same_home(home: Path) -> None:
    first = once(home)
    assert set(first) == {"areas", "entities", "flows", "kpi", "ok"}
    assert first["ok"] is True
    assert [(a["id"], a["adapter"], a["status"]) for a in first["areas"]] == [
        ("otemachi", "ngsi_ld", "ok"),
        ("takeshiba", "ngsi_v2", "ok"),
        ("toyosu", "geojson", "ok"),
    ]
    assert all(set(a) == {"id", "adapter", "status", "entities", "ms"} for a in first["areas"])
    assert first["entities"] == sum(a["entities"] for a in first["areas"]) > 0
    assert first["kpi"]["total"]["services"] == 3
    pairs = {(p["provider_area"], p["consumer_area"]): p["entities"] for p in first["kpi"]["pairs"]}
    assert len(pairs) == 9
    assert min(pairs.values()) > 0
    second = once(home)
    assert (second["ok"], second["entities"], second["flows"]) == (True, first["entities"], first["flows"])
    uses = [document["kpi"]["total"]["api_uses"]["total"] for document in (first, second)]
    assert uses[1] == 2 * uses[0]
    assert left_behind(home) == []


def test_odd_data_are_refused_by_name(home: Path, tmp_path: Path) -> None:
    process = demo(home, "--json", "--data", str(tmp_path))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["ok"] is False
    assert err.startswith("error: ")
    assert str(tmp_path / "shelters" / "evacuation-131016.geojson") in err


needs_real = pytest.mark.skipif(not (REAL / "shelters").is_dir(), reason="the real files are not beside the checkout")


@needs_real
def test_with_real_files_until_it_is_ended(home: Path, tmp_path: Path) -> None:
    screen = tmp_path / "screen"
    with screen.open("w") as out:
        process = demo(home, "--data", str(REAL), "--lang", "ja", stdout=out)
    try:
        told = _wait_for(process, screen, "kpi show")
        url, key = found(r"http://127\.0\.0\.1:\d+(?=/ngsi)", told), found(r"kk_[\w-]+", told)
        _ask(url, key)
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "すべての手順が期待どおりでした" in told
    assert left_behind(home) == []


def _wait_for(process: subprocess.Popen[str], screen: Path, text: str) -> str:
    deadline = time.monotonic() + 90
    while text not in (told := screen.read_text("utf-8")):
        assert process.poll() is None, told
        assert time.monotonic() < deadline, told
        time.sleep(0.1)
    return told


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[0]


def _ask(url: str, key: str) -> None:
    shelters = {
        f"urn:ngsi-ld:EvacuationShelter:{feature['properties']['共通ID']}": feature["geometry"]["coordinates"]
        for code in ("131016", "131032", "131083")
        for feature in json.loads((REAL / f"shelters/evacuation-{code}.geojson").read_text("utf-8"))["features"]
    }
    assert len(shelters) == 15 + 83 + 202
    with httpx2.Client(base_url=url, headers={"X-API-Key": key}, timeout=20, trust_env=False) as client:
        params = {"type": "EvacuationShelter", "count": "true", "limit": "1000"}
        everything = client.get("/ngsi-ld/v1/entities", params=params)
        assert everything.headers["ngsild-results-count"] == "300"
        assert {e["id"] for e in everything.json()} == shelters.keys()
        counted = client.get("/ngsi-ld/v1/entities", params=params | {"limit": "0"})
        assert (counted.headers["ngsild-results-count"], counted.json()) == ("300", [])
        station = (139.7571, 35.6555)
        place = {"georel": "near;maxDistance==1000", "geometry": "Point", "coordinates": f"[{station[0]},{station[1]}]"}
        near = client.get("/ngsi-ld/v1/entities", params=params | place)
        right = {name for name, position in shelters.items() if _metres(*station, *position) <= 1000}
        assert {e["id"] for e in near.json()} == right
        assert len(right) > 3
        toilets = client.get("/ngsi-ld/v1/entities", params=params | {"type": "AccessibleToilet"})
        assert toilets.headers["ngsild-results-count"] == "88"


def _metres(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """By the chord between unit vectors: another way than the gateway's."""

    def vector(lon: float, lat: float) -> tuple[float, float, float]:
        east, north = math.radians(lon), math.radians(lat)
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    chord = math.dist(vector(lon, lat), vector(other_lon, other_lat))
    return 2 * 6371008.8 * math.asin(chord / 2)
