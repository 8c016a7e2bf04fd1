"""The file server of the demo's Toyosu area: a folder of open data over HTTP, with ETag and Last-Modified.

`python -m broker.demo.files --port 9103 [--dir DIR]`; without a folder it serves the synthetic data that ship with it.
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_TYPES = {
    ".geojson": "application/geo+json",
    ".json": "application/json",
    # no charset: what municipalities' servers say of their CSVs is as often wrong as not there
    ".csv": "text/csv",
}


def toyosu_folder() -> Path:
    """Where the synthetic files lie."""
    return Path(str(files("broker.demo").joinpath("data", "toyosu")))


class _Files(StaticFiles):
    """Starlette's, with the media types of open data. It keeps to its folder, links included."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        kind = _TYPES.get(Path(path).suffix.lower())
        if kind is not None and response.status_code == 200:
            response.headers["content-type"] = kind
        return response


def create_app(folder: Path) -> Starlette:
    """`GET /` lists the files; `GET /NAME` gives one, or 304 where nothing has changed."""

    def index(request: Request) -> Response:
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
        return JSONResponse({"files": [name for name in names if Path(name).suffix.lower() in _TYPES]})

    return Starlette(routes=[Route("/", index), Mount("/", _Files(directory=folder))])


def main(arguments: list[str] | None = None) -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m broker.demo.files", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9103)
    parser.add_argument("--dir", type=Path, default=None, help="folder to serve; default: the synthetic data")
    given = parser.parse_args(arguments)
    folder = given.dir or toyosu_folder()
    if not folder.is_dir():
        parser.error(f"there is no folder {folder}")
    uvicorn.run(create_app(folder), host=given.host, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
