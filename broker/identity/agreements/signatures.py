"""Signatures of agreements: JWS over the canonical terms, the key in the protected header (`jwk`).

The caller's own authentication says whose signature it is; the ledger keeps which key made it.
"""

from __future__ import annotations

import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from schemas.agreement import Signature
from schemas.errors import BadRequestData

ALGORITHMS = ("Ed25519", "EdDSA", "ES256", "ES384", "PS256", "RS256")
_LONGEST = 8192
_SMALLEST_RSA = 2048
_CURVES = {"P-256": "ES256", "P-384": "ES384"}


def check_signature(text: str, terms: bytes) -> Signature:
    """A compact JWS, detached (`header..signature`) or with the terms in it. BadRequestData if it is not theirs."""
    if len(text) > _LONGEST + 2 * len(terms) or text.count(".") != 2:
        raise BadRequestData("a signature is a compact JWS", field="signature")
    head, payload, tail = text.split(".")
    # the library's own bounds are for tokens: an RSA key and the terms may be longer
    registry = jws.JWSRegistry(algorithms=ALGORITHMS)
    registry.max_header_length, registry.max_payload_length = _LONGEST, len(terms) * 2 + _LONGEST
    try:
        found = jws.extract_compact(text.encode("ascii"), terms if not payload else None, registry)
        key = import_key(found.protected.get("jwk") or {})
        if not isinstance(key, OKPKey | ECKey | RSAKey) or key.is_private:
            raise BadRequestData("the header has no public key (jwk)", field="signature")
        if isinstance(key, RSAKey) and key.raw_value.key_size < _SMALLEST_RSA:
            raise BadRequestData(f"an RSA key has at least {_SMALLEST_RSA} bits", field="signature")
        proven = jws.deserialize_compact(text, key, registry=registry, payload=terms if not payload else None)
    except (JoseError, ValueError, TypeError, KeyError) as e:
        raise BadRequestData(f"the signature does not hold: {type(e).__name__}", field="signature") from None
    if payload and proven.payload != terms:
        raise BadRequestData("the signature is over other terms", field="signature")
    return Signature(f"{head}..{tail}", key.thumbprint())


def make_signature(terms: bytes, key_text: str) -> str:
    """A detached JWS by a private key (PEM or JWK). BadRequestData if it is none."""
    try:
        key, algorithm = _private(key_text)
        header = {"alg": algorithm, "jwk": key.as_dict(private=False)}
        whole = jws.serialize_compact(header, terms, key, [algorithm])
    except (JoseError, ValueError, TypeError, KeyError) as e:
        raise BadRequestData(f"that is no key to sign with: {type(e).__name__}", field="key") from None
    head, _, tail = whole.split(".")
    return f"{head}..{tail}"


def _private(text: str) -> tuple[OKPKey | ECKey | RSAKey, str]:
    """A key and the algorithm that goes with it."""
    key = import_key(orjson.loads(text)) if text.lstrip().startswith("{") else _of_pem(text)
    if isinstance(key, OKPKey) and key.is_private and isinstance(key.raw_value, ed25519.Ed25519PrivateKey):
        return key, "Ed25519"
    if isinstance(key, RSAKey) and key.is_private:
        return key, "PS256"
    if isinstance(key, ECKey) and key.is_private and key.curve_name in _CURVES:
        return key, _CURVES[key.curve_name]
    raise ValueError("neither Ed25519 nor EC nor RSA")


def _of_pem(text: str) -> OKPKey | ECKey | RSAKey:
    raw = load_pem_private_key(text.encode(), None)
    if isinstance(raw, rsa.RSAPrivateKey):
        return RSAKey.import_key(text)
    return ECKey.import_key(text) if isinstance(raw, ec.EllipticCurvePrivateKey) else OKPKey.import_key(text)
