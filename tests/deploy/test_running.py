"""The container file, the compose file, the unit and the proxy's configuration name what exists."""

from __future__ import annotations

import configparser
import datetime as dt
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from test_examples import environment_file

from broker.cli.main import app
from broker.settings import PREFIX, Settings
from broker.web.openapi.operations import OPERATIONS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DRAIN_SECONDS = 30


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((DEPLOY / "systemd/kakehashi.service").read_text())
    return parser


def serve_options(words: list[str]) -> dict[str, Any]:
    """The command line as the command itself reads it; it exits where it would refuse."""
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    assert words[0] == "serve"
    options: dict[str, Any] = command.make_context("serve", words[1:]).params
    return options


def is_setting(name: str) -> bool:
    return name == PREFIX + "CONFIG" or name.removeprefix(PREFIX).lower() in Settings.model_fields


def instructions(path: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


# --- the image ---------------------------------------------------------------------------------------------------


def test_the_image_is_built_from_what_is_there() -> None:
    steps = instructions(DEPLOY / "Containerfile")
    assert [rest.split()[0] for word, rest in steps if word == "FROM"] == ["python:3.11-slim"] * 2
    copied = [rest for word, rest in steps if word == "COPY" and not rest.startswith("--from")]
    for rest in copied:
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {f"{package} {package}" for package in wheel["packages"]} <= set(copied)
    assert any("--require-hashes" in rest and "requirements.lock" in rest for word, rest in steps if word == "RUN")


def test_the_image_runs_the_gateway_as_nobody_special() -> None:
    steps = instructions(DEPLOY / "Containerfile")
    last = dict(steps)
    assert last["USER"] == "kakehashi"
    assert last["ENTRYPOINT"] == '["kakehashi"]'
    assert "kakehashi" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    options = serve_options(yaml.safe_load(last["CMD"]))
    assert options["host"] == "0.0.0.0"
    assert last["EXPOSE"] == str(options["port"])
    checked = re.search(r"http://127\.0\.0\.1:(\d+)(/[a-z/]+)", last["HEALTHCHECK"])
    assert checked is not None
    assert checked[1] == str(options["port"])
    assert checked[2] in {operation.path for operation in OPERATIONS}
    for name, _, value in (part.partition("=") for part in shlex.split(last["ENV"])):
        if name.startswith(PREFIX):
            assert is_setting(name)
            assert any(word == "COPY" and rest.endswith(value) for word, rest in steps)


# --- compose -----------------------------------------------------------------------------------------------------


def test_the_services_fit_together(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"gateway", "postgres", "proxy"}
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[needed] or services[needed].get("build"), (name, needed)
        for network in service["networks"]:
            assert network in compose["networks"]
        for volume in service.get("volumes", []):
            source, target, *_ = volume.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                # data and tls are the operator's to fill
                assert (DEPLOY / source).exists() or source in ("./data", "./tls")
            else:
                assert source in compose["volumes"]
    build = services["gateway"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert services["postgres"]["image"] == "postgres:17"
    assert "ports" not in services["gateway"]
    assert "ports" not in services["postgres"]


def test_the_gateway_gets_settings_that_exist(compose: dict[str, Any]) -> None:
    gateway, postgres = compose["services"]["gateway"], compose["services"]["postgres"]
    assert all(map(is_setting, gateway["environment"]))
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked <= environment_file(DEPLOY / "kakehashi.env.example").keys()
    user, host, database = re.fullmatch(
        r"postgresql://(\w+):\$\{POSTGRES_PASSWORD[^}]*\}@(\w+):5432/(\w+)",
        gateway["environment"]["KAKEHASHI_DATABASE_URL"],
    ).groups()  # type: ignore[union-attr]
    assert host in compose["services"]
    assert postgres["environment"]["POSTGRES_USER"] == user
    assert postgres["environment"]["POSTGRES_DB"] == database
    targets = {volume.split(":")[1] for volume in gateway["volumes"]}
    assert gateway["environment"]["KAKEHASHI_CONFIG"] in targets
    settings = tomllib.loads((DEPLOY / "kakehashi.toml").read_text())
    assert {settings["home"], settings["data_dirs"]} <= targets


def test_the_gateway_has_time_to_end(compose: dict[str, Any], unit: configparser.ConfigParser) -> None:
    assert int(compose["services"]["gateway"]["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS
    assert int(unit["Service"]["TimeoutStopSec"]) > DRAIN_SECONDS


# --- the proxy ---------------------------------------------------------------------------------------------------


def test_the_proxy_asks_the_gateway(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "nginx/kakehashi.conf").read_text()
    server = re.search(r"server (\w+):(\d+);", text)
    assert server is not None
    assert server[1] in compose["services"]
    assert int(server[2]) == serve_options(compose["services"]["gateway"]["command"])["port"]
    mounted = [volume.split(":")[1] for volume in compose["services"]["proxy"]["volumes"]]
    for file in re.findall(r"ssl_certificate(?:_key)?\s+(\S+);", text):
        assert any(file.startswith(folder + "/") for folder in mounted)
    published = {port.split(":")[1] for port in compose["services"]["proxy"]["ports"]}
    assert set(re.findall(r"listen (\d+)", text)) == published
    size = re.search(r"client_max_body_size (\d+)m", text)
    assert size is not None
    assert int(size[1]) * 1024 * 1024 == Settings().max_body_bytes
    timeout = re.search(r"proxy_read_timeout (\d+)s", text)
    assert timeout is not None
    assert int(timeout[1]) * 1000 > Settings().request_timeout_ms


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    text = (DEPLOY / "nginx/kakehashi.conf").read_text()
    for there, here in (
        ("/etc/kakehashi/tls", str(tmp_path)),
        ("/var/log/nginx", str(tmp_path)),
        ("gateway:9090", "127.0.0.1:9090"),
    ):
        assert there in text
        text = text.replace(there, here)
    (tmp_path / "site.conf").write_text(text)
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ include {tmp_path}/site.conf; }}"
    )
    done = subprocess.run(["nginx", "-t", "-c", whole], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kakehashi.example.jp")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


# --- the unit ----------------------------------------------------------------------------------------------------


def test_the_unit_runs_the_command(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/opt/kakehashi/bin/kakehashi"
    assert serve_options(words)["host"] == "127.0.0.1"
    name, _, value = service["Environment"].partition("=")
    assert is_setting(name)
    readme = (DEPLOY / "README.md").read_text()
    assert value in readme
    assert service["EnvironmentFile"] in readme
    home = tomllib.loads((DEPLOY / "kakehashi.toml").read_text())["home"]
    assert home == f"/var/lib/{service['StateDirectory']}" == service["WorkingDirectory"]
    document = unit["Unit"]["Documentation"].removeprefix("file:/opt/kakehashi/")
    assert (ROOT / document).is_file()


def test_the_unit_is_hardened(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert service["User"] != "root"
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    assert {service[name] for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices")} == {"yes"}
    # the private PostgreSQL and the settler speak over Unix sockets
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} == set(service["RestrictAddressFamilies"].split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd/kakehashi.service").read_text()
    copy = tmp_path / "kakehashi.service"
    copy.write_text(text.replace("/opt/kakehashi/bin/kakehashi", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kakehashi.service" not in done.stderr


def test_the_readme_names_every_file() -> None:
    readme = (DEPLOY / "README.md").read_text()
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.parent.name != "areas" and path.name != "README.md":
            assert str(path.relative_to(DEPLOY)) in readme
