"""Settings: read once at start, frozen. Environment (`KAKEHASHI_<NAME>`) over the file over the defaults.

Every setting stands in docs/settings.md; a test fails when one is missing there.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import SettingsError
from schemas.ngsi_ld.context import CORE

PREFIX = "KAKEHASHI_"


_CLAIM = "(service|organisation|project|area|roles)=[^,=]+"
_OF_SUBJECT = r"(service|organisation|project|area|roles)=([A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+)"


class Access(StrEnum):
    CLOSED = "closed"
    OPEN = "open"


class Settings(BaseModel):
    """The names here are those of the settings file; the environment has them in capitals behind KAKEHASHI_."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Annotated[Path, Field(description="Folder of the private PostgreSQL, keys and state")] = Path(".kakehashi")
    database_url: Annotated[str, Field(description="PostgreSQL 15 or later; unset: a private one in the home")] = ""
    access: Annotated[Access, Field(description="closed: API keys; open: everyone is anonymous")] = Access.CLOSED
    open_to_network: Annotated[
        bool, Field(description="In open mode, listen beyond loopback all the same (told twice)")
    ] = False
    secret_key: Annotated[
        str, Field(description="Key of stored credentials; unset: one is made in the home", repr=False)
    ] = ""
    secret_key_old: Annotated[
        str, Field(description="Former secret keys, comma-separated, until secrets are rotated", repr=False)
    ] = ""
    admin_key: Annotated[
        str, Field(description="Key of the administration; unset: one is made in the home", repr=False)
    ] = ""
    ledger_key: Annotated[
        str,
        Field(description="Seed of the ledger's signing key (32 bytes, base64); unset: made in the home", repr=False),
    ] = ""
    sequencer: Annotated[
        bool, Field(description="Number and sign the ledger in the workers; off: `kakehashi ledger sequence` does it")
    ] = True
    oidc_issuer: Annotated[
        str, Field(description="Issuer (URL) whose bearer tokens are taken beside API keys", pattern="^(https?://.+)?$")
    ] = ""
    oidc_audience: Annotated[str, Field(description="Audience that a token must be for")] = "kakehashi"
    oidc_algorithms: Annotated[
        str,
        Field(
            description="Algorithms that a token may be signed by (asymmetric ones only)",
            pattern="^((RS|PS|ES)(256|384|512)|EdDSA|Ed25519)(,((RS|PS|ES)(256|384|512)|EdDSA|Ed25519))*$",
        ),
    ] = "RS256,PS256,ES256,EdDSA,Ed25519"
    oidc_claims: Annotated[
        str,
        Field(
            description="Where a token has service, organisation, project, area and roles: name=path, comma-separated",
            pattern=f"^({_CLAIM}(,{_CLAIM})*)?$",
        ),
    ] = ""
    oidc_role_prefix: Annotated[str, Field(description="What stands before our roles in a token")] = "kakehashi-"
    oidc_leeway_s: Annotated[int, Field(ge=0, le=300, description="How far clocks may differ, for tokens")] = 30
    mtls_header: Annotated[
        str,
        Field(
            description="Header in which a proxy passes the subject of a verified client certificate (RFC 4514)",
            pattern=r"^([A-Za-z0-9-]{1,64})?$",
        ),
    ] = ""
    mtls_proxies: Annotated[str, Field(description="Addresses of the proxies that may, comma-separated CIDR")] = ""
    mtls_proxy_secret: Annotated[
        str, Field(description="What they send in Kakehashi-Proxy-Secret", pattern=r"^(.{16,})?$", repr=False)
    ] = ""
    mtls_subject: Annotated[
        str,
        Field(
            description="Which attribute of a subject has service, organisation, project, area and roles",
            pattern=f"^{_OF_SUBJECT}(,{_OF_SUBJECT})*$",
        ),
    ] = "service=CN,organisation=O"
    alias: Annotated[
        str,
        Field(
            description="Stable name of this gateway in Via headers (contextSourceAlias); unset: made in the home",
            pattern=r"^[A-Za-z0-9._~-]{0,64}$",
        ),
    ] = ""
    public_url: Annotated[str, Field(description="Base URL under which clients reach the gateway")] = ""
    area: Annotated[str, Field(description="The area whose entities the local store holds, if it is one area's")] = ""
    local_open: Annotated[
        str, Field(description="Entity types of the local store that are open data (IRIs, comma-separated), or *")
    ] = ""
    organisation: Annotated[str, Field(description="The organisation that answers for the local store")] = ""
    secretariat_areas: Annotated[
        str, Field(description="Areas whose agreements the secretariat approves, too (comma-separated), or *")
    ] = ""
    allow_networks: Annotated[
        str, Field(description="Private networks that sources and @contexts may be in, comma-separated CIDR")
    ] = ""
    data_dirs: Annotated[str, Field(description="Folders below which file platforms may read, colon-separated")] = ""
    ca_file: Annotated[str, Field(description="CA certificates (PEM) for sources, instead of the system's")] = ""
    request_timeout_ms: Annotated[
        int, Field(ge=100, le=600_000, description="Budget of one request for its sources")
    ] = 10_000
    max_collect: Annotated[
        int, Field(ge=1000, le=1_000_000, description="Entities read from one source for one answer, at most")
    ] = 20_000
    max_source_bytes: Annotated[
        int, Field(ge=65_536, le=2**31, description="Bytes read from one source for one request, at most")
    ] = 64 * 1024 * 1024
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**30, description="Bytes of a request's body, at most")] = (
        10 * 1024 * 1024
    )
    max_query_bytes: Annotated[int, Field(ge=1024, le=60_000, description="Bytes of a request's query string")] = 32_768
    temporal_page: Annotated[
        int, Field(ge=1, le=1000, description="Instances of one entity on a page of a temporal answer")
    ] = 20
    breaker_failures: Annotated[
        int, Field(ge=1, le=1000, description="Failures in a row after which a source is left alone")
    ] = 5
    breaker_cooldown_ms: Annotated[
        int, Field(ge=100, le=3_600_000, description="Time until a source that was left alone is tried again")
    ] = 2_000
    coalesce: Annotated[
        bool, Field(description="Requests that ask a source the same at the same time make one request of it")
    ] = True
    split_entities: Annotated[
        bool,
        Field(
            description="What holds where a query has no `splitEntities` (clause 4.3.6.7): true applies filters after "
            "the merge only, so that an entity is found whose attributes are at several sources, at the price of "
            "reading more"
        ),
    ] = False
    hedge: Annotated[
        bool, Field(description="Ask a source a second time where a read takes longer than 95 of 100 of its answers")
    ] = False
    cache_bytes: Annotated[
        int, Field(ge=0, le=2**34, description="Bytes of answers kept of sources that allow it, per worker; 0: none")
    ] = 64 * 1024 * 1024
    cache_stale_s: Annotated[
        int, Field(ge=0, le=86_400, description="How long a kept answer stands in for a source that fails")
    ] = 300
    probe_interval_s: Annotated[
        int, Field(ge=10, le=86_400, description="Time between probes of unverified platforms")
    ] = 60
    notify_timeout_ms: Annotated[
        int, Field(ge=100, le=30_000, description="Time of a receiver for one notification")
    ] = 5_000
    catalog_public: Annotated[
        bool, Field(description="Whoever asks may read the catalogue without a key (not download through it)")
    ] = False
    catalog_max_download_bytes: Annotated[
        int, Field(ge=1024, le=2**40, description="Bytes of a file that is fetched through the gateway, at most")
    ] = 1024**3
    catalog_sample_s: Annotated[
        int, Field(ge=5, le=86_400, description="Time between looks into live datasets, for counts and freshness")
    ] = 300
    catalog_links_per_day: Annotated[
        int, Field(ge=0, le=1_000_000, description="How many requests a day see whether files can be had; 0: none")
    ] = 5_000
    catalog_links_platforms: Annotated[
        bool, Field(description="Look for files at the hosts of registered platforms too")
    ] = False
    statistics_licence: Annotated[
        str, Field(description="Licence of the public statistics: an id or a name, as the catalogue shows it")
    ] = "CC-BY-4.0"
    log_level: Annotated[
        str, Field(description="debug, info, warning or error", pattern="^(debug|info|warning|error)$")
    ] = "info"
    access_log: Annotated[bool, Field(description="Log every request, not only failures")] = False

    @property
    def local_open_data(self) -> bool | tuple[str, ...]:
        """Of the local store: all of it, or these types as IRIs."""
        names = [name.strip() for name in self.local_open.split(",") if name.strip()]
        return True if names == ["*"] else tuple(map(CORE.expand, names))

    @property
    def secretariat_approves(self) -> frozenset[str]:
        return frozenset(name.strip() for name in self.secretariat_areas.split(",") if name.strip())

    @property
    def open_access(self) -> bool:
        return self.access is Access.OPEN


def load(environ: Mapping[str, str] | None = None, **override: Any) -> Settings:
    """Settings from the environment, the file that `KAKEHASHI_CONFIG` names, and `override` (the command line).

    SettingsError names the setting that is wrong, with where it came from.
    """
    env = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    config = env.get(PREFIX + "CONFIG")
    if config:
        values.update(_read_file(Path(config)))
        origin.update(dict.fromkeys(values, config))
    for name in Settings.model_fields:
        key = PREFIX + name.upper()
        if key in env:
            values[name] = env[key]
            origin[name] = key
    for name, value in override.items():
        if value is not None:
            values[name] = value
            origin[name] = "the command line"
    try:
        return Settings(**values)
    except ValidationError as e:
        first = e.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        secret = name in ("secret_key", "secret_key_old", "admin_key", "ledger_key", "mtls_proxy_secret")
        raise SettingsError(
            f"{PREFIX}{name.upper()} (from {origin.get(name, 'the default')}): {first['msg']}",
            field=f"{PREFIX}{name.upper()}",
            value=None if secret else first.get("input"),
        ) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as e:
        raise SettingsError(
            f"the settings file can't be read: {e.strerror}", field="KAKEHASHI_CONFIG", value=str(path)
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise SettingsError(f"the settings file is not TOML: {e}", field="KAKEHASHI_CONFIG", value=str(path)) from None
