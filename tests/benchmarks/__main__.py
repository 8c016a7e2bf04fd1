"""`make bench`: three loopback sources, the gateway with metering on, JSON out. See `--help`.

The gateway is pinned to the first processor, its PostgreSQL to none, sources and load to the others, where the machine
has several. Figures of a shared machine drift: compare ratios and CPU, not wall times, and run it more than once.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson

from tests.benchmarks import catalogue, federation, store
from tests.benchmarks.gateway_process import free_port, gateway, pinned, process, say, wait_for
from tests.benchmarks.processes import cpu_seconds, rss_mb

SOURCES = 3
CONTEXT = {
    "@context": {
        "ex": "https://example.org/vehicles#",
        "Car": "https://uri.etsi.org/ngsi-ld/default-context/Vehicle",
        "marque": "https://uri.etsi.org/ngsi-ld/default-context/brand",
        "tempo": "https://uri.etsi.org/ngsi-ld/default-context/speed",
    }
}


@contextlib.contextmanager
def context_server() -> Iterator[str]:
    """A user's @context on loopback; gives its address."""
    body = orjson.dumps(CONTEXT)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/ld+json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/context.jsonld"
    finally:
        server.shutdown()


@contextlib.contextmanager
def nginx_proxy(folder: Path, target: int) -> Iterator[tuple[int, int] | None]:
    """nginx with a bare proxy_pass in front of one source, where nginx is installed; gives its port and pid."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        yield None
        return
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(
        f"""worker_processes 1; pid "{folder}/nginx.pid"; error_log "{folder}/error.log" crit; daemon off;
events {{ worker_connections 1024; }}
http {{ access_log off;
  client_body_temp_path "{folder}/b"; proxy_temp_path "{folder}/p"; fastcgi_temp_path "{folder}/f";
  uwsgi_temp_path "{folder}/u"; scgi_temp_path "{folder}/s";
  upstream source {{ server 127.0.0.1:{target}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{ proxy_pass http://source; proxy_http_version 1.1; proxy_set_header Connection ""; }} }} }}"""
    )
    with process(program, "-c", str(config), "-p", str(folder), core=0) as pid:
        wait_for(f"http://127.0.0.1:{port}/ngsi-ld/v1/types")
        yield port, pid


def measure(label: str, url: str, pid: int, connections: int, seconds: float, headers: list[str]) -> dict[str, Any]:
    """One run of the load and what it cost the process."""
    command = [sys.executable, "-m", "tests.benchmarks.load", url, str(connections), str(seconds), *headers]
    before = cpu_seconds(pid)
    out = subprocess.run([*pinned(1), *command], capture_output=True, check=True).stdout
    spent = cpu_seconds(pid) - before
    result: dict[str, Any] = {"case": label, "connections": connections, **orjson.loads(out)}
    result["cpu_us_per_request"] = round(spent / max(result["requests"], 1) * 1e6, 1)
    result["rss_mb"] = rss_mb(pid)
    return result


def register(base: str, ports: list[int]) -> None:
    """One inclusive registration per source, each for the ids that it holds; waits until all are probed."""
    for n, port in enumerate(ports):
        document = {
            "id": f"urn:ngsi-ld:ContextSourceRegistration:bench{n}",
            "type": "ContextSourceRegistration",
            "information": [{"entities": [{"type": "Vehicle", "idPattern": f"^urn:ngsi-ld:Vehicle:(s{n}|any):"}]}],
            "endpoint": f"http://127.0.0.1:{port}",
        }
        httpx2.post(f"{base}/ngsi-ld/v1/csourceRegistrations", json=document).raise_for_status()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        # what clients register is looked at once a question has gone there
        httpx2.get(f"{base}/ngsi-ld/v1/entities", params={"type": "Vehicle"}, timeout=30)
        if all(p["probe"] for p in httpx2.get(f"{base}/platforms").json()):
            return
        time.sleep(0.2)
    raise SystemExit("the sources were not probed in time")


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Start everything, measure every case, stop everything."""
    ports = [free_port() for _ in range(SOURCES)]
    with contextlib.ExitStack() as stack:
        for n, port in enumerate(ports):
            command = (sys.executable, "-m", "tests.benchmarks.static_source", str(port), f"s{n}")
            stack.enter_context(process(*command, core=1))
        for port in ports:
            wait_for(f"http://127.0.0.1:{port}/ngsi-ld/v1/types")
        coalesce = "true" if options.coalesce else "false"
        base, pid = stack.enter_context(gateway(folder / "home", coalesce=coalesce))
        idle = rss_mb(pid)
        register(base, ports)
        context = stack.enter_context(context_server())
        link = f'link: <{context}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
        one = f"{base}/ngsi-ld/v1/entities/urn:ngsi-ld:Vehicle:s0:0000"
        cases = [
            ("one entity, one source can hold it", one, []),
            ("one entity, asked of three sources", f"{base}/ngsi-ld/v1/entities/urn:ngsi-ld:Vehicle:any:0000", []),
            ("20 entities, three sources", f"{base}/ngsi-ld/v1/entities?type=Vehicle&limit=20", []),
            ("3 x 100 entities, same context", f"{base}/ngsi-ld/v1/entities?type=Vehicle&limit=1000", []),
            ("3 x 100 entities, different context", f"{base}/ngsi-ld/v1/entities?type=Car&limit=1000", [link]),
            ("one entity, different context", one, [link]),
        ]
        results = []
        for label, url, headers in [case for case in cases if options.only in case[0]]:
            for connections in options.connections:
                say(f"{label}, {connections} connection(s)")
                results.append(measure(label, url, pid, connections, options.seconds, headers))
        proxy = stack.enter_context(nginx_proxy(folder, ports[0]))
        if proxy is not None:
            port, nginx = proxy
            url = f"http://127.0.0.1:{port}/ngsi-ld/v1/entities/urn:ngsi-ld:Vehicle:s0:0000"
            for connections in options.connections:
                say(f"nginx proxy_pass, {connections} connection(s)")
                results.append(measure("nginx proxy_pass, one entity", url, nginx, connections, options.seconds, []))
        return {"idle_rss_mb": idle, "processors": os.cpu_count(), "metering": True, "results": results}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="per measurement (4)")
    parser.add_argument("--connections", type=lambda t: [int(c) for c in t.split(",")], default=[1, 16, 50])
    parser.add_argument("--coalesce", action="store_true", help="let equal requests at the same time share answers")
    parser.add_argument("--only", default="", help="cases whose name has this in it (all)")
    parser.add_argument("--store", action="store_true", help="the local store instead; --store --help tells more")
    parser.add_argument("--federation", action="store_true", help="overhead, faults, memory; --federation --help")
    if "--federation" in sys.argv[1:]:
        federation.main([argument for argument in sys.argv[1:] if argument != "--federation"])
        return
    parser.add_argument("--catalogue", action="store_true", help="harvests and searches of the catalogue instead")
    if "--catalogue" in sys.argv[1:]:
        catalogue.main([argument for argument in sys.argv[1:] if argument != "--catalogue"])
        return
    if "--store" in sys.argv[1:]:
        store.main([argument for argument in sys.argv[1:] if argument != "--store"])
        return
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(options, Path(folder))
    sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
