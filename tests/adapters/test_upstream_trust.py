"""The HTTP port: whom it follows, whom it connects to, and whom it believes."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scripted import Scripted, plain, serving, soon

from adapters.exchange import Access
from adapters.guard import LOOPBACK, Guard
from adapters.upstream import Upstream
from schemas.errors import (
    BadUpstream,
    ForbiddenAddress,
    Refused,
    SourceError,
    SourceTimeout,
    Unavailable,
)

# --- redirects -------------------------------------------------------------------------------------------------------


def moved(location: str, status: str = "302 Found") -> bytes:
    return plain(b"", f"location: {location}", status=status)


async def test_redirects_are_followed_only_as_far_as_allowed(upstream: Upstream) -> None:
    async with serving(Scripted(None, moved("/b?x#frag"), plain(b"there"))) as server:
        answer = await upstream.request("GET", server.url + "/a", ctx=soon(access=Access({"x-key": "s"})), follow=1)
        assert answer.body == b"there"
        assert [h.partition(" HTTP")[0] for h in server.heads[0]] == ["GET /a", "GET /b?x"]
        assert all("x-key: s" in head for head in server.heads[0]), "the same origin may know our credential"
        server.answers = [moved("/c"), moved("/d"), moved("/e"), moved("/f"), moved("/g")]
        assert (await upstream.request("GET", server.url + "/a", ctx=soon())).status == 302
        assert (await upstream.request("GET", server.url + "/a", ctx=soon(), follow=3)).status == 302


async def test_another_origin_gets_no_credential_and_neither_does_the_way_back(upstream: Upstream) -> None:
    async with (
        serving(Scripted(None, plain(b"x"))) as first,
        serving(Scripted(None, moved(first.url + "/home"))) as second,
    ):
        first.answers = [moved(second.url + "/away"), plain(b"home")]
        ctx = soon(access=Access({"authorization": "Bearer s"}))
        answer = await upstream.request("GET", first.url + "/", ctx=ctx, headers={"accept": "x/y"}, follow=5)
        assert answer.body == b"home"
        assert "authorization" in first.heads[0][0]
        assert "authorization" not in second.heads[0][0]
        assert "accept: x/y" in second.heads[0][0]
        assert "authorization" not in first.heads[0][1]


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://10.0.0.1/", ForbiddenAddress),
        ("http://169.254.169.254/latest", ForbiddenAddress),
        ("http://[::ffff:10.0.0.1]/", ForbiddenAddress),
        ("file:///etc/passwd", Refused),
        ("http://[", BadUpstream),
        ("http://u:p@127.0.0.1/", Refused),
        ("", BadUpstream),
        ("/a", BadUpstream),
    ],
)
async def test_redirects_that_are_not_followed(upstream: Upstream, location: str, error: type[SourceError]) -> None:
    async with serving(Scripted(None, moved(location))) as server:
        with pytest.raises(error):
            await upstream.request("GET", server.url + "/a", ctx=soon(), follow=3)


async def test_a_post_is_not_redirected(upstream: Upstream) -> None:
    async with serving(Scripted(None, moved("/b", "307 Temporary Redirect"))) as server:
        assert (await upstream.request("POST", server.url + "/a", ctx=soon(), body=b"", follow=3)).status == 307


# --- guard and TLS ---------------------------------------------------------------------------------------------------


async def test_the_guard_stands_before_every_connection() -> None:
    async with serving(Scripted(None, plain(b""))) as server:
        closed = Upstream(Guard())
        with pytest.raises(ForbiddenAddress):
            await closed.request("GET", server.url + "/", ctx=soon())
        with pytest.raises(ForbiddenAddress):
            await closed.request("GET", server.url.replace("127.0.0.1", "localhost") + "/", ctx=soon())
        assert server.heads == []


class TwoAddresses(Guard):
    """What the resolver of a machine with two loopback addresses says, which this one may not have."""

    async def resolve(self, host: str, port: int) -> list[str]:
        return ["127.9.9.9", "127.0.0.1"]


async def test_an_address_of_the_name_on_which_nobody_listens_is_passed_over() -> None:
    async with serving(Scripted(None, plain(b"x"))) as server:
        upstream = Upstream(TwoAddresses(LOOPBACK))
        assert (await upstream.request("GET", server.url + "/", ctx=soon())).body == b"x"
        await upstream.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Self-signed, for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = (folder / "cert.pem", folder / "key.pem")
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return files


async def test_tls_is_verified(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    async with serving(Scripted(None, plain(b"secret")), ssl=context) as server:
        strict = Upstream(Guard(LOOPBACK))
        with pytest.raises(Refused) as raised:
            await strict.request("GET", server.url + "/", ctx=soon())
        assert "not trusted" in raised.value.detail
        trusting = Upstream(Guard(LOOPBACK), ca_file=str(certificate[0]))
        for _ in range(2):
            assert (await trusting.request("GET", server.url + "/", ctx=soon())).body == b"secret"
        assert len([heads for heads in server.heads if heads]) == 1, "kept"
        await trusting.close()


async def test_tls_asked_of_a_server_that_has_none(upstream: Upstream) -> None:
    async with serving(Scripted(None, plain(b"x"))) as server:
        with pytest.raises((Unavailable, SourceTimeout)):
            await upstream.request("GET", server.url.replace("http", "https") + "/", ctx=soon(1))
