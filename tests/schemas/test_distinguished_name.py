"""Subjects of certificates as RFC 4514 writes them: read in one way only, or not at all."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from schemas.distinguished_name import LONGEST, read_subject

VALUES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CN=app,O=App Inc,C=JP", {"cn": ("app",), "o": ("App Inc",), "c": ("JP",)}),
        (r"CN=\E6\9D\B1\E4\BA\AC,O=A\, B", {"cn": ("東京",), "o": ("A, B",)}),
        ("cn=東京", {"cn": ("東京",)}),
        ("CN=a+OU=b,O=x", {"cn": ("a",), "ou": ("b",), "o": ("x",)}),
        ("CN=a,CN=b", {"cn": ("a", "b")}),
        ("emailAddress=a@b,2.5.4.97=NTRJP-1", {"emailaddress": ("a@b",), "2.5.4.97": ("NTRJP-1",)}),
        (r"CN=a\+b\=c\22\\\ ", {"cn": ('a+b=c"\\ ',)}),
        ("CN=a=b", {"cn": ("a=b",)}),
        (r"CN=\ a", {"cn": (" a",)}),
    ],
)
def test_what_is_read(text: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert read_subject(text.encode()) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"(null)",
        b"app",
        b"/C=JP/O=App Inc/CN=app",
        b"CN=app,",
        b",CN=app",
        b"CN=app, O=x",
        b"CN=",
        b"CN=,O=x",
        b"=app",
        b'CN="app,O=x"',
        b"CN=#04024869",
        b"CN=a;O=b",
        b"CN=a\x00b",
        b"CN=a\nO=b",
        b"CN=a\\",
        b"CN=a\\zz",
        b"CN=a\\0",
        rb"CN=\00",
        rb"CN=\0A",
        rb"CN=\80\81",
        b"CN=\xff",
        "CN=a\u202eb".encode(),
        b"CN= a",
        b"CN=a ",
        b"CN=<a>",
        b"CN = a",
        b"2.5=x,2.=y",
        b"CN=" + b"a" * LONGEST,
    ],
)
def test_what_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        read_subject(raw)


@given(VALUES, VALUES)
def test_what_another_library_writes(name: str, organisation: str) -> None:
    written = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    ).rfc4514_string()
    if all(text.isprintable() for text in (name, organisation)):
        assert read_subject(written.encode()) == {"cn": (name,), "o": (organisation,)}
    else:
        with pytest.raises(ValueError):
            read_subject(written.encode())


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        subject = read_subject(raw)
    except ValueError:
        return
    assert all(value and value.isprintable() for values in subject.values() for value in values)
