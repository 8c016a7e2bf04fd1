"""What each of the three areas holds, as files that its platform serves, and how it is registered."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from broker.demo import real_files
from broker.demo.files import toyosu_folder
from broker.demo.orion_data import load_file
from schemas.errors import BadRequestData

SHELTER, TOILET, CROWD, SITE = "EvacuationShelter", "AccessibleToilet", "CrowdFlowObserved", "EvacuationSite"
AREAS = ("otemachi", "takeshiba", "toyosu")
ADAPTERS = {"otemachi": "ngsi_ld", "takeshiba": "ngsi_v2", "toyosu": "geojson"}
ORGANISATIONS = {
    "otemachi": "大手町・丸の内・有楽町 エリアマネジメント団体(デモ)",
    "takeshiba": "竹芝 エリアマネジメント団体(デモ)",
    "toyosu": "豊洲 エリアマネジメント団体(デモ)",
}
SERVICE_PATH = "/opendata"
FIWARE_SERVICE = "takeshiba"
_WARDS = {"otemachi": "131016", "takeshiba": "131032", "toyosu": "131083"}


@dataclass(slots=True)
class Holdings:
    """`shelters`: how many evacuation shelters each area has. `source`: the folder of real files, if they are real."""

    otemachi: list[dict[str, Any]]
    """Normalized NGSI-LD."""
    takeshiba: list[Path]
    """Files that the NGSIv2 server reads."""
    toyosu: Path
    """The folder of its file server."""
    registrations: list[dict[str, Any]]
    """How each of Toyosu's files is registered."""
    shelters: dict[str, int] = field(default_factory=dict)
    source: Path | None = None


def synthetic(folder: Path) -> Holdings:
    """What ships with the project."""
    data = files("broker.demo").joinpath("data")
    entities: list[dict[str, Any]] = orjson.loads(data.joinpath("otemachi.json").read_bytes())
    v2 = load_file(None)
    registrations = orjson.loads((toyosu_folder() / "registrations.json").read_bytes())
    [shelters] = [r["path"] for r in registrations if r["type"] == SHELTER]
    features = orjson.loads((toyosu_folder() / shelters).read_bytes())["features"]
    counts = {"otemachi": _count(entities, SHELTER), "takeshiba": _count(v2, SHELTER), "toyosu": len(features)}
    return Holdings(entities, [_write(folder / "takeshiba.json", v2)], toyosu_folder(), registrations, counts)


def real(folder: Path, source: Path) -> Holdings:
    """Real shelters and toilets from a folder; crowd flow, of which there is no open data, stays synthetic.

    BadRequestData names the file that is missing or odd. `folder` takes what the platforms are to serve.
    """
    if not source.is_dir():
        raise BadRequestData("there is no such folder", field="--data", value=str(source))
    made = synthetic(folder)
    shelter_files = {area: source / "shelters" / f"evacuation-{code}.geojson" for area, code in _WARDS.items()}
    features = {area: real_files.read_places(file) for area, file in shelter_files.items()}
    toilets = real_files.read_toilets(source / "toilets" / "chiyoda.json")
    made.otemachi = [
        *map(real_files.shelter, features["otemachi"]),
        *map(real_files.site, _sites(source, "otemachi")),
        *map(real_files.toilet, toilets),
        *(e for e in made.otemachi if e["type"] == CROWD),
    ]
    v2 = [
        *(real_files.as_v2(real_files.site(f)) for f in _sites(source, "takeshiba")),
        *(e for e in load_file(None) if e["type"] == CROWD),
    ]
    made.takeshiba = [shelter_files["takeshiba"], _write(folder / "takeshiba.json", v2)]
    made.registrations = [r for r in made.registrations if r["type"] in (SHELTER, CROWD)]
    made.toyosu = _serve(folder / "toyosu", made.registrations, shelter_files["toyosu"])
    made.shelters = {area: len(found) for area, found in features.items()}
    made.source = source
    return made


def platforms(holdings: Holdings, urls: dict[str, str]) -> list[dict[str, Any]]:
    """What is posted to `/platforms`: one for each area, at Toyosu one for each file."""
    types = sorted({e["type"] for e in holdings.otemachi})
    v2_types = sorted({e["type"] for file in holdings.takeshiba for e in load_file(file)})
    documents = [
        _platform("otemachi", "", "", urls["otemachi"], types),
        _platform("takeshiba", "", "", urls["takeshiba"], v2_types)
        | {"tenant": FIWARE_SERVICE, "service_path": SERVICE_PATH},
    ]
    for one in holdings.registrations:
        stem = Path(one["path"]).stem
        document = _platform("toyosu", f"-{stem}", one["name"], f"{urls['toyosu']}/{one['path']}", [one["type"]])
        documents.append(document | {"options": one["options"]})
    return documents


def _platform(area: str, suffix: str, name: str, endpoint: str, types: Sequence[str]) -> dict[str, Any]:
    return {
        "id": f"demo-{area}{suffix}",
        "area": area,
        "organisation": ORGANISATIONS[area],
        "name": name,
        "adapter": ADAPTERS[area],
        "open_data": True,
        "endpoint": endpoint,
        "coverage": {"types": list(types)},
    }


def _sites(source: Path, area: str) -> list[dict[str, Any]]:
    """Not every municipality publishes 指定緊急避難場所."""
    file = source / "shelters" / f"emergency-{_WARDS[area]}.geojson"
    return real_files.read_places(file) if file.exists() else []


def _serve(folder: Path, registrations: list[dict[str, Any]], shelters: Path) -> Path:
    """Toyosu's files in a folder of their own; the shelters come from the real file and say who provides them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for one in registrations:
        if one["type"] == SHELTER:
            shutil.copyfile(shelters, folder / one["path"])
            attributes = one["options"]["mapping"]["attributes"]
            for name in ("capacity", "status", "dataProvider"):
                attributes.pop(name, None)
            one["name"] = "江東区 指定避難所"
        else:
            shutil.copyfile(toyosu_folder() / one["path"], folder / one["path"])
    return folder


def _count(entities: Sequence[dict[str, Any]], type_: str) -> int:
    return sum(e["type"] == type_ for e in entities)


def _write(file: Path, entities: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(entities))
    return file
