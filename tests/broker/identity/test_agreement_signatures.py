"""Signatures of agreements: by a key in their own header, over just these terms, and by no way around that."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.identity.agreements.signatures import check_signature
from schemas.errors import BadRequestData

TERMS = b'{"purpose":"guidance"}'
ED, EC, P384 = OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256"), ECKey.generate_key("P-384")
RSA = RSAKey.generate_key(2048)
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ED_RAW: Any = ED.raw_value
OURS = ED.as_dict(private=False)
GOOD = [(ED, "Ed25519"), (EC, "ES256"), (P384, "ES384"), (RSA, "PS256"), (RSA, "RS256")]


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def detached(text: str) -> str:
    head, _, tail = text.split(".")
    return f"{head}..{tail}"


def by_hand(header: dict[str, Any], sign: Callable[[bytes], bytes], payload: bytes = TERMS) -> str:
    text = f"{b64(orjson.dumps(header))}.{b64(payload)}"
    return f"{text}.{b64(sign(text.encode()))}"


def by_ed(payload: bytes = TERMS, **header: Any) -> str:
    """A good signature of `ED` under whatever header."""
    given = {"alg": "Ed25519", "jwk": OURS} | header
    return by_hand({k: v for k, v in given.items() if v is not None}, ED_RAW.sign, payload)


def mac(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda text: hmac.new(secret, text, sha256).digest()


def small() -> str:
    numbers = SMALL.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": b64(numbers.n.to_bytes(128, "big")), "e": b64(numbers.e.to_bytes(3, "big"))}
    return by_hand({"alg": "RS256", "jwk": jwk}, lambda text: SMALL.sign(text, PKCS1v15(), SHA256()))


@pytest.mark.parametrize(("key", "algorithm"), GOOD, ids=[name for _, name in GOOD])
def test_good_ones(key: Any, algorithm: str) -> None:
    whole = jws.serialize_compact({"alg": algorithm, "jwk": key.as_dict(private=False)}, TERMS, key, [algorithm])
    for text in (whole, detached(whole)):
        made = check_signature(text, TERMS)
        assert (made.jws, made.key) == (detached(whole), key.thumbprint())


FORGED: dict[str, Callable[[], str]] = {
    "no algorithm": lambda: by_hand({"alg": "none", "jwk": OURS}, lambda text: b""),
    "no algorithm, with a signature": lambda: by_ed(alg="none"),
    "no word of an algorithm": lambda: by_ed(alg=None),
    "another algorithm": lambda: by_ed(alg="ES256"),
    "a shared secret in the header": lambda: by_hand(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": b64(b"s" * 32)}}, mac(b"s" * 32)
    ),
    "the public key as a shared secret": lambda: by_hand(
        {"alg": "HS256", "jwk": RSA.as_dict(private=False)}, mac(RSA.as_pem(private=False))
    ),
    "the private key in the header": lambda: by_ed(jwk=ED.as_dict(private=True)),
    "an empty key": lambda: by_ed(jwk={}),
    "no key": lambda: by_ed(jwk=None),
    "another key in the header": lambda: by_ed(jwk=OKPKey.generate_key("Ed25519").as_dict(private=False)),
    "a key by its address": lambda: by_ed(jwk=None, jku="https://example.jp/keys"),
    "a key for encryption": lambda: by_ed(jwk=OKPKey.generate_key("X25519").as_dict(private=False)),
    "a small RSA key": small,
    "other terms": lambda: by_ed(b'{"purpose":"advertising"}'),
    "the same terms, written otherwise": lambda: by_ed(b'{"purpose": "guidance"}'),
    "an extension that has to be understood": lambda: by_ed(crit=["exp"], exp=1),
    "half a signature": lambda: by_ed()[:-20],
    "no signature": lambda: by_ed().rpartition(".")[0] + ".",
    "four parts": lambda: by_ed() + ".x",
    "JSON": lambda: orjson.dumps({"payload": b64(TERMS), "signatures": []}).decode(),
    "not ASCII": lambda: "é" + by_ed(),
    "too long": lambda: by_ed(note="x" * 20_000),
}


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize("name", FORGED)
def test_forged_ones(name: str) -> None:
    text = FORGED[name]()
    for given in [text, detached(text)] if text.count(".") == 2 else [text]:
        with pytest.raises(BadRequestData) as raised:
            check_signature(given, TERMS)
        assert raised.value.field == "signature"
