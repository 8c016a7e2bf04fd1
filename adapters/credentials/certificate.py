"""Mutual TLS: our own certificate for a platform that wants one."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any

from schemas.errors import BadRequestData


def context_of(credential: Mapping[str, Any], ca_file: str | None, field: str = "credential") -> ssl.SSLContext:
    """A TLS context with certificate (chain, PEM) and private key (PEM); BadRequestData if they are none or no pair."""
    context = ssl.create_default_context(cafile=ca_file)
    # the ssl module reads both from a file only; one that nobody else can read, for this moment
    handle, path = tempfile.mkstemp(prefix="kakehashi-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(f"{credential['certificate'].strip()}\n{credential['key'].strip()}\n")
        # without a password OpenSSL would ask for one at the terminal
        context.load_cert_chain(path, password=credential.get("password", ""))
    except (ssl.SSLError, ValueError, OSError) as e:
        reason = getattr(e, "reason", None) or "they can't be read"
        raise BadRequestData(
            f"certificate and key must be a pair in PEM ({str(reason).replace('_', ' ').lower()})",
            field=f"{field}.certificate",
        ) from None
    finally:
        os.unlink(path)
    return context
