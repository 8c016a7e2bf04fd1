"""Reading an adapter's `manifest.json`, and checking the options of a platform against it."""

from __future__ import annotations

from dataclasses import fields
from importlib.resources import files
from typing import Any

import msgspec

from adapters.contract import Manifest, Rule
from adapters.options import check_schema, fill
from schemas.capability import Capabilities
from schemas.errors import BadRequestData, SettingsError

_CAPABILITY_NAMES = frozenset(f.name for f in fields(Capabilities))


class _File(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    title: str
    title_ja: str
    standard: str
    version: str
    capabilities: dict[str, Any]
    options_schema: dict[str, Any] = {}
    quality: tuple[Rule, ...] = ()


def load_manifest(package: str) -> Manifest:
    """The manifest that lies in an adapter's package; SettingsError says what is wrong with it."""
    try:
        text = files(package).joinpath("manifest.json").read_bytes()
    except (OSError, ModuleNotFoundError) as e:
        raise SettingsError(f"the adapter {package} has no manifest.json", field="manifest.json") from e
    return parse_manifest(text, package)


def parse_manifest(text: bytes, package: str) -> Manifest:
    """`text` is the JSON of a manifest; `package` is named in errors. SettingsError if a field is wrong or unknown."""
    try:
        file = msgspec.json.decode(text, type=_File)
        unknown = sorted(file.capabilities.keys() - _CAPABILITY_NAMES)
        if unknown:
            raise SettingsError(f"{package}: no such capability: {', '.join(unknown)}", field="capabilities")
        capabilities = msgspec.convert(file.capabilities, Capabilities)
        check_schema(file.options_schema, "options_schema")
    except msgspec.MsgspecError as e:
        raise SettingsError(f"the manifest of {package} is wrong: {e}", field="manifest.json") from e
    without_reason = [rule.id for rule in file.quality if not rule.done and not rule.note]
    if without_reason:
        raise SettingsError(f"{package}: a rule that is not done needs a note: {without_reason[0]}", field="quality")
    return Manifest(
        kind=file.kind,
        title=file.title,
        title_ja=file.title_ja,
        standard=file.standard,
        version=file.version,
        capabilities=capabilities,
        options_schema=file.options_schema,
        quality=file.quality,
    )


def validate_options(manifest: Manifest, options: Any) -> dict[str, Any]:
    """The options with defaults filled in; BadRequestData names the one at fault (`options.mapping.type`)."""
    schema = manifest.options_schema or {"type": "object", "additionalProperties": False}
    filled = fill(options, schema, "options")
    if not isinstance(filled, dict):
        raise BadRequestData("options are a JSON object", field="options", value=options)
    return filled
